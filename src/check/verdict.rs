//! Could a faithful server have shown these mismatches? What rounding or another cut explains, and how probable so much is.

use serde::Serialize;

/// How far a faithful server's arithmetic may be from the replay's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tolerance {
    /// In the engine's own scores: a claimed token that lost by no more may have won under other roundings.
    pub score: f64,
    /// As a share of the mass: a token no farther from the edge of top-p may have fallen on its other side.
    pub cut: f64,
}

impl Default for Tolerance {
    /// 1e-5 in the scores, some four times what float32 divisions and logarithms move a lead; 2e-4 of the mass, the most
    /// that the top-p search of vLLM's kernels was seen to err by.
    fn default() -> Self {
        Tolerance { score: 1e-5, cut: 2e-4 }
    }
}

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

/// What the mismatches of a run come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// What was allowed for.
    pub tolerance: Tolerance,
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
    /// The verdict on `steps` steps with these mismatches, at a level `alpha` of false alarms.
    ///
    /// A race whose scores are moved by up to ε in their differences changes its winner only where the lead is below ε: for
    /// Gumbel noise P(lead < ε) = ε · (1 − Σp²) to first order, at most ε. The cut moves a token within c of the edge only if it wins: at
    /// most
    /// 2c. Errors beyond the tolerance are taken as the tail of a normal whose fourth standard deviation it is: ε/4 · 7.2e-6 a step. Each
    /// kind's count has at most the tail of a Poisson distribution; the least of the three tails, times three, is the chance.
    ///
    /// ```
    /// use tokpick::check::{Cause, Tolerance, Verdict};
    /// let verdict = |found: &[Cause]| Verdict::new(1000, found, Tolerance::default(), 0.001);
    /// assert!(verdict(&[]).faithful);
    /// assert!(verdict(&[Cause::Rounding]).faithful);
    /// assert!(!verdict(&[Cause::Rounding; 3]).faithful);
    /// assert!(!verdict(&[Cause::Nothing]).faithful);
    /// ```
    pub fn new(steps: usize, mismatches: &[Cause], tolerance: Tolerance, alpha: f64) -> Self {
        let count = |kind| mismatches.iter().filter(|m| **m == kind).count();
        let (by_rounding, by_cut) = (count(Cause::Rounding), count(Cause::Cut));
        let (by_noise, not_explained) = (count(Cause::Noise), count(Cause::Nothing));
        let n = steps as f64;
        let chance = [
            poisson_tail(by_rounding, n * tolerance.score),
            poisson_tail(by_cut, n * 2.0 * tolerance.cut),
            poisson_tail(not_explained, n * tolerance.score / 4.0 * BEYOND_FOUR),
        ]
        .into_iter()
        .fold(1.0f64, |least, p| least.min(3.0 * p));
        Verdict { tolerance, by_rounding, by_cut, by_noise, not_explained, chance, faithful: chance >= alpha }
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
    let mut term = (1..=k).fold(crate::kernel::exp(-mean), |term, i| term * mean / i as f64);
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
