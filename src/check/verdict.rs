//! Could a faithful server have shown these mismatches? What rounding or another cut explains, and how probable so much is.

use serde::Serialize;

use crate::draw::{Slip, Tolerance};

/// What explains a claimed token that the replay does not draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// It lost by no more than the engine's own rounding.
    Rounding,
    /// It wins where another cut keeps, or removes, a token at the edge of top-p.
    Cut,
    /// Noise on the logits of the size that was allowed.
    Noise,
    /// Nothing that was allowed for.
    Nothing,
}

/// How many mismatches of each kind a faithful server shows on average, at most.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Expected {
    /// That rounding explains.
    pub rounding: f64,
    /// That the cut explains.
    pub cut: f64,
    /// That noise on the logits explains.
    pub noise: f64,
    /// That nothing explains.
    pub nothing: f64,
}

impl Expected {
    /// Counts a step: what rounding and the cut may do there, and the chances that noise on the logits makes a mismatch that it explains,
    /// or doesn't.
    ///
    /// A score's error is allowed for up to ε; beyond, it is taken as the tail of a normal whose fourth standard deviation ε is: ε/4 ·
    /// 7.1e-6 a step.
    pub fn add(&mut self, slip: &Slip, noise: [f64; 2]) {
        self.rounding += slip.rounding;
        self.cut += slip.cut;
        self.noise += noise[0];
        self.nothing += slip.score.min(1.0) / 4.0 * BEYOND_FOUR + noise[1];
    }
}

/// What the mismatches of a run come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// What was allowed for.
    pub tolerance: Tolerance,
    /// How many mismatches a faithful server shows on average, at most.
    pub expected: Expected,
    /// Mismatches that rounding explains.
    pub by_rounding: usize,
    /// Mismatches that the cut explains.
    pub by_cut: usize,
    /// Mismatches that noise on the logits explains.
    pub by_noise: usize,
    /// Mismatches that nothing explains.
    pub not_explained: usize,
    /// The chance that a faithful server shows so many mismatches of one kind: an upper bound.
    pub chance: f64,
    /// The chance is not below the level that was asked for.
    pub faithful: bool,
}

impl Verdict {
    /// The verdict on mismatches where these are expected at most, at a level `alpha` of false alarms.
    ///
    /// Steps slip independently, as their noise is, so each kind's count has at most the tail of a Poisson distribution of its mean
    /// (above the mean, where alone it decides: Anderson & Samuels 1967). The least of the tails, times their number, is the chance:
    /// a faithful server gets one below `alpha` with a probability of at most `alpha`.
    ///
    /// ```
    /// use tokpick::check::{Cause, Expected, Tolerance, Verdict};
    /// let expected = Expected { rounding: 0.01, cut: 0.4, noise: 0.0, nothing: 2e-8 };
    /// let verdict = |found: &[Cause]| Verdict::new(expected, found, Tolerance::default(), 0.001);
    /// assert!(verdict(&[]).faithful);
    /// assert!(verdict(&[Cause::Rounding]).faithful);
    /// assert!(!verdict(&[Cause::Rounding; 3]).faithful);
    /// assert!(!verdict(&[Cause::Nothing]).faithful);
    /// ```
    pub fn new(expected: Expected, mismatches: &[Cause], tolerance: Tolerance, alpha: f64) -> Self {
        let count = |kind| mismatches.iter().filter(|m| **m == kind).count();
        let [by_rounding, by_cut] = [Cause::Rounding, Cause::Cut].map(count);
        let [by_noise, not_explained] = [Cause::Noise, Cause::Nothing].map(count);
        let kinds = [
            (by_rounding, expected.rounding),
            (by_cut, expected.cut),
            (not_explained, expected.nothing),
            (by_noise, expected.noise),
        ];
        // without noise nothing is of the last kind
        let kinds = &kinds[..if expected.noise > 0.0 { 4 } else { 3 }];
        let least = kinds.iter().map(|&(k, mean)| poisson_tail(k, mean)).fold(1.0f64, f64::min);
        let chance = (least * kinds.len() as f64).min(1.0);
        let faithful = chance >= alpha;
        Verdict { tolerance, expected, by_rounding, by_cut, by_noise, not_explained, chance, faithful }
    }
}

/// φ(4) − 4 Q(4): the mean of a standard normal's excess over 4.
const BEYOND_FOUR: f64 = 7.145e-6;

/// P(X ≥ k) for X of a Poisson distribution with mean `mean`.
fn poisson_tail(k: usize, mean: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if mean <= 0.0 {
        return 0.0;
    }
    // by logarithms: e^-mean alone may be too small for a number
    let log = (1..=k).fold(-mean, |log, i| log + crate::kernel::ln(mean / i as f64));
    let mut term = crate::kernel::exp(log);
    if k as f64 <= mean {
        // the tail is long: its complement is the shorter sum
        let mut below = 0.0;
        for i in (1..=k).rev() {
            term *= i as f64 / mean;
            below += term;
        }
        return (1.0 - below).clamp(0.0, 1.0);
    }
    let (mut sum, mut i) = (0.0, k as f64);
    while term > sum * 1e-17 {
        sum += term;
        i += 1.0;
        term *= mean / i;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails() {
        // SciPy's poisson.sf(k - 1, mean)
        let table = [
            (1010, 1000.0, 0.380_104_874_767_057_3),
            (1, 0.1, 0.095_162_581_964_040_43),
            (2, 0.01, 4.966_791_334_026_59e-5),
            (3, 5.0, 0.875_347_980_516_918_9),
            (10, 2.0, 4.649_807_501_726_378e-5),
            (0, 3.0, 1.0),
            (1, 0.0, 0.0),
        ];
        for (k, mean, expected) in table {
            let found = poisson_tail(k, mean);
            assert!((found - expected).abs() <= 1e-9 * expected, "{k} {mean}: {found}");
        }
        assert!(poisson_tail(1_000_000, 10.0) < 1e-300);
        assert!(poisson_tail(1, 1e9) > 0.999);
    }
}
