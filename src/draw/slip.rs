//! How far a faithful server may be from a replayed draw, and how probable it is that it draws another token for it.

use serde::Serialize;

/// How far a faithful server's arithmetic may be from the replay's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tolerance {
    /// In the engine's own scores: a claimed token that lost by no more may have won under other roundings.
    pub score: f64,
    /// The same as a number of float32 spacings at the row's largest score, where that is more: divisions err in proportion.
    pub spacings: f64,
    /// As a share of the mass: a token no farther from the edge of top-p may have fallen on its other side.
    pub cut: f64,
    /// Standard deviation of noise on each score besides, σ/T for noise σ on the logits; default 0. It is no margin: how many mismatches it
    /// makes is counted apart. But what is removed, and the ranks that noise goes by, it may change.
    pub noise: f64,
}

impl Default for Tolerance {
    /// 1e-5 in the scores, some four times what float32 logarithms move a lead; eight spacings, two for the division by the
    /// temperature, one for a penalty and one for the sum, twice; 2e-4 of the mass, the most that the top-p search of vLLM's
    /// kernels was seen to err by.
    fn default() -> Self {
        Tolerance { score: 1e-5, spacings: 8.0, cut: 2e-4, noise: 0.0 }
    }
}

impl Tolerance {
    /// From such a `score` on a verdict tells nothing: the lead of a race with Gumbel or exponential noise is below ε with a probability of
    /// up to ε, and a uniform is nowhere farther than 1 from an interval, so that a mismatch is expected at every step.
    pub const TELLS_NOTHING: f64 = 1.0;

    /// By how much scores may differ where float32 numbers lie `spacing` apart.
    pub fn at(&self, spacing: f64) -> f64 {
        self.score.max(self.spacings * spacing)
    }

    /// By how much scores may change order in a cut or in ranks: as [`Tolerance::at`], and four standard deviations of noise in a
    /// difference.
    pub fn order(&self, spacing: f64) -> f64 {
        self.at(spacing) + 4.0 * std::f64::consts::SQRT_2 * self.noise
    }

    /// How far the mass before an edge may be off: noise moves the mass F by a standard deviation of at most √2 · σ/T · F(1 − F) ≤
    /// √2/4 · σ/T, of which four are allowed for.
    pub fn mass(&self) -> f64 {
        self.cut + std::f64::consts::SQRT_2 * self.noise
    }
}

/// What a faithful server may have done otherwise at one step ([`Draw::slip`](super::Draw::slip)).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Slip {
    /// By how much scores may differ here.
    pub score: f64,
    /// The chance, before the noise is known, that such a difference draws another token: an upper bound.
    pub rounding: f64,
    /// The same of another cut.
    pub cut: f64,
    /// Such a difference explains the claimed token, though its margin is larger: it changes the ranks that the noise goes by.
    pub reordered: bool,
    /// Another cut explains the claimed token: one that keeps it, or removes those that beat it.
    pub by_cut: bool,
}

impl Slip {
    /// That of an inverse CDF whose edges move by up to `by`: P(u is within `by` of an edge) ≤ Σ min(p, 2 · by).
    pub(crate) fn of_intervals(probabilities: impl IntoIterator<Item = f64>, by: f64) -> Self {
        let near: f64 = probabilities.into_iter().map(|p| p.min(2.0 * by)).sum();
        Slip { score: by, rounding: near.min(1.0), ..Slip::default() }
    }
}
