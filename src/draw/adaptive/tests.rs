use super::*;
use crate::candidates::Candidates;
use crate::draw::Seat;
use crate::source::Row;

fn step(
    draw: &mut AdaptiveP,
    c: &mut Candidates,
    sample: usize,
    step: usize,
    accepted: Option<TokenId>,
) -> TokenId {
    let mut seats = [Seat { line: sample, sample, lane: 0, finished: false, pick: None }];
    let mut turns =
        [Turn { sequence: 0, step, context: &[], prompt_len: 0, candidates: c, seats: &mut seats }];
    draw.step(&mut turns).unwrap();
    let id = turns[0].seats[0].pick.unwrap().id;
    draw.accept(&mut turns[0], 0, accepted.unwrap_or(id));
    id
}

fn load(p: &[f32]) -> Candidates {
    let mut c = Candidates::default();
    c.load(Row::dense(p.iter().map(|p| p.ln()).collect()), 0, 0).unwrap();
    c
}

/// The distribution drawn from, evaluated with the platform's functions.
fn plain(p: &[f64], aim: f64) -> Vec<f64> {
    let d = |p: f64| (p - aim).abs() / 0.3;
    let weights =
        p.iter().map(|&p| if p > 0.0 { (5.0 - 10.0 * d(p).powi(2) / (1.0 + d(p))).exp() } else { 0.0 });
    let total: f64 = weights.clone().sum();
    weights.map(|w| w / total).collect()
}

const P: [f32; 5] = [0.5, 0.25, 0.125, 0.125, 0.0];

#[test]
fn follows_its_formula() {
    let p = P.map(f64::from);
    for (target, decay) in [(0.3, 0.9), (0.7, 0.5), (0.0, 0.0), (1.0, 0.99)] {
        let mut draw = AdaptiveP::new(target, decay, 3).unwrap();
        let (mut sum, mut weight) = (target / (1.0 - decay), 1.0 / (1.0 - decay));
        for at in 0..40 {
            let aim = (2.0 * target - sum / weight).clamp(0.0, 1.0);
            let mut c = load(&P);
            let id = step(&mut draw, &mut c, 0, at, None);
            let want = plain(&p, aim);
            assert_eq!(c.count(), 4);
            for (id, got) in c.probabilities() {
                assert!((got - want[id as usize]).abs() < 1e-6, "target {target}, step {at}, token {id}");
            }
            sum = p[id as usize] + decay * sum;
            weight = 1.0 + decay * weight;
        }
        assert!((draw.aim(0, 0) - (2.0 * target - sum / weight).clamp(0.0, 1.0)).abs() < 1e-6);
    }
}

#[test]
fn below_zero_it_is_a_plain_draw() {
    let mut draw = AdaptiveP::new(-1.0, 0.9, 3).unwrap();
    let mut c = load(&P);
    let id = step(&mut draw, &mut c, 0, 0, None);
    let mut same = load(&P);
    let key = crate::draw::Key { seed: 3, purpose: 0, lane: 0, sequence: 0, sample: 0 };
    assert_eq!(same.pick(crate::draw::uniform(&key, 0, 0)), Some(id));
    assert_eq!(c.probabilities(), same.probabilities());
}

#[test]
fn state_is_of_one_line_and_moves_when_a_token_is_accepted() {
    let mut draw = AdaptiveP::new(0.5, 0.5, 3).unwrap();
    step(&mut draw, &mut load(&P), 1, 0, Some(2));
    // W = 0.125 + 0.5 · 1, N = 1 + 0.5 · 2
    assert!((draw.aim(0, 1) - (1.0 - 0.625 / 2.0)).abs() < 1e-6);
    assert_eq!((draw.aim(0, 0), draw.aim(2, 1)), (0.5, 0.5));
    let moved = draw.aim(0, 1);
    step(&mut draw, &mut load(&P), 1, 1, Some(4)); // masked: no candidate
    assert_eq!(draw.aim(0, 1), moved);
}

#[test]
fn draws_by_its_distribution() {
    // decay 0 and the same accepted token: the aim stays at 2 · 0.3 − 0.25
    let mut draw = AdaptiveP::new(0.3, 0.0, 17).unwrap();
    let mut counts = [0.0; 5];
    let n = 20_000;
    step(&mut draw, &mut load(&P), 0, 0, Some(1));
    for at in 1..=n {
        counts[step(&mut draw, &mut load(&P), 0, at, Some(1)) as usize] += 1.0;
    }
    let want = plain(&P.map(f64::from), 0.35);
    let chi: f64 = (0..4).map(|i| (counts[i] - want[i] * n as f64).powi(2) / (want[i] * n as f64)).sum();
    assert_eq!(counts[4], 0.0);
    assert!(chi < 16.3, "χ² {chi} with 3 degrees of freedom (α = 0.001)");
}

#[test]
fn ranges() {
    for (target, decay, what) in [
        (1.5, 0.9, "adaptive_target 1.5: must be at most 1 (negative: a plain draw)"),
        (0.5, 1.0, "adaptive_decay 1: must be from 0 to 0.99"),
        (f64::NAN, 0.9, "adaptive_target NaN: must be at most 1 (negative: a plain draw)"),
    ] {
        assert_eq!(AdaptiveP::new(target, decay, 0).unwrap_err().to_string(), what);
    }
}
