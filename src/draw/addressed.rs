use std::cell::RefCell;
use std::ops::Range;

use super::{Draw, DrawRow, Margin, Pick, Seat, Turn, nothing};
use crate::kernel::ChaCha8;
use crate::processor::Coins;
use crate::{Result, TokenId};

/// The default draw, `chacha8-v1`: inverse CDF over the candidates in id order, with one addressed uniform for each draw.
///
/// The uniform comes from ChaCha8 (Bernstein 2008, eight rounds) under a 256-bit key of four u64, little endian: the seed; the
/// purpose (0) plus lane · 2³²; the sequence; the sample. The stream is the step, the word position 0:
/// `u = (w >> 11) · 2⁻⁵³`. The first token whose running mass is strictly greater than `u · total` is drawn, the last one with a
/// positive weight otherwise. A draw depends on nothing else: any slice of the work gives the same ids, in any order, on any
/// number of threads.
///
/// ```
/// use tokpick::draw::{Addressed, Key, uniform};
///
/// let u = uniform(&Key { seed: 7, purpose: 0, lane: 0, sequence: 0, sample: 0 }, 3, 0);
/// assert!((0.0..1.0).contains(&u));
/// assert_eq!(Addressed::new(7).seed(), 7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressed {
    seed: u64,
}

/// The key of a random number; with step and word position it is the whole address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The user's seed.
    pub seed: u64,
    /// What the number is for: 0 the uniform of a draw, 1 Gumbel noise, 2 + position in the chain for a processor's coin.
    pub purpose: u32,
    /// Rank of the parent beam; 0 when sampling.
    pub lane: u32,
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Number of the sample.
    pub sample: usize,
}

impl Key {
    /// The key of ChaCha8.
    pub(super) fn words(&self) -> [u64; 4] {
        [
            self.seed,
            u64::from(self.purpose) | u64::from(self.lane) << 32,
            self.sequence as u64,
            self.sample as u64,
        ]
    }
}

/// The addressed uniform in [0, 1): 53 bits of the two 32-bit words at `word`.
pub fn uniform(key: &Key, step: usize, word: u64) -> f64 {
    unit(ChaCha8::new(key.words(), step as u64).from(word))
}

/// The upper 53 bits of a pair, in [0, 1).
fn unit(pair: u64) -> f64 {
    (pair >> 11) as f64 * 2f64.powi(-53)
}

/// The coins of one row, for processors that toss one.
pub struct RowCoins {
    /// The user's seed.
    pub seed: u64,
    /// Rank of the parent beam; 0 when sampling.
    pub lane: u32,
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Number of the sample.
    pub sample: usize,
    /// Step of the input, absolute.
    pub step: usize,
}

impl Coins for RowCoins {
    fn coin(&self, position: usize) -> f64 {
        let purpose = 2 + position as u32;
        let key =
            Key { seed: self.seed, purpose, lane: self.lane, sequence: self.sequence, sample: self.sample };
        uniform(&key, self.step, 0)
    }
}

impl Addressed {
    /// The draw of a seed.
    pub fn new(seed: u64) -> Self {
        Addressed { seed }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    fn uniform(&self, turn: &Turn<'_>, seat: usize) -> f64 {
        uniform(&self.key(turn.sequence, &turn.seats[seat]), turn.step, 0)
    }

    fn key(&self, sequence: usize, seat: &Seat) -> Key {
        Key { seed: self.seed, purpose: 0, lane: seat.lane, sequence, sample: seat.sample }
    }
}

/// The words and uniforms of a row's samples.
#[derive(Default)]
struct Desk {
    words: Vec<u64>,
    uniforms: Vec<f64>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

impl Desk {
    /// Makes the uniforms of many samples together: `key` is that of any of them.
    fn fill(&mut self, key: Key, step: usize, samples: impl Iterator<Item = u64>) {
        let [seed, purpose, sequence, _] = key.words();
        ChaCha8::first_pairs([seed, purpose, sequence], samples, step as u64, &mut self.words);
        self.uniforms.clear();
        self.uniforms.extend(self.words.iter().copied().map(unit));
    }
}

/// Seats of a row from which on their uniforms are made together.
const SEVERAL: usize = 16;

impl DrawRow for Addressed {
    fn row(&self, turn: &mut Turn<'_>) -> Result<()> {
        if turn.seats.len() >= SEVERAL && turn.seats.iter().all(|seat| seat.lane == turn.seats[0].lane) {
            return DESK.with_borrow_mut(|desk| {
                let samples = turn.seats.iter().map(|seat| seat.sample as u64);
                desk.fill(self.key(turn.sequence, &turn.seats[0]), turn.step, samples);
                let (seats, uniforms, mut all) = (&mut *turn.seats, &desk.uniforms, true);
                turn.candidates.pick_each(uniforms, |seat, id| {
                    let pick = |id| Pick { uniform: Some(uniforms[seat]), ..Pick::certain(id) };
                    seats[seat].pick = id.map(pick);
                    all &= id.is_some();
                });
                if all { Ok(()) } else { Err(nothing(turn)) }
            });
        }
        for seat in 0..turn.seats.len() {
            let u = self.uniform(turn, seat);
            let id = turn.candidates.pick(u).ok_or_else(|| nothing(turn))?;
            turn.seats[seat].pick = Some(Pick { uniform: Some(u), ..Pick::certain(id) });
        }
        Ok(())
    }

    fn samples(&self, turn: &mut Turn<'_>, samples: Range<usize>, ids: &mut Vec<TokenId>) -> Result<()> {
        DESK.with_borrow_mut(|desk| {
            let key = Key { seed: self.seed, purpose: 0, lane: 0, sequence: turn.sequence, sample: 0 };
            desk.fill(key, turn.step, samples.map(|sample| sample as u64));
            let mut all = true;
            turn.candidates.pick_each(&desk.uniforms, |_, id| {
                all &= id.is_some();
                ids.extend(id);
            });
            if all { Ok(()) } else { Err(nothing(turn)) }
        })
    }
}

impl Draw for Addressed {
    fn name(&self) -> &str {
        "chacha8-v1"
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        turns.iter_mut().try_for_each(|turn| self.row(turn))
    }

    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin {
        let u = self.uniform(turn, seat);
        Margin::of_uniform(turn.candidates, u, claimed)
    }

    fn shared(&self) -> Option<&dyn DrawRow> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by an independent ChaCha8 in another language: the addresses are a promise.
    #[test]
    fn the_scheme_is_frozen() {
        let key = |seed, purpose, lane, sequence, sample| Key { seed, purpose, lane, sequence, sample };
        let table = [
            (key(7, 0, 0, 0, 0), 0, 0, 0.764109042047738),
            (key(7, 0, 0, 0, 0), 3, 0, 0.6629217734268726),
            (key((1 << 63) + 5, 0, 2, 1, 4), 1 << 33, 0, 0.6413654487155885),
            (key(0, 1, 0, 0, 0), 1, 200_002, 0.5855452696283912),
            (key(42, 3, 0, 5, 6), 7, 0, 0.7947373460080809),
        ];
        for (key, step, word, expected) in table {
            assert_eq!(uniform(&key, step, word), expected, "{key:?}, step {step}, word {word}");
        }
    }

    #[test]
    fn a_processors_coin_is_a_number_of_its_own() {
        let coins = RowCoins { seed: 42, lane: 0, sequence: 5, sample: 6, step: 7 };
        assert_eq!(coins.coin(1), 0.7947373460080809);
        assert_ne!(coins.coin(0), coins.coin(1));
        assert_ne!(
            coins.coin(0),
            uniform(&Key { seed: 42, purpose: 0, lane: 0, sequence: 5, sample: 6 }, 7, 0)
        );
    }
}
