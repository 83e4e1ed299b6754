use rand::Rng;

use super::{Draw, Margin, Pick, Turn, nothing};
use crate::candidates::Candidates;
use crate::{Result, TokenId};

/// Draws with uniforms from a generator of the caller's: inverse CDF over the candidates in id order.
///
/// `u = (w >> 11) · 2⁻⁵³` from one 64-bit word for each token, sequence by sequence within a step; the first token whose running
/// mass is strictly greater than `u · total`. Unlike [`Addressed`](super::Addressed), whose draws are addressed, the ids of a
/// sequence depend on what was drawn before it, and a batch is drawn in lockstep.
///
/// ```
/// use rand::SeedableRng;
/// use tokpick::{candidates::Candidates, draw::FromRng};
///
/// let mut draw = FromRng::new(rand_chacha::ChaCha8Rng::seed_from_u64(1));
/// let mut candidates = Candidates::from(&[0.0, f32::NEG_INFINITY][..]);
/// assert_eq!(draw.draw(&mut candidates), Some(0));
/// ```
#[derive(Debug, Clone)]
pub struct FromRng<R>(R);

impl<R: Rng> FromRng<R> {
    /// The draw of a generator.
    pub fn new(generator: R) -> Self {
        FromRng(generator)
    }

    /// One token of these candidates; `None` where there are none.
    pub fn draw(&mut self, candidates: &mut Candidates) -> Option<TokenId> {
        candidates.pick(self.uniform())
    }

    fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * 2f64.powi(-53)
    }
}

impl<R: Rng + Send> Draw for FromRng<R> {
    fn name(&self) -> &str {
        "inverse-cdf"
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        for turn in turns {
            for seat in 0..turn.seats.len() {
                if turn.seats[seat].finished {
                    continue;
                }
                let u = self.uniform();
                let id = turn.candidates.pick(u).ok_or_else(|| nothing(turn))?;
                turn.seats[seat].pick = Some(Pick { uniform: Some(u), ..Pick::certain(id) });
            }
        }
        Ok(())
    }

    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin {
        let drawn = turn.seats.get(seat).and_then(|seat| seat.pick?.uniform);
        drawn.map_or(Margin::Impossible, |u| Margin::of_uniform(turn.candidates, u, claimed))
    }
}
