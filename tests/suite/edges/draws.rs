//! What each draw chooses among probabilities 1/m and 0⁺.

use tokpick::TokenId;
use tokpick::draw::{AdaptiveP, Addressed, Draw, Gumbel, Key, Mirostat, uniform};
use tokpick::prelude::*;
use tokpick::settings;

use super::{Case, cases, exact, picked, whole};

pub const SEEDS: [u64; 4] = [0, 1, 42, u64::MAX];

/// The first token of a case, and that of a second sample.
fn drawn(case: &Case, chain: &str, seed: u64, draw: impl Draw + 'static) -> [TokenId; 2] {
    let chain = format!("temperature={:e},{chain}", case.t);
    let chain = settings::chain(chain.trim_end_matches(',')).unwrap();
    let mut source = Steps::new(case.name, &[1, case.row.len()], None, case.row.clone()).unwrap();
    let job = Job::new(&chain).seed(seed);
    let found = Sample { draw: Box::new(draw), samples: 2 }.decode(&mut source, &job).unwrap();
    [found[0].ids[0], found[1].ids[0]]
}

/// The uniforms of the two.
fn uniforms(seed: u64) -> [f64; 2] {
    [0, 1].map(|sample| uniform(&Key { seed, purpose: 0, lane: 0, sequence: 0, sample }, 0, 0))
}

/// Inverse CDF: the token in whose interval of width 1/m the uniform lies. So do the draws with a state that keep all m.
#[test]
fn a_uniform_finds_its_interval() {
    for case in cases() {
        let near = case.near_ids();
        for seed in SEEDS {
            let expected = uniforms(seed).map(|u| picked(&near, u));
            assert_eq!(drawn(case, "", seed, Addressed::new(seed)), expected, "{case} {seed}");
            // negative: a plain draw
            let plain = AdaptiveP::new(-1.0, 0.9, seed).unwrap();
            assert_eq!(drawn(case, "", seed, plain), expected, "{case} {seed}");
            // μ = 1000 bits are more than any surprise here but those of 0⁺
            let lenient = Mirostat::new(2, 500.0, 0.1, 100, seed).unwrap();
            assert_eq!(drawn(case, "", seed, lenient), expected, "{case} {seed}");
        }
    }
}

/// Gumbel-max among equals: the largest sum in f64, the first among equals. Beside scores beyond 2⁵⁰ the noise vanishes.
#[test]
fn the_largest_noise_wins_among_equals() {
    for case in cases() {
        let near = case.near_ids();
        for seed in SEEDS {
            let gumbel = Gumbel::new(seed);
            let scores = case.after("");
            let expected = [0, 1].map(|sample| {
                let noise = gumbel.noise(0, 0, sample, 0, &near);
                let sum = |at: &usize| scores.score(near[*at]).unwrap() + noise[*at];
                let best = (0..near.len()).rev().max_by(|a, b| sum(a).total_cmp(&sum(b))).unwrap();
                near[best]
            });
            assert_eq!(drawn(case, "", seed, gumbel), expected, "{case} {seed}");
        }
    }
}

/// Mirostat 2 keeps what has at most 2τ bits of surprise: all m tokens of log₂ m bits, or the best one with its ties.
#[test]
fn mirostat_at_its_edges() {
    for case in cases() {
        let near = case.near_ids();
        let best = case.ids(|at| case.above(at) == 0);
        for (tau, bits) in [(0.0, 0), (5e-324, 0), (0.5, 1), (1.0, 2), (2.5, 5), (3.0, 6), (1e300, 4096)] {
            // log₂ m ≤ bits
            let fits = bits > 60 || whole(near.len()) <= whole(1 << bits);
            for seed in SEEDS {
                let kept = if fits { &near } else { &best };
                let expected = uniforms(seed).map(|u| picked(kept, u));
                let mirostat = Mirostat::new(2, tau, 0.0, 100, seed).unwrap();
                // 0⁺ lies within reach of the largest numbers
                if tau < 1e5 {
                    assert_eq!(drawn(case, "", seed, mirostat), expected, "{case} τ = {tau:e}");
                }
                // version 1 keeps some of the best: never one without a probability
                let first = Mirostat::new(1, tau, 0.1, 2, seed).unwrap();
                assert!(
                    drawn(case, "", seed, first).iter().all(|id| near.contains(id)),
                    "{case} τ = {tau:e}"
                );
            }
        }
    }
}

/// Adaptive-p gives equal probabilities equal scores: where all are equal the draw is plain, whatever the target.
#[test]
fn adaptive_p_at_its_edges() {
    for case in cases().iter().filter(|case| case.m() == case.n()) {
        for target in [0.0, 5e-324, 0.5, super::BELOW_1, 1.0] {
            for seed in SEEDS {
                let expected = uniforms(seed).map(|u| picked(&case.near_ids(), u));
                let adaptive = AdaptiveP::new(target, 0.99, seed).unwrap();
                assert_eq!(drawn(case, "", seed, adaptive), expected, "{case} target {target:e}");
            }
        }
    }
}

/// The strategies that draw nothing: the best token, the lowest id among equals; by rank and id in a search.
#[test]
fn searches_take_the_best() {
    for case in cases() {
        let chain = settings::chain(&format!("temperature={:e}", case.t)).unwrap();
        let source = || Steps::new(case.name, &[1, case.row.len()], None, case.row.clone()).unwrap();
        let job = Job::new(&chain).seed(0);
        let best = case.best();
        assert_eq!(Greedy.decode(&mut source(), &job).unwrap()[0].ids, [best], "{case}");
        let near = case.near_ids();
        for beams in [1, 2, 4] {
            let mut beam = Beam { num_return_sequences: 1, ..Beam::new(beams).unwrap() };
            let found = beam.decode(&mut source(), &job).unwrap();
            assert!(near.contains(&found[0].ids[0]), "{case}: {beams} beams found {:?}", found[0].ids);
            assert!(case.above(found[0].ids[0] as usize) == 0, "{case}: {beams} beams");
        }
        let found = Exact::new(1).unwrap().decode(&mut source(), &job).unwrap();
        assert_eq!(case.above(found[0].ids[0] as usize), 0, "{case}: exact search");
        // a search divides log-probabilities by the temperature
        let score = found[0].score.unwrap();
        assert!(case.t != 1.0 || (score + (case.m() as f64).ln()).abs() < 1e-9, "{case}: {score}");
    }
}

/// T = 0 is greedy, whatever the row.
#[test]
fn temperature_0_takes_the_lowest_of_the_best() {
    for case in cases() {
        for chain in ["temperature=0", "temperature=0,top_p=0.5"] {
            let c = super::applied(chain, &case.row);
            assert_eq!(super::ids(&c), [case.best()], "{case}: {chain}");
        }
    }
    assert!(exact(super::ABOVE_0) > whole(0));
    assert_eq!(super::ids(&super::applied("temperature=5e-324,top_p=0.5", &[1.0, 1.0, 0.5])), [0, 1]);
}
