//! Numbers at the edge: one table of rows and temperatures for all processors and draws, with what exact arithmetic says.
//!
//! The scores x/T of each row lie so near to the best, or so far below it, that its probabilities are 1/m and 0⁺ (less than any number
//! that can be written): rational numbers, in which every threshold can be compared exactly.

mod beams;
mod draws;
mod scores;
mod truncations;

use std::sync::LazyLock;

use num_rational::BigRational;

use tokpick::TokenId;
use tokpick::prelude::*;
use tokpick::settings;

const TINY: f32 = 1e-45;
const MASKED: f32 = f32::NEG_INFINITY;
/// The floats beside 0 and 1.
const ABOVE_0: f64 = 5e-324;
const BELOW_1: f64 = 1.0 - f64::EPSILON / 2.0;
const ABOVE_1: f64 = 1.0 + f64::EPSILON;

const TEMPERATURES: [f64; 7] = [1e-300, 1e-100, 1e-38, 1.0, 1e38, 1e100, 1e300];

/// A number, exactly.
fn exact(x: f64) -> BigRational {
    BigRational::from_float(x).expect("a finite number")
}

fn whole(n: usize) -> BigRational {
    BigRational::from_integer(n.into())
}

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
    rows.push(("one dominant token", vec![-1e30, 1e30, 0.0, 1e29, MASKED]));
    rows.push(("two dominant tokens", vec![1e30, -1e30, 0.0, 1e30, MASKED, 0.0]));
    rows
}

/// A row over a temperature, whose probabilities are 1/m and 0⁺.
struct Case {
    name: &'static str,
    row: Vec<f32>,
    t: f64,
    /// For each token how far its score lies below the best one's; `None` where it is masked.
    below: Vec<Option<BigRational>>,
    /// Of each token whether its probability is 1/m.
    near: Vec<bool>,
    /// The variance of the scores.
    variance: BigRational,
}

/// The table: all rows over all temperatures that leave nothing in between.
fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let mut cases: Vec<Case> = Vec::new();
        for (name, row) in rows() {
            let variance = variance(&row);
            cases.extend(TEMPERATURES.iter().filter_map(|&t| Case::new(name, &row, t, &variance)));
        }
        assert!(cases.len() > 200, "{}", cases.len());
        cases
    });
    &CASES
}

/// Something of each token that depends on its score alone: asked once for each score, as exact numbers take long.
fn each<T: Clone>(row: &[f32], of: impl Fn(usize) -> T) -> Vec<T> {
    let mut known: Vec<T> = Vec::with_capacity(row.len());
    for at in 0..row.len() {
        let same = (0..at).find(|&before| row[before] == row[at]);
        known.push(same.map_or_else(|| of(at), |same| known[same].clone()));
    }
    known
}

/// The variance of the numbers of a row that are not masked.
fn variance(row: &[f32]) -> BigRational {
    let scores: Vec<BigRational> =
        row.iter().filter(|x| **x != MASKED).map(|x| exact(f64::from(*x))).collect();
    let mean = scores.iter().sum::<BigRational>() / whole(scores.len());
    let squares = scores.iter().map(|x| (x - &mean) * (x - &mean));
    squares.sum::<BigRational>() / whole(scores.len())
}

impl Case {
    /// None where a probability would be neither 1/m nor 0⁺.
    fn new(name: &'static str, row: &[f32], t: f64, variance: &BigRational) -> Option<Self> {
        let (least, most) = (exact(1e-15), exact(1e5));
        let max = exact(f64::from(row.iter().copied().fold(MASKED, f32::max)));
        let below =
            each(row, |at| (row[at] != MASKED).then(|| (&max - exact(f64::from(row[at]))) / exact(t)));
        if below.iter().flatten().any(|d| (&least..=&most).contains(&d)) {
            return None;
        }
        let near = below.iter().map(|d| d.as_ref().is_some_and(|d| *d < least)).collect();
        let variance = variance / (exact(t) * exact(t));
        Some(Self { name, row: row.to_vec(), t, below, near, variance })
    }

    /// How many tokens share the probability.
    fn m(&self) -> usize {
        self.near.iter().filter(|near| **near).count()
    }

    /// How many tokens are not masked.
    fn n(&self) -> usize {
        self.below.iter().flatten().count()
    }

    /// Those with a probability, in id order.
    fn near_ids(&self) -> Vec<TokenId> {
        self.ids(|at| self.near[at])
    }

    /// The unmasked tokens for which something holds, which depends on their score alone.
    fn ids(&self, holds: impl Fn(usize) -> bool) -> Vec<TokenId> {
        let holds = each(&self.row, |at| self.row[at] != MASKED && holds(at));
        (0..self.row.len()).filter(|&at| holds[at]).map(|at| at as TokenId).collect()
    }

    /// How many tokens are strictly better than one.
    fn above(&self, at: usize) -> usize {
        self.row.iter().filter(|y| **y > self.row[at]).count()
    }

    fn best(&self) -> TokenId {
        self.ids(|at| self.above(at) == 0)[0]
    }

    /// What a chain leaves, behind the temperature.
    fn after(&self, chain: &str) -> Candidates {
        let chain = format!("temperature={:e},{chain}", self.t);
        applied(chain.trim_end_matches(','), &self.row)
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} at {:e}", self.name, self.row, self.t)
    }
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
fn probabilities_are_the_rational_numbers() {
    for case in cases() {
        let m = case.m() as f64;
        let mut c = case.after("");
        for (id, p) in c.probabilities() {
            let expected = if case.near[id as usize] { 1.0 / m } else { 0.0 };
            // reports promise 1e-6; scaled sums keep far more
            assert!((p - expected).abs() <= 1e-12, "{case}: token {id} has {p}");
        }
        assert!((c.entropy() - m.ln()).abs() < 1e-12, "{case}: {}", c.entropy());
        // the first token whose running mass is above u
        for u in [0.0, ABOVE_0, 0.25, 0.5, 0.999, BELOW_1] {
            assert_eq!(c.pick(u), Some(picked(&case.near_ids(), u)), "{case}, u = {u}");
        }
        assert_eq!(c.argmax(), Some(case.best()), "{case}");
    }
}

/// Of equally probable tokens the first whose running mass is above u.
fn picked(near: &[TokenId], u: f64) -> TokenId {
    let at = (exact(u) * whole(near.len())).floor().to_integer();
    near[usize::try_from(at).expect("below 1")]
}

/// A million tied tokens are one group; the u of a draw counts through them.
#[test]
fn a_million_ties() {
    const N: usize = 1_000_000;
    let row = vec![-3.5f32; N];
    for chain in [
        "top_k=1",
        "top_p=0.5",
        "top_p=0",
        "min_p=1",
        "typical_p=0.1",
        "top_n_sigma=0.5",
        "p_less=true",
        "p_less_norm=true",
        "top_h=0.5",
        "tail_free=0",
        "top_a=1",
        "eta_cutoff=0.9",
        "xtc(probability=1,threshold=0)",
    ] {
        let mut c = applied(chain, &row);
        assert_eq!(c.count(), N, "{chain}");
        for (u, id) in [(0.0, 0), (0.5, 500_000), (0.123_456_5, 123_456), (BELOW_1, N as TokenId - 1)] {
            assert_eq!(c.pick(u), Some(id), "{chain} {u}");
        }
    }
}
