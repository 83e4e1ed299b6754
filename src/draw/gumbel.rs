use rand_chacha::rand_core::Rng;

use super::{Draw, DrawRow, Key, Margin, Pick, Turn, nothing};
use crate::{Result, TokenId, kernel};

/// Gumbel-max: `argmax(score + g)`, with one addressed noise for each token.
///
/// `g = −ln(−ln U)`, `U = ((w >> 11) + ½) · 2⁻⁵³`, w from ChaCha8 under the key of [`Addressed`](super::Addressed) with purpose 1, stream = step, word
/// position = 2 · token id. (Gumbel 1954; Maddison, Tarlow & Minka 2014.) The distribution is that of inverse CDF, but the noise
/// of a token is the same under every strategy: what differs in the ids comes from the strategy, not from luck.
///
/// ```
/// use tokpick::draw::Gumbel;
/// assert_eq!(Gumbel::new(7).noise(0, 0, 0, 3, &[5]).len(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gumbel {
    seed: u64,
}

impl Gumbel {
    /// The draw of a seed.
    pub fn new(seed: u64) -> Self {
        Gumbel { seed }
    }

    /// The noise of some tokens (ascending ids) at one address.
    pub fn noise(&self, lane: u32, sequence: usize, sample: usize, step: usize, ids: &[TokenId]) -> Vec<f64> {
        let mut generator = Key { seed: self.seed, purpose: 1, lane, sequence, sample }.generator(step);
        let mut next = 0;
        ids.iter()
            .map(|&id| {
                if id != next {
                    generator.set_word_pos(2 * id as u128);
                }
                next = id.wrapping_add(1);
                let u = ((generator.next_u64() >> 11) as f64 + 0.5) * 2f64.powi(-53);
                -kernel::ln(-kernel::ln(u))
            })
            .collect()
    }

    /// Score plus noise of every candidate: (id, sum, noise).
    fn race(&self, turn: &Turn<'_>, seat: usize) -> Vec<(TokenId, f64, f64)> {
        let (ids, scores): (Vec<TokenId>, Vec<f64>) = turn.candidates.members().unzip();
        let seat = &turn.seats[seat];
        let noise = self.noise(seat.lane, turn.sequence, seat.sample, turn.step, &ids);
        ids.into_iter().zip(scores).zip(noise).map(|((id, s), g)| (id, s + g, g)).collect()
    }
}

impl DrawRow for Gumbel {
    fn row(&self, turn: &mut Turn<'_>) -> Result<()> {
        for seat in 0..turn.seats.len() {
            let mut best: Option<(TokenId, f64, f64)> = None;
            let mut second: Option<(TokenId, f64)> = None;
            for (id, sum, noise) in self.race(turn, seat) {
                match best {
                    Some((_, lead, _)) if sum <= lead => {
                        if second.is_none_or(|(_, s)| sum > s) {
                            second = Some((id, sum));
                        }
                    }
                    _ => {
                        second = best.map(|(id, sum, _)| (id, sum));
                        best = Some((id, sum, noise));
                    }
                }
            }
            let (id, sum, noise) = best.ok_or_else(|| nothing(turn))?;
            let runner_up = second.map(|(id, s)| (id, sum - s));
            turn.seats[seat].pick = Some(Pick { noise: Some(noise), runner_up, ..Pick::certain(id) });
        }
        Ok(())
    }
}

impl Draw for Gumbel {
    fn name(&self) -> &str {
        "gumbel-chacha8-v1"
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        turns.iter_mut().try_for_each(|turn| self.row(turn))
    }

    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin {
        let race = self.race(turn, seat);
        let lead = race.iter().fold(f64::NEG_INFINITY, |m, r| m.max(r.1));
        race.iter().find(|r| r.0 == claimed).map_or(Margin::Impossible, |r| Margin::Score(lead - r.1))
    }

    fn shared(&self) -> Option<&dyn DrawRow> {
        Some(self)
    }
}
