//! Numbers at the edge: one table of rows and temperatures for all truncations and draws, with what exact arithmetic says.
//!
//! The scores x/T of each row lie so near to the best, or so far below it, that its probabilities are 1/m and 0: rational numbers, in which
//! every threshold can be compared exactly.

use tokpick::TokenId;
use tokpick::draw::{Addressed, Gumbel};
use tokpick::prelude::*;
use tokpick::settings;

const TINY: f32 = 1e-45;
const MASKED: f32 = f32::NEG_INFINITY;
/// The floats beside 0 and 1.
const ABOVE_0: f64 = 5e-324;
const BELOW_1: f64 = 1.0 - f64::EPSILON / 2.0;

fn rows() -> Vec<(&'static str, Vec<f32>)> {
    let mut rows = Vec::new();
    for x in [0.0, -0.0, 1.0, TINY, -TINY, f32::MAX, f32::MIN, 88.0, -104.0] {
        rows.push(("one token", vec![x]));
        rows.push(("one finite token", vec![MASKED, MASKED, x, MASKED]));
        rows.push(("all equal", vec![x; 37]));
        rows.push(("equal and masked", [[x, MASKED]; 21].concat()));
    }
    rows.push(("zeros of both signs", vec![0.0, -0.0, 0.0, -0.0, -0.0]));
    rows.push(("denormals", vec![TINY, 0.0, -TINY, TINY, -0.0, 1e-40]));
    rows.push(("the largest numbers", vec![f32::MIN, f32::MAX, 0.0, f32::MAX, f32::MIN, 1e38]));
    rows.push(("one dominant token", vec![-1e30, 1e30, 0.0, 1.0, MASKED]));
    rows
}

const TEMPERATURES: [f64; 7] = [1e-300, 1e-100, 1e-38, 1.0, 1e38, 1e100, 1e300];

/// For each token its distance below the best in x/T, if all are next to nothing or enormous.
fn distances(row: &[f32], t: f64) -> Option<Vec<f64>> {
    let max = f64::from(row.iter().copied().fold(MASKED, f32::max));
    let all: Vec<f64> = row.iter().map(|&x| (max - f64::from(x)) / t).collect();
    all.iter().all(|&d| !(1e-15..=1e5).contains(&d)).then_some(all)
}

fn is_near(d: f64) -> bool {
    d < 1e-15
}

/// What a truncation keeps: a value's mass above it is a count of near ones over m.
fn kept(name: &str, p: f64, row: &[f32], distances: &[f64]) -> Vec<TokenId> {
    let m = distances.iter().filter(|d| is_near(**d)).count() as f64;
    let above = |x: f32| row.iter().zip(distances).filter(move |(y, _)| **y > x);
    let keeps = |(&x, &d): (&f32, &f64)| match name {
        _ if x == MASKED => false,
        "top_k" => above(x).count() < p as usize,
        // reached at p − 1e-6 · p · (1 − p); the best stays
        "top_p" => {
            let before = above(x).filter(|(_, d)| is_near(**d)).count() as f64 / m;
            above(x).count() == 0 || before < p - 1e-6 * p * (1.0 - p) || p == 1.0
        }
        "min_p" => is_near(d) || p == 0.0,
        "epsilon_cutoff" => p == 0.0 || above(x).count() == 0 || is_near(d) && 1.0 / m >= p * (1.0 - 1e-6),
        "top_a" => p == 0.0 || above(x).count() == 0 || is_near(d) && 1.0 / m >= p / m / m * (1.0 - 1e-6),
        _ => unreachable!("no such truncation"),
    };
    (0..).zip(row.iter().zip(distances)).filter(|x| keeps(x.1)).map(|x| x.0).collect()
}

fn applied(chain: &str, row: &[f32]) -> Candidates {
    settings::chain(chain)
        .and_then(|chain| chain.on(row))
        .unwrap_or_else(|e| panic!("{chain} on {row:?}: {e}"))
}

fn ids(c: &Candidates) -> Vec<TokenId> {
    c.members().map(|m| m.0).collect()
}

#[test]
fn every_truncation_keeps_what_exact_arithmetic_keeps() {
    let shares = [0.0, ABOVE_0, 1e-300, 1e-9, 0.3, 0.5, BELOW_1, 1.0];
    let mut compared = 0;
    for (name, row) in rows() {
        for t in TEMPERATURES {
            let Some(distances) = distances(&row, t) else { continue };
            for truncation in ["top_p", "min_p", "epsilon_cutoff", "top_a", "top_k"] {
                let counts = [1.0, 2.0, 5.0, 1e6];
                for p in if truncation == "top_k" { &counts[..] } else { &shares } {
                    // ε = 1 is no probability of a cutoff
                    if truncation == "epsilon_cutoff" && *p >= 1.0 {
                        continue;
                    }
                    let chain = format!("temperature={t:e},{truncation}={p:?}").replace(".0", "");
                    let expected = kept(truncation, *p, &row, &distances);
                    assert_eq!(ids(&applied(&chain, &row)), expected, "{name} {row:?}: {chain}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 3000, "{compared}");
}

#[test]
fn probabilities_are_the_rational_numbers() {
    for (name, row) in rows() {
        for t in TEMPERATURES {
            let Some(distances) = distances(&row, t) else { continue };
            let m = distances.iter().filter(|d| is_near(**d)).count() as f64;
            let mut c = applied(&format!("temperature={t:e}"), &row);
            for (id, p) in c.probabilities() {
                let expected = if is_near(distances[id as usize]) { 1.0 / m } else { 0.0 };
                // reports promise 1e-6; scaled sums keep far more
                assert!((p - expected).abs() <= 1e-12, "{name} {row:?} at {t:e}: token {id} has {p}");
            }
            assert!((c.entropy() - m.ln()).abs() < 1e-12, "{name} {row:?} at {t:e}: {}", c.entropy());
            // the first token whose running mass is above u
            let near: Vec<usize> = (0..row.len()).filter(|&i| is_near(distances[i])).collect();
            for u in [0.0, ABOVE_0, 0.25, 0.5, 0.999, BELOW_1] {
                let expected = near[(u * m) as usize];
                assert_eq!(c.pick(u), Some(expected as TokenId), "{name} {row:?} at {t:e}, u = {u}");
            }
            let best = row.iter().position(|x| row.iter().all(|y| y <= x)).unwrap();
            assert_eq!(c.argmax(), Some(best as TokenId), "{name} {row:?} at {t:e}");
        }
    }
}

/// Draws give a token that has a probability, whatever the seed.
#[test]
fn draws_give_what_has_a_probability() {
    for (name, row) in rows() {
        for t in TEMPERATURES {
            let Some(distances) = distances(&row, t) else { continue };
            let chain = settings::chain(&format!("temperature={t:e}")).unwrap();
            for seed in [0, 1, u64::MAX] {
                let job = Job::new(&chain).seed(seed);
                let draws = [Sample::new(Addressed::new(seed)), Sample::new(Gumbel::new(seed))];
                for mut sample in draws {
                    let mut source = Steps::new(name, &[1, row.len()], None, row.clone()).unwrap();
                    let found = sample.decode(&mut source, &job).unwrap();
                    let id = found[0].ids[0] as usize;
                    assert!(is_near(distances[id]), "{name} {row:?} at {t:e}: {id}");
                }
            }
        }
    }
}

/// A million tied tokens are one group; the u of a draw counts through them.
#[test]
fn a_million_ties() {
    const N: usize = 1_000_000;
    let row = vec![-3.5f32; N];
    for chain in
        ["top_k=1", "top_p=0.5", "top_p=0", "min_p=1", "typical_p=0.1", "top_n_sigma=0.5", "p_less=true"]
    {
        let mut c = applied(chain, &row);
        assert_eq!(c.count(), N, "{chain}");
        for (u, id) in [(0.0, 0), (0.5, 500_000), (0.123_456_5, 123_456), (BELOW_1, N as TokenId - 1)] {
            assert_eq!(c.pick(u), Some(id), "{chain} {u}");
        }
    }
}
