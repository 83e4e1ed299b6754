use std::collections::HashMap;

use super::{Addressed, Draw, DrawRow, Margin, Turn, alone, nothing};
use crate::processor::param;
use crate::{Result, TokenId};

/// Adaptive-p: prefers tokens near a target probability, and corrects for what was drawn before. It replaces the draw.
///
/// With the probabilities p of the candidates: `a = clamp(2·target − W/N, 0, 1)`, `d = |p − a| / 0.3`,
/// `score ← 5 − 10·d² / (1 + d)`, then a draw. Accepting x: `W ← p(x) + decay·W`, `N ← 1 + decay·N`: W/N is a decaying mean of the
/// accepted tokens' probabilities, and starts at the target with the weight of a long history, `N = 1 / (1 − decay)`. MrJackSpade
/// 2025, *Adaptive-P*; llama.cpp.
///
/// - `target`: at most 1; negative: a plain draw from p.
/// - `decay`: from 0 to 0.99 (llama.cpp's default 0.9).
///
/// Every candidate stays possible, so a truncation such as min-p belongs before it. Equal probabilities get equal scores. The uniform
/// is that of [`Addressed`]. A token that is accepted without having been drawn (a run driven by given ids) counts as if it had
/// been; llama.cpp then changes nothing, computes in f32 and draws from a generator of its own.
///
/// ```
/// use tokpick::draw::{AdaptiveP, Draw};
/// let adaptive = AdaptiveP::new(0.4, 0.9, 7)?;
/// assert_eq!(adaptive.name(), "adaptive-p-chacha8-v1");
/// assert!((adaptive.aim(0, 0) - 0.4).abs() < 1e-12);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AdaptiveP {
    target: f64,
    decay: f64,
    uniform: Addressed,
    /// By sequence and sample, once a token was seen.
    lines: HashMap<(usize, usize), Line>,
}

#[derive(Debug, Clone, Default)]
struct Line {
    /// W and N.
    past: Option<(f64, f64)>,
    /// The probabilities before the last draw, ids ascending.
    before: Vec<(TokenId, f64)>,
}

/// The distance from the aim at which a token has lost half the range of scores.
const WIDTH: f64 = 0.3;
/// The score of a token that hits the aim.
const PEAK: f64 = 5.0;
/// How steeply the score falls.
const SHARPNESS: f64 = 10.0;

impl AdaptiveP {
    /// A target probability and the decay of the past.
    ///
    /// # Errors
    /// A target above 1 or infinite, a decay outside [0, 0.99].
    pub fn new(target: f64, decay: f64, seed: u64) -> Result<Self> {
        let fits = target.is_finite() && target <= 1.0;
        param::check("adaptive_target", target, fits, "at most 1 (negative: a plain draw)")?;
        param::check("adaptive_decay", decay, (0.0..=0.99).contains(&decay), "from 0 to 0.99")?;
        Ok(AdaptiveP { target, decay, uniform: Addressed::new(seed), lines: HashMap::new() })
    }

    /// Weighted sum and weight of a line's accepted probabilities.
    fn past(&self, line: (usize, usize)) -> (f64, f64) {
        let start = (self.target / (1.0 - self.decay), 1.0 / (1.0 - self.decay));
        self.lines.get(&line).and_then(|l| l.past).unwrap_or(start)
    }

    /// The probability that the next draw of a line prefers.
    pub fn aim(&self, sequence: usize, sample: usize) -> f64 {
        let (sum, weight) = self.past((sequence, sample));
        (2.0 * self.target - sum / weight).clamp(0.0, 1.0)
    }
}

impl Draw for AdaptiveP {
    fn name(&self) -> &str {
        "adaptive-p-chacha8-v1"
    }

    fn by_line(&self) -> bool {
        true
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        for turn in turns {
            let sample = alone(turn)?.sample;
            if turn.candidates.is_empty() {
                return Err(nothing(turn));
            }
            if self.target >= 0.0 {
                let aim = self.aim(turn.sequence, sample);
                let before = turn.candidates.probabilities_in_order();
                let mut p = before.iter().map(|&(_, p)| p);
                turn.candidates.map(|_, _| {
                    let d = (p.next().unwrap_or(0.0) - aim).abs() / WIDTH;
                    PEAK - SHARPNESS * d * d / (1.0 + d)
                });
                self.lines.entry((turn.sequence, sample)).or_default().before = before;
            }
            self.uniform.row(turn)?;
        }
        Ok(())
    }

    fn accept(&mut self, turn: &mut Turn<'_>, seat: usize, id: TokenId) {
        let line = (turn.sequence, turn.seats[seat].sample);
        let (sum, weight) = self.past(line);
        let Some(state) = self.lines.get_mut(&line) else { return };
        if let Ok(at) = state.before.binary_search_by_key(&id, |&(id, _)| id) {
            state.past = Some((state.before[at].1 + self.decay * sum, 1.0 + self.decay * weight));
        }
    }

    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin {
        self.uniform.margin(turn, seat, claimed)
    }
}

#[cfg(test)]
mod tests;
