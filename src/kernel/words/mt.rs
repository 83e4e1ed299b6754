//! The Mersenne Twister, a whole state at a time.

use crate::kernel::row::LANES;
use crate::kernel::simd::{Isa, Kernel, run};

/// Words of the state.
const N: usize = 624;
/// How far ahead the word is that is mixed in.
const M: usize = 397;

/// MT19937 (Matsumoto and Nishimura 1998): 624 words are made at once, in vectors.
///
/// ```
/// let mut mt = tokpick::kernel::Mt::new(5489);
/// let mut words = [0; 10_000];
/// mt.fill(&mut words);
/// assert_eq!(words[9_999], 4_123_659_995); // as the C++ standard has it (rand.predef)
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mt {
    state: [u32; N],
    /// The words of the state, and how many of them are taken.
    words: [u32; N],
    taken: usize,
}

impl std::fmt::Debug for Mt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mt").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Mt {
    /// `init_genrand`: the state of a seed.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            state[i] = mixed(state[i - 1]).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Mt { state, words: [0; N], taken: N }
    }

    /// `init_by_array`: the state of several words; no words are the word 0.
    pub fn of_key(key: &[u32]) -> Self {
        let mut mt = Mt::new(19_650_218);
        let (key, state) = (if key.is_empty() { &[0] } else { key }, &mut mt.state);
        let mut i = 1;
        let next = |i: &mut usize, state: &mut [u32; N], factor: u32, add: u32, minus: u32| {
            let mixed = mixed(state[*i - 1]).wrapping_mul(factor);
            state[*i] = (state[*i] ^ mixed).wrapping_add(add).wrapping_sub(minus);
            *i += 1;
            if *i == N {
                (state[0], *i) = (state[N - 1], 1);
            }
        };
        for j in 0..N.max(key.len()) {
            let j = j % key.len();
            next(&mut i, state, 1_664_525, key[j].wrapping_add(j as u32), 0);
        }
        for _ in 1..N {
            let at = i as u32;
            next(&mut i, state, 1_566_083_941, 0, at);
        }
        state[0] = 1 << 31;
        mt
    }

    /// The next word.
    pub fn next_u32(&mut self) -> u32 {
        let word = self.rest()[0];
        self.taken += 1;
        word
    }

    /// The next words, as many as there is room for.
    pub fn fill(&mut self, mut out: &mut [u32]) {
        while !out.is_empty() {
            let rest = self.rest();
            let n = rest.len().min(out.len());
            let (now, later) = out.split_at_mut(n);
            now.copy_from_slice(&rest[..n]);
            self.taken += n;
            out = later;
        }
    }

    /// Passes over some words.
    pub fn skip(&mut self, mut words: usize) {
        while words > 0 {
            let n = self.rest().len().min(words);
            self.taken += n;
            words -= n;
        }
    }

    /// The words that are made and not taken; at least one.
    fn rest(&mut self) -> &[u32] {
        if self.taken >= N {
            run(Twist(self));
            self.taken = 0;
        }
        &self.words[self.taken..]
    }
}

/// The least first word of pairs, of the bits in a mask.
///
/// ```
/// assert_eq!(tokpick::kernel::least_of_pairs(&[9, 1, 21, 2], 7), 1);
/// ```
pub fn least_of_pairs(words: &[u32], mask: u32) -> u32 {
    run(Least { words, mask })
}

struct Least<'a> {
    words: &'a [u32],
    mask: u32,
}

impl Kernel for Least<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> u32 {
        let mut least = [u32::MAX; LANES];
        let (rows, rest) = self.words.as_chunks::<LANES>();
        for row in rows {
            for lane in 0..LANES {
                // the second word of a pair is never the least
                let second = ((lane & 1) as u32).wrapping_neg();
                least[lane] = least[lane].min((row[lane] & self.mask) | second);
            }
        }
        let firsts = rest.iter().step_by(2).map(|word| word & self.mask);
        firsts.chain(least).fold(u32::MAX, u32::min)
    }
}

fn mixed(word: u32) -> u32 {
    word ^ (word >> 30)
}

/// Makes the next state and its words.
struct Twist<'a>(&'a mut Mt);

impl Kernel for Twist<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        let Mt { state, words, .. } = self.0;
        // from the old words alone, then from the new ones 227 before: in loops that become vectors
        let mut new = [0; N];
        for i in 0..N - M {
            new[i] = state[i + M] ^ twisted(state[i], state[i + 1]);
        }
        let (done, rest) = new.split_at_mut(N - M);
        for i in 0..N - M {
            rest[i] = done[i] ^ twisted(state[N - M + i], state[N - M + i + 1]);
        }
        let (done, rest) = rest.split_at_mut(N - M);
        for i in 0..rest.len() - 1 {
            rest[i] = done[i] ^ twisted(state[2 * (N - M) + i], state[2 * (N - M) + i + 1]);
        }
        new[N - 1] = new[M - 1] ^ twisted(state[N - 1], new[0]);
        for (word, &y) in words.iter_mut().zip(&new) {
            let y = y ^ (y >> 11);
            let y = y ^ ((y << 7) & 0x9d2c_5680);
            let y = y ^ ((y << 15) & 0xefc6_0000);
            *word = y ^ (y >> 18);
        }
        *state = new;
    }
}

#[inline(always)]
fn twisted(high: u32, low: u32) -> u32 {
    let y = (high & (1 << 31)) | (low & !(1 << 31));
    (y >> 1) ^ ((y & 1).wrapping_neg() & 0x9908_b0df)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Simd, with_simd};

    #[test]
    fn are_the_words_of_rand_mt_on_every_instruction_set() {
        for seed in [0, 1, 5489, u32::MAX] {
            let key = [seed, 7, u32::MAX];
            // no longer than the state, beyond which rand_mt doesn't read
            let long: Vec<u32> = (0..600u32).map(|i| i.wrapping_mul(seed)).collect();
            for simd in Simd::ALL {
                let cases = [
                    (rand_mt::Mt::new(seed), Mt::new(seed)),
                    (rand_mt::Mt::new_with_key(key), Mt::of_key(&key)),
                    (rand_mt::Mt::new_with_key(long.iter().copied()), Mt::of_key(&long)),
                ];
                for (mut reference, mut ours) in cases {
                    with_simd(simd, || {
                        for n in [1, 0, 5, 623, 624, 1300] {
                            let mut words = vec![0; n];
                            ours.fill(&mut words);
                            let expected: Vec<u32> = (0..n).map(|_| reference.next_u32()).collect();
                            assert_eq!(words, expected, "{seed}, {simd:?}");
                            ours.skip(n);
                            (0..n).for_each(|_| _ = reference.next_u32());
                            assert_eq!(ours.next_u32(), reference.next_u32());
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn the_least_first_word_of_pairs() {
        let mut words = vec![0; 2 * 256 + 2];
        for n in [0, 2, 30, 32, 34, 512, 514] {
            Mt::new(n as u32).fill(&mut words);
            let expected = words[..n].chunks(2).map(|pair| pair[0] & 0x1f_ffff).min().unwrap_or(u32::MAX);
            for simd in Simd::ALL {
                assert_eq!(
                    with_simd(simd, || least_of_pairs(&words[..n], 0x1f_ffff)),
                    expected,
                    "{n} {simd:?}"
                );
            }
        }
    }

    /// The first words of the authors' mt19937ar.out, seeded by array.
    #[test]
    fn a_key_is_that_of_the_authors() {
        let mut mt = Mt::of_key(&[0x123, 0x234, 0x345, 0x456]);
        let words: Vec<u32> = (0..5).map(|_| mt.next_u32()).collect();
        assert_eq!(words, [1_067_595_299, 955_945_823, 477_289_528, 4_107_218_783, 4_228_976_476]);
    }

    /// CPython seeds by array, too: `random.Random(sum((i + 1) << 32 * i for i in range(1500))).getrandbits(32)`.
    #[test]
    fn a_key_longer_than_the_state_is_that_of_cpython() {
        let key: Vec<u32> = (1..=1500).collect();
        let mut words = [0; 3];
        Mt::of_key(&key).fill(&mut words);
        assert_eq!(words, [246_184_130, 2_960_583_693, 702_877_018]);
    }
}
