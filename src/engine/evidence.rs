//! How a draw was decided, and by how much another token lost it.

use super::shared::float;
use crate::draw::Margin;
use std::sync::Arc;

/// Whether a step keeps what decided its draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watch {
    /// Only the ids are wanted; nothing else is computed.
    #[default]
    Ids,
    /// Each [`Drawn`](super::Drawn) carries its [`Evidence`].
    Evidence,
    /// The evidence, and what each filter left.
    Stages,
    /// Evidence and stages, and [`Pick::logprob`](crate::draw::Pick::logprob) is told of races, too: what their last filter gives the winner.
    Odds,
}

impl Watch {
    /// Whether evidence is kept.
    pub fn evidence(self) -> bool {
        self != Self::Ids
    }

    /// Whether what each filter left is kept.
    pub fn stages(self) -> bool {
        matches!(self, Self::Stages | Self::Odds)
    }
}

/// What decided one draw. The draws of one call share their tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// The highest score won: an argmax, a Gumbel race, or an exponential race.
    Race {
        /// The score of every token id.
        scores: Arc<[f64]>,
        /// The scores are ratios p/q, whose logarithm is the score in log units.
        ratios: bool,
        /// The id that won.
        winner: u32,
        /// The scores carry noise; without it, nothing about the race is random.
        noisy: bool,
        /// How far apart float32 numbers are at the largest score before noise; 0 where that isn't told.
        spacing: f64,
        /// The tokens beside the edge of a truncation by mass, where the engine's own is not exact.
        edge: Arc<[Beside]>,
        /// Where the noise goes by rank: the tokens by rank.
        ranks: Arc<[Ranked]>,
    },
    /// The uniform fell into the token's interval of the cumulative distribution.
    Interval {
        /// The uniform, in \[0, 1).
        uniform: f64,
        /// The ids in the order in which the engine walks through them.
        ids: Arc<[u32]>,
        /// The upper end of each id's interval, as a share of the total; the lower end is the one before.
        upper: Arc<[f64]>,
        /// The id that was drawn.
        winner: u32,
    },
}

/// A token beside the edge that a truncation by mass has cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beside {
    /// The token.
    pub id: u32,
    /// Whether it was kept.
    pub kept: bool,
    /// The mass of the tokens before it.
    pub above: f64,
    /// Its own share of the mass.
    pub share: f64,
    /// How far from the edge it lies, as a share of the mass: how much another cut had to err to decide otherwise.
    pub distance: f64,
    /// Its score in the race, noise included, as if it were kept.
    pub score: f64,
}

/// A token in a race whose noise goes by rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The token.
    pub id: u32,
    /// Its raw logit: tokens of one logit have one probability in every arithmetic, and keep their order.
    pub logit: f32,
    /// Its log-probability.
    pub ln_p: f64,
    /// The noise of its rank.
    pub noise: f64,
}

impl Evidence {
    /// A race without a truncation by mass.
    pub(super) fn race(scores: Arc<[f64]>, ratios: bool, winner: u32) -> Self {
        let (edge, ranks) = (Arc::from([]), Arc::from([]));
        Self::Race { scores, ratios, winner, noisy: true, spacing: 0.0, edge, ranks }
    }

    /// The best of scores without noise.
    pub(super) fn best(scores: Arc<[f64]>, winner: u32) -> Self {
        let (edge, ranks) = (Arc::from([]), Arc::from([]));
        Self::Race { scores, ratios: false, winner, noisy: false, spacing: 0.0, edge, ranks }
    }

    /// The margin by which `claimed` lost this draw.
    ///
    /// ```
    /// use tokpick::{draw::Margin, engine::Evidence};
    /// let draw = Evidence::Interval { uniform: 0.75, ids: [4, 2].into(), upper: [0.5, 1.0].into(), winner: 2 };
    /// assert_eq!(draw.margin(2), Margin::Uniform(0.0));
    /// assert_eq!(draw.margin(4), Margin::Uniform(0.25));
    /// assert_eq!(draw.margin(3), Margin::Impossible);
    /// ```
    pub fn margin(&self, claimed: u32) -> Margin {
        match self {
            Self::Race { scores, ratios, winner, .. } => {
                let score = |id: u32| {
                    let s = *scores.get(id as usize)?;
                    Some(if *ratios { float::ln(s) } else { s })
                };
                if claimed == *winner {
                    return Margin::Score(0.0);
                }
                match (score(*winner), score(claimed)) {
                    // A higher score than the winner's was taken by an earlier draw of the same race.
                    (Some(w), Some(c)) if c > f64::NEG_INFINITY && c <= w => {
                        // Two infinite scores are as near as can be.
                        Margin::Score(if w == c { 0.0 } else { w - c })
                    }
                    _ => Margin::Impossible,
                }
            }
            Self::Interval { uniform, ids, upper, winner } => {
                if claimed == *winner {
                    return Margin::Uniform(0.0);
                }
                let Some(at) = ids.iter().position(|&id| id == claimed) else {
                    return Margin::Impossible;
                };
                let low = if at == 0 { 0.0 } else { upper[at - 1] };
                let high = upper[at];
                if high > low {
                    Margin::Uniform((low - uniform).max(uniform - high).max(0.0))
                } else {
                    Margin::Impossible
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn race() {
        let draw = Evidence::race([1.0, 3.5, f64::NEG_INFINITY, 3.0].into(), false, 1);
        assert_eq!(draw.margin(1), Margin::Score(0.0));
        assert_eq!(draw.margin(3), Margin::Score(0.5));
        assert_eq!(draw.margin(2), Margin::Impossible);
        assert_eq!(draw.margin(9), Margin::Impossible);
    }

    #[test]
    fn ratios_are_compared_in_logs() {
        let draw = Evidence::race([8.0, 2.0, 0.0, 16.0].into(), true, 0);
        let Margin::Score(d) = draw.margin(1) else { panic!("token 1 was possible") };
        assert!((d - 4f64.ln()).abs() < 1e-15);
        assert_eq!(draw.margin(2), Margin::Impossible);
        // Id 3 won an earlier place of the same race.
        assert_eq!(draw.margin(3), Margin::Impossible);
    }

    #[test]
    fn no_width_is_impossible() {
        let draw = Evidence::Interval {
            uniform: 0.1,
            ids: [0, 1, 2].into(),
            upper: [0.5, 0.5, 1.0].into(),
            winner: 0,
        };
        assert_eq!(draw.margin(1), Margin::Impossible);
        assert_eq!(draw.margin(2), Margin::Uniform(0.4));
        assert_eq!(draw.margin(2).value(), Some(0.4));
    }
}
