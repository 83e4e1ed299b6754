//! How a draw was decided, and by how much another token lost it.

use super::float;
use std::sync::Arc;

/// Whether a step keeps what decided its draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watch {
    /// Only the ids are wanted; nothing else is computed.
    #[default]
    Ids,
    /// Each [`Drawn`](super::Drawn) carries its [`Evidence`].
    Evidence,
}

/// What decided one draw. The draws of one call share their tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// The highest score won: an argmax, a Gumbel race, or an exponential race.
    Race {
        /// The score of every token id.
        scores: Arc<[f32]>,
        /// The scores are ratios p/q, whose logarithm is the score in log units.
        ratios: bool,
        /// The id that won.
        winner: u32,
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

/// By how much a token lost a draw. The token that was drawn has the margin 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// Winner's score − token's score, in log units (as logits are).
    Score(f64),
    /// Distance of the uniform to the token's interval, of the whole \[0, 1).
    Uniform(f64),
    /// The engine cannot draw the token here: it is masked, filtered out, unknown or already taken, or float32 leaves
    /// its interval no width.
    Impossible,
}

impl Margin {
    /// The distance, whatever its unit; `None` if the token is impossible.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Score(d) | Self::Uniform(d) => Some(d),
            Self::Impossible => None,
        }
    }
}

impl Evidence {
    /// The margin by which `claimed` lost this draw.
    ///
    /// ```
    /// use tokpick::engine::{Evidence, Margin};
    /// let draw = Evidence::Interval { uniform: 0.75, ids: [4, 2].into(), upper: [0.5, 1.0].into(), winner: 2 };
    /// assert_eq!(draw.margin(2), Margin::Uniform(0.0));
    /// assert_eq!(draw.margin(4), Margin::Uniform(0.25));
    /// assert_eq!(draw.margin(3), Margin::Impossible);
    /// ```
    pub fn margin(&self, claimed: u32) -> Margin {
        match self {
            Self::Race { scores, ratios, winner } => {
                let score = |id: u32| {
                    let s = f64::from(*scores.get(id as usize)?);
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
        let draw =
            Evidence::Race { scores: [1.0, 3.5, f32::NEG_INFINITY, 3.0].into(), ratios: false, winner: 1 };
        assert_eq!(draw.margin(1), Margin::Score(0.0));
        assert_eq!(draw.margin(3), Margin::Score(0.5));
        assert_eq!(draw.margin(2), Margin::Impossible);
        assert_eq!(draw.margin(9), Margin::Impossible);
    }

    #[test]
    fn ratios_are_compared_in_logs() {
        let draw = Evidence::Race { scores: [8.0, 2.0, 0.0, 16.0].into(), ratios: true, winner: 0 };
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
