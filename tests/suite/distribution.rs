//! What is drawn follows the distribution that the chain leaves: chi-square tests of 200,000 draws against probabilities computed in
//! f64 by their own few lines. Seeds are fixed, so a test either always passes or never; α = 0.001.

use tokpick::draw::{Addressed, Draw, Gumbel};
use tokpick::sampler::{Event, Job, Limits, Sample, Sampler};
use tokpick::settings;
use tokpick::source::Open;

const DRAWS: usize = 200_000;

/// Some tied, some improbable, one masked.
const LOGITS: [f32; 12] = [1.5, -0.25, 2.0, 0.0, 2.0, -3.0, 0.75, f32::NEG_INFINITY, -1.0, 1.0, 0.0, -6.0];

/// softmax(x / t), restricted to the ids of `kept` and renormalised.
fn exact(t: f64, kept: &[usize]) -> Vec<f64> {
    let weight = |id: usize| if kept.contains(&id) { (f64::from(LOGITS[id]) / t).exp() } else { 0.0 };
    let weights: Vec<f64> = (0..LOGITS.len()).map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

fn counts(chain: &str, draw: Box<dyn Draw>) -> Vec<usize> {
    let text = format!("{:?}", LOGITS).replace("inf", "Infinity");
    let mut source = Open::new("row.json").read(std::io::Cursor::new(text)).unwrap();
    let chain = settings::chain(chain).unwrap();
    let limits = Limits { max_new_tokens: Some(1), ..Limits::default() };
    let job = Job::new(&chain).limits(&limits);
    let mut counts = vec![0; LOGITS.len()];
    Sample { draw, samples: DRAWS }
        .run(source.as_mut(), &job, &mut (), &mut |event| {
            if let Event::Done(hypothesis) = event {
                counts[hypothesis.ids[0] as usize] += 1;
            }
            Ok(())
        })
        .unwrap();
    counts
}

/// Upper 0.1 % points of the chi-square distribution, by degrees of freedom.
const CRITICAL: [f64; 11] =
    [10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877, 29.588, 31.264];

fn assert_fits(name: &str, counts: &[usize], exact: &[f64]) {
    let mut chi = 0.0;
    let mut cells = 0;
    for (id, (&n, &p)) in counts.iter().zip(exact).enumerate() {
        if p == 0.0 {
            assert_eq!(n, 0, "{name}: token {id} was removed, and drawn");
            continue;
        }
        let expected = p * DRAWS as f64;
        assert!(expected >= 5.0, "{name}: token {id} is too improbable for the test");
        chi += (n as f64 - expected).powi(2) / expected;
        cells += 1;
    }
    if cells > 1 {
        assert!(chi < CRITICAL[cells - 2], "{name}: chi-square {chi} over {cells} cells");
    }
}

/// (chain, temperature, ids that it keeps); the kept ids follow from the logits by hand.
const TABLE: [(&str, f64, &[usize]); 6] = [
    ("temperature=1", 1.0, &[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11]),
    ("temperature=2.5", 2.5, &[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11]),
    ("top_k=3", 1.0, &[0, 2, 4]),
    ("top_p=0.6", 1.0, &[0, 2, 4]),
    ("temperature=0.9,top_k=6,top_p=0.9", 0.9, &[0, 2, 4, 6, 9]),
    ("top_k=1", 1.0, &[2, 4]),
];

#[test]
fn inverse_cdf_draws_follow_the_distribution() {
    for (chain, t, kept) in TABLE {
        assert_fits(chain, &counts(chain, Box::new(Addressed::new(11))), &exact(t, kept));
    }
}

#[test]
fn gumbel_draws_follow_the_distribution() {
    for (chain, t, kept) in TABLE {
        assert_fits(chain, &counts(chain, Box::new(Gumbel::new(12))), &exact(t, kept));
    }
}
