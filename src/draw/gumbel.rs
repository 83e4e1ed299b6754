use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::{Draw, DrawRow, Key, Margin, Pick, Racer, Turn, nothing};
use crate::{Result, TokenId, kernel};

/// Gumbel-max: `argmax(score + g)`, with one addressed noise for each token.
///
/// `g = −ln(−ln U)`, `U = ((w >> 11) + ½) · 2⁻⁵³`, w from ChaCha8 under the key of [`Addressed`](super::Addressed) with purpose 1, stream
/// = step, word
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
        let mut noise = self.at(lane, sequence, sample, step);
        ids.iter().map(|&id| gumbel(noise.uniform(id))).collect()
    }

    /// The noise of one address, to be read by ascending ids.
    pub(crate) fn at(&self, lane: u32, sequence: usize, sample: usize, step: usize) -> Noise {
        let generator = Key { seed: self.seed, purpose: 1, lane, sequence, sample }.generator(step);
        Noise { generator, next: 0 }
    }

    /// Score plus noise of every candidate.
    fn sums(&self, turn: &Turn<'_>, seat: usize) -> Vec<Runner> {
        let (ids, scores): (Vec<TokenId>, Vec<f64>) = turn.candidates.members().unzip();
        let seat = &turn.seats[seat];
        let noise = self.noise(seat.lane, turn.sequence, seat.sample, turn.step, &ids);
        ids.into_iter().zip(scores).zip(noise).map(|((id, s), g)| (id, s + g, g)).collect()
    }
}

/// The noise of the tokens at one address.
pub(crate) struct Noise {
    generator: ChaCha8Rng,
    next: TokenId,
}

impl Noise {
    /// The uniform number that a token's noise is made of.
    fn uniform(&mut self, id: TokenId) -> f64 {
        if id != self.next {
            self.generator.set_word_pos(2 * id as u128);
        }
        self.next = id.wrapping_add(1);
        ((self.generator.next_u64() >> 11) as f64 + 0.5) * 2f64.powi(-53)
    }

    /// Gumbel-top-k: the `n` candidates (ascending ids) with the largest sums of `start`, score and noise, as (id, score, sum),
    /// largest first, the lower id first among equals; none below `least`.
    pub fn top(
        &mut self,
        candidates: impl Iterator<Item = (TokenId, f64)>,
        start: f64,
        n: usize,
        mut least: f64,
    ) -> Vec<(TokenId, f64, f64)> {
        let order =
            |a: &(TokenId, f64, f64), b: &(TokenId, f64, f64)| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0));
        let mut best: Vec<(TokenId, f64, f64)> = Vec::new();
        for (id, score) in candidates {
            let u = self.uniform(id);
            // most are too far behind for two logarithms
            if start + score + at_most(u) < least {
                continue;
            }
            let sum = start + score + gumbel(u);
            if sum >= least {
                best.push((id, score, sum));
            }
            if best.len() >= n.saturating_mul(2) && n > 0 {
                best.select_nth_unstable_by(n - 1, order);
                best.truncate(n);
                least = least.max(best[n - 1].2);
            }
        }
        best.sort_unstable_by(order);
        best.truncate(n);
        best
    }
}

/// −ln(−ln u).
fn gumbel(u: f64) -> f64 {
    -kernel::ln(-kernel::ln(u))
}

/// A bound on the noise from the exponent of 1 − u: −ln(−ln u) ≤ −ln(1 − u) ≤ −⌊log₂(1 − u)⌋ · ln 2.
fn at_most(u: f64) -> f64 {
    let exponent = ((1.0 - u).to_bits() >> 52) as i64 - 1023;
    -exponent as f64 * std::f64::consts::LN_2
}

/// A candidate in a race: id, score plus noise, noise.
type Runner = (TokenId, f64, f64);

/// The winner, the lower id among equals, and by how much another one was behind.
fn winner(race: &[Runner]) -> Option<Pick> {
    let (mut best, mut second): (Option<Runner>, Option<Runner>) = (None, None);
    for &runner in race {
        match best {
            Some(lead) if runner.1 <= lead.1 => {
                if second.is_none_or(|second| runner.1 > second.1) {
                    second = Some(runner);
                }
            }
            _ => second = best.replace(runner),
        }
    }
    let (id, sum, noise) = best?;
    let runner_up = second.map(|(id, s, _)| (id, sum - s));
    Some(Pick { noise: Some(noise), runner_up, ..Pick::certain(id) })
}

impl DrawRow for Gumbel {
    fn row(&self, turn: &mut Turn<'_>) -> Result<()> {
        for seat in 0..turn.seats.len() {
            let pick = winner(&self.sums(turn, seat)).ok_or_else(|| nothing(turn))?;
            turn.seats[seat].pick = Some(pick);
        }
        Ok(())
    }

    fn raced(&self, turn: &mut Turn<'_>) -> Result<Vec<Vec<Racer>>> {
        let mut races = Vec::new();
        for seat in 0..turn.seats.len() {
            let race = self.sums(turn, seat);
            let pick = winner(&race).ok_or_else(|| nothing(turn))?;
            turn.seats[seat].pick = Some(pick);
            races.push(racers(race));
        }
        Ok(races)
    }
}

/// How far each was behind the first.
fn racers(race: Vec<Runner>) -> Vec<Racer> {
    let lead = race.iter().fold(f64::NEG_INFINITY, |lead, runner| lead.max(runner.1));
    race.into_iter().map(|(id, sum, noise)| Racer { id, noise: Some(noise), behind: lead - sum }).collect()
}

impl Draw for Gumbel {
    fn name(&self) -> &str {
        "gumbel-chacha8-v1"
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        turns.iter_mut().try_for_each(|turn| self.row(turn))
    }

    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin {
        let race = self.sums(turn, seat);
        let lead = race.iter().fold(f64::NEG_INFINITY, |m, r| m.max(r.1));
        race.iter().find(|r| r.0 == claimed).map_or(Margin::Impossible, |r| Margin::Score(lead - r.1))
    }

    fn race(&mut self, turn: &Turn<'_>, seat: usize) -> Vec<Racer> {
        racers(self.sums(turn, seat))
    }

    fn shared(&self) -> Option<&dyn DrawRow> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_on_the_noise_holds() {
        for step in 0..200 {
            let mut noise = Gumbel::new(1).at(0, 0, 0, step);
            for u in (0..100).map(|id| noise.uniform(id)).chain([2f64.powi(-54), 0.5, 1.0 - 2f64.powi(-53)]) {
                assert!((gumbel(u)..gumbel(u) + 2.0).contains(&at_most(u)) || u < 0.5, "{u}");
                assert!(at_most(u) >= gumbel(u), "{u}");
            }
        }
    }

    #[test]
    fn the_best_of_a_race_are_those_of_the_whole_race() {
        let ids: Vec<TokenId> = (0..5000).filter(|id| id % 7 != 3).collect();
        let score = |id: TokenId| f64::from(id % 11) / 3.0;
        let noise = Gumbel::new(3).noise(2, 1, 0, 9, &ids);
        let mut all: Vec<(TokenId, f64, f64)> =
            ids.iter().zip(noise).map(|(&id, g)| (id, score(id), score(id) + g)).collect();
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        for n in [1, 2, 17, 6000] {
            let candidates = ids.iter().map(|&id| (id, score(id)));
            let top = Gumbel::new(3).at(2, 1, 0, 9).top(candidates, 0.0, n, f64::NEG_INFINITY);
            assert_eq!(top, all[..n.min(all.len())]);
        }
    }
}
