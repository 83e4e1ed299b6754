//! What the searches that draw choose among probabilities 1/m and 0⁺: the m tokens in the order of their noise.

use tokpick::TokenId;
use tokpick::draw::Gumbel;
use tokpick::hypothesis::Hypothesis;
use tokpick::prelude::*;
use tokpick::sampler::Variant;
use tokpick::settings;

use super::draws::SEEDS;
use super::{Case, cases};

/// What so many beams return of one step.
fn found(case: &Case, seed: u64, num_beams: usize, variant: Variant) -> Vec<Hypothesis> {
    let chain = settings::chain(&format!("temperature={:e}", case.t)).unwrap();
    let mut source = Steps::new(case.name, &[1, case.row.len()], None, case.row.clone()).unwrap();
    let job = Job::new(&chain).seed(seed);
    let beam = Beam { num_return_sequences: num_beams, variant, ..Beam::new(num_beams).unwrap() };
    { beam }.decode(&mut source, &job).unwrap()
}

/// The m tokens with their noise: the largest first, the lower id among equals.
fn by_noise(case: &Case, seed: u64) -> Vec<(TokenId, f64)> {
    let near = case.near_ids();
    let noise = Gumbel::new(seed).noise(0, 0, 0, 0, &near);
    let mut all: Vec<(TokenId, f64)> = near.into_iter().zip(noise).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

fn ids(found: &[Hypothesis]) -> Vec<TokenId> {
    found.iter().map(|h| h.ids[0]).collect()
}

/// Beam sampling races over sums of scores, which it doesn't normalise again: all m are −ln m / T, bounded. The largest sum in f64 wins, the
/// lower id among equals; then the drawn ones are ranked by sum, which is that of equals but where a temperature has made equal what wasn't.
#[test]
fn beam_sampling_takes_the_largest_noise() {
    for case in cases() {
        let m = case.m();
        let best = f64::from(case.row[case.best() as usize]);
        let z: f64 = case.row.iter().map(|x| (f64::from(*x) - best).exp()).sum();
        // a score is never below the least f32
        let sum = |id: TokenId| {
            (f64::from(case.row[id as usize]) - best - z.ln()).max(f64::from(f32::MIN)) / case.t
        };
        for seed in SEEDS {
            let noise = by_noise(case, seed);
            for num_beams in [1, 2, 4] {
                let n = num_beams.min(m);
                for variant in [Variant::Sample, Variant::SampleUnsorted] {
                    let found = found(case, seed, num_beams, variant.clone());
                    assert_eq!(found.len(), num_beams.min(case.n()), "{case} {seed} {num_beams} {variant:?}");
                    let score = found[0].score.unwrap();
                    let off = (score + (m as f64).ln() / case.t).abs();
                    assert!(case.t < 1.0 || off < 1e-9, "{case} {seed} {num_beams} {variant:?}: {score}");
                    let mut keys = noise.clone();
                    keys.sort_by(|a, b| (score + b.1).total_cmp(&(score + a.1)).then(a.0.cmp(&b.0)));
                    let mut expected: Vec<TokenId> = keys.iter().map(|(id, _)| *id).collect();
                    // all that were drawn compete, or the first of them
                    expected.truncate(if variant == Variant::Sample { 2 * num_beams } else { num_beams });
                    expected.sort_by(|a, b| sum(*b).total_cmp(&sum(*a)));
                    assert_eq!(ids(&found)[..n], expected[..n], "{case} {seed} {num_beams} {variant:?}");
                }
            }
        }
    }
}

/// Stochastic beams are of the distribution, whatever the scores: the m tokens, each with φ = −ln m, in the order of G̃ = φ + noise. Their
/// G = −ln(1 − exp(−Z) + exp(−G̃)), Z = max G̃, as the root has G = 0; so has the first of them.
#[test]
fn stochastic_beams_are_perturbed_by_the_formula() {
    for case in cases() {
        let m = case.m();
        let phi = -(m as f64).ln();
        for seed in SEEDS {
            // reports promise 1e-6
            let expected = by_noise(case, seed);
            let z = phi + expected[0].1;
            for num_beams in [1, 2, 4] {
                let found = found(case, seed, num_beams, Variant::Stochastic { noise: 1.0 });
                assert_eq!(found.len(), num_beams.min(case.n()), "{case} {seed} {num_beams}");
                assert_eq!(found[0].perturbed, Some(0.0), "{case} {seed}");
                for (h, (id, noise)) in found.iter().zip(&expected) {
                    let g = -(1.0 - (-z).exp() + (-phi - noise).exp()).ln();
                    let perturbed = h.perturbed.unwrap();
                    assert_eq!(h.ids, [*id], "{case} {seed} {num_beams}");
                    assert!(
                        (perturbed - g).abs() < 1e-6,
                        "{case} {seed}: token {id} has {perturbed}, not {g}"
                    );
                }
                // what has no probability to speak of comes last
                let rest = &found[num_beams.min(m)..];
                assert!(rest.iter().all(|h| h.perturbed.unwrap() < -1e4), "{case} {seed} {num_beams}");
            }
            // without noise the best, the lower id among equals
            let plain = found(case, seed, 2, Variant::Stochastic { noise: 0.0 });
            assert_eq!(ids(&plain)[0], case.best(), "{case}");
        }
    }
}
