//! ChaCha8, 32 blocks at a time.

use crate::kernel::row::LANES;
use crate::kernel::simd::{Isa, Kernel, run};

/// Words of a block.
const WORDS: usize = 16;
/// Where the last word of the key begins.
const LAST: usize = 10;
/// Pairs of words in a block.
pub const PAIRS: usize = WORDS / 2;

/// A stream of ChaCha with eight rounds (Bernstein 2008): block b holds the 32-bit words 16 b to 16 b + 15. The words are taken in
/// pairs, the lower half first, as `rand_chacha`'s `next_u64` takes them from an even position.
///
/// ```
/// use tokpick::kernel::ChaCha8;
/// let stream = ChaCha8::new([7, 1, 0, 0], 3);
/// let mut pairs = Vec::new();
/// stream.pairs(&[5, 9, 70_000], &mut pairs);
/// assert_eq!(pairs[1], stream.pair(9));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChaCha8 {
    state: [u32; WORDS],
}

/// 32 blocks: word i of the block in lane l at `words[i][l]`.
pub struct Blocks {
    pub words: [[u32; LANES]; WORDS],
    /// The largest upper half of a pair, lane by lane.
    pub tops: [u32; LANES],
}

impl Blocks {
    pub const EMPTY: Blocks = Blocks { words: [[0; LANES]; WORDS], tops: [0; LANES] };

    /// The largest upper half of a pair.
    pub fn top(&self) -> u32 {
        self.tops.iter().fold(0, |top, &t| top.max(t))
    }

    /// A pair of the block in a lane.
    #[inline(always)]
    pub fn pair(&self, lane: usize, pair: usize) -> u64 {
        u64::from(self.words[2 * pair][lane]) | u64::from(self.words[2 * pair + 1][lane]) << 32
    }
}

impl ChaCha8 {
    /// The stream of a 256-bit key (little endian), from block 0.
    pub fn new(key: [u64; 4], stream: u64) -> Self {
        let mut state = [0; WORDS];
        state[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
        for (at, word) in key.into_iter().chain([0, stream]).enumerate() {
            state[4 + 2 * at] = word as u32;
            state[5 + 2 * at] = (word >> 32) as u32;
        }
        ChaCha8 { state }
    }

    /// The pair of the words 2 `at` and 2 `at` + 1.
    pub fn pair(&self, at: u32) -> u64 {
        self.from(2 * u64::from(at))
    }

    /// The word at a position and the one after it, which is the upper half.
    pub fn from(&self, position: u64) -> u64 {
        let number = position / WORDS as u64;
        let low = self.block(number);
        let at = (position % WORDS as u64) as usize;
        let high = if at + 1 < WORDS { low[at + 1] } else { self.block(number + 1)[0] };
        u64::from(low[at]) | u64::from(high) << 32
    }

    /// The first pair under each of many keys that differ in the last of their four words, in their order: what
    /// [`pair`](Self::pair) gives at 0.
    ///
    /// ```
    /// use tokpick::kernel::ChaCha8;
    /// let mut first = Vec::new();
    /// ChaCha8::first_pairs([7, 0, 0], 0..50, 3, &mut first);
    /// assert_eq!(first[49], ChaCha8::new([7, 0, 0, 49], 3).pair(0));
    /// ```
    pub fn first_pairs(key: [u64; 3], last: impl Iterator<Item = u64>, stream: u64, out: &mut Vec<u64>) {
        out.clear();
        let common = ChaCha8::new([key[0], key[1], key[2], 0], stream).state;
        let (mut states, mut first, mut lanes) = (common.map(|word| [word; LANES]), First::default(), 0);
        for word in last {
            (states[LAST][lanes], states[LAST + 1][lanes]) = (word as u32, (word >> 32) as u32);
            lanes += 1;
            if lanes == LANES {
                run(Start { states: &states, first: &mut first });
                out.extend(first.pairs());
                lanes = 0;
            }
        }
        run(Start { states: &states, first: &mut first });
        out.extend(first.pairs().take(lanes));
    }

    fn block(&self, number: u64) -> [u32; WORDS] {
        let mut state = self.state;
        (state[12], state[13]) = (number as u32, (number >> 32) as u32);
        block(state)
    }

    /// [`pair`](Self::pair) of many, into `out` (cleared); quickest where they ascend.
    pub fn pairs(&self, at: &[u32], out: &mut Vec<u64>) {
        out.clear();
        let mut blocks = Blocks::EMPTY;
        let mut rest = at;
        while !rest.is_empty() {
            let group = Group::first(rest);
            let (these, others) = rest.split_at(group.len);
            self.blocks(&group.numbers, &mut blocks);
            group.lanes(these, |_, lane, pair| out.push(blocks.pair(lane, pair)));
            rest = others;
        }
    }

    /// The blocks of these numbers.
    pub fn blocks(&self, numbers: &[u32; LANES], out: &mut Blocks) {
        run(Of { stream: self, numbers, out });
    }
}

/// Pairs that lie in at most 32 blocks.
pub struct Group {
    /// Their blocks.
    pub numbers: [u32; LANES],
    /// How many pairs they are.
    pub len: usize,
}

impl Group {
    /// As many as go together from the start of a list.
    pub fn first(at: &[u32]) -> Self {
        let (mut numbers, mut lanes, mut len) = ([0; LANES], 0, 0);
        for at in at {
            let number = at / PAIRS as u32;
            if lanes == 0 || numbers[lanes - 1] != number {
                if lanes == LANES {
                    break;
                }
                numbers[lanes] = number;
                lanes += 1;
            }
            len += 1;
        }
        Group { numbers, len }
    }

    /// `f(i, lane, pair)` for each of them in turn.
    #[inline(always)]
    pub fn lanes(&self, at: &[u32], mut f: impl FnMut(usize, usize, usize)) {
        let mut lane = 0;
        for (i, at) in at.iter().enumerate() {
            lane += usize::from(self.numbers[lane] != at / PAIRS as u32);
            f(i, lane, *at as usize % PAIRS);
        }
    }
}

struct Of<'a> {
    stream: &'a ChaCha8,
    numbers: &'a [u32; LANES],
    out: &'a mut Blocks,
}

impl Kernel for Of<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        // a loop over lanes without branches: the compiler makes vectors of it
        for lane in 0..LANES {
            let mut state = self.stream.state;
            state[12] = self.numbers[lane];
            let block = block(state);
            let mut top = 0;
            for (i, word) in block.into_iter().enumerate() {
                self.out.words[i][lane] = word;
                top = if i % 2 == 1 { top.max(word) } else { top };
            }
            self.out.tops[lane] = top;
        }
    }
}

/// The first two words of 32 streams.
#[derive(Default)]
struct First {
    low: [u32; LANES],
    high: [u32; LANES],
}

impl First {
    fn pairs(&self) -> impl Iterator<Item = u64> + '_ {
        self.low.iter().zip(&self.high).map(|(&low, &high)| u64::from(low) | u64::from(high) << 32)
    }
}

/// Where 32 streams start: word i of the state of the one in lane l is `states[i][l]`.
struct Start<'a> {
    states: &'a [[u32; LANES]; WORDS],
    first: &'a mut First,
}

impl Kernel for Start<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        // a loop over lanes without branches, which stores words as they are: the compiler makes vectors of it
        for lane in 0..LANES {
            let mut state = [0; WORDS];
            for (word, words) in state.iter_mut().zip(self.states) {
                *word = words[lane];
            }
            let block = block(state);
            (self.first.low[lane], self.first.high[lane]) = (block[0], block[1]);
        }
    }
}

/// The block of a state: eight rounds, and the state added.
#[inline(always)]
fn block(state: [u32; WORDS]) -> [u32; WORDS] {
    let mut s = state;
    // not as a loop, which would keep the loop over lanes from becoming vectors
    double_round(&mut s);
    double_round(&mut s);
    double_round(&mut s);
    double_round(&mut s);
    for (word, start) in s.iter_mut().zip(state) {
        *word = word.wrapping_add(start);
    }
    s
}

/// Columns, then diagonals.
#[inline(always)]
fn double_round(s: &mut [u32; WORDS]) {
    quarter(s, 0, 4, 8, 12);
    quarter(s, 1, 5, 9, 13);
    quarter(s, 2, 6, 10, 14);
    quarter(s, 3, 7, 11, 15);
    quarter(s, 0, 5, 10, 15);
    quarter(s, 1, 6, 11, 12);
    quarter(s, 2, 7, 8, 13);
    quarter(s, 3, 4, 9, 14);
}

#[inline(always)]
fn quarter(s: &mut [u32; WORDS], a: usize, b: usize, c: usize, d: usize) {
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(16);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(12);
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(8);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::kernel::{Simd, with_simd};

    #[test]
    fn are_the_words_of_rand_chacha_on_every_instruction_set() {
        let keys = [[0, 0, 0, 0], [7, 1 | 5 << 32, 2, 9], [u64::MAX, 1, u64::MAX - 3, 1 << 40]];
        for (key, stream) in keys.into_iter().zip([0, 3, u64::MAX - 1]) {
            let mut seed = [0; 32];
            for (to, word) in seed.chunks_exact_mut(8).zip(key) {
                to.copy_from_slice(&word.to_le_bytes());
            }
            let mut reference = ChaCha8Rng::from_seed(seed);
            reference.set_stream(stream);
            // neighbours, gaps, repeated blocks, and the last id there is
            let at: Vec<u32> =
                (0..600).chain((700..30_000).step_by(37)).chain([u32::MAX - 1, u32::MAX]).collect();
            let expected: Vec<u64> = at
                .iter()
                .map(|&at| {
                    reference.set_word_pos(2 * u128::from(at));
                    reference.next_u64()
                })
                .collect();
            let ours = ChaCha8::new(key, stream);
            assert_eq!(at.iter().map(|&at| ours.pair(at)).collect::<Vec<_>>(), expected);
            for position in [0, 15, 16 * 9 + 15, (1 << 36) - 1, (1 << 63) + 7] {
                reference.set_word_pos(position.into());
                assert_eq!(ours.from(position), reference.next_u64(), "word {position}");
            }
            for simd in Simd::ALL {
                let mut pairs = vec![1];
                with_simd(simd, || ours.pairs(&at, &mut pairs));
                assert_eq!(pairs, expected, "{simd:?}");
                for n in [0, 1, 31, 32, 33, 70] {
                    let (common, last) = ([key[0], key[1], key[2]], (0..n).map(|i| i << 31));
                    let pair = |word| ChaCha8::new([key[0], key[1], key[2], word], stream).pair(0);
                    let each: Vec<u64> = last.clone().map(pair).collect();
                    with_simd(simd, || ChaCha8::first_pairs(common, last, stream, &mut pairs));
                    assert_eq!(pairs, each, "{simd:?}, {n} streams");
                }
            }
        }
    }
}
