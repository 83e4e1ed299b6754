//! NumPy's `SeedSequence`, which spreads a seed of any length over a pool of four words.
//!
//! After Melissa O'Neill's `seed_seq_fe` ("Developing a seed_seq Alternative", 2015), as in NumPy 1.17 and later.

const POOL: usize = 4;

/// The pool that a seed leaves.
pub(in crate::engine) struct SeedSequence {
    pool: [u32; POOL],
}

/// The running multiplicative hash that stirs each word.
struct Hash(u32);

impl Hash {
    fn mix(&mut self, word: u32, multiplier: u32) -> u32 {
        let mut v = word ^ self.0;
        self.0 = self.0.wrapping_mul(multiplier);
        v = v.wrapping_mul(self.0);
        v ^ (v >> 16)
    }
}

const STIR: u32 = 0x931e_8875;
const DRAW: u32 = 0x58f3_8ded;

fn join(x: u32, y: u32) -> u32 {
    let r = x.wrapping_mul(0xca01_f9dd).wrapping_sub(y.wrapping_mul(0x4973_f715));
    r ^ (r >> 16)
}

impl SeedSequence {
    /// From the seed's 32-bit words, lowest first (the seed 0 is one word).
    pub(in crate::engine) fn new(words: &[u32]) -> Self {
        let mut hash = Hash(0x43b0_d7e5);
        let mut pool = [0; POOL];
        for (i, slot) in pool.iter_mut().enumerate() {
            *slot = hash.mix(words.get(i).copied().unwrap_or(0), STIR);
        }
        for i in 0..POOL {
            for j in 0..POOL {
                if i != j {
                    pool[j] = join(pool[j], hash.mix(pool[i], STIR));
                }
            }
        }
        for &word in words.iter().skip(POOL) {
            for slot in &mut pool {
                *slot = join(*slot, hash.mix(word, STIR));
            }
        }
        Self { pool }
    }

    /// `generate_state(N, uint64)`.
    pub(in crate::engine) fn state<const N: usize>(&self) -> [u64; N] {
        let mut hash = Hash(0x8b51_f9dd);
        let mut pool = self.pool.iter().cycle();
        let mut word = || u64::from(hash.mix(*pool.next().unwrap_or(&0), DRAW));
        std::array::from_fn(|_| {
            let low = word();
            low | (word() << 32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NumPy's tests/test_seed_sequence.py, which are the C++ reference's: the first two 64-bit words.
    #[test]
    fn known_answers() {
        let cases = [
            (
                [3_735_928_559, 195_939_070, 229_505_742, 305_419_896],
                [2_477_551_240_072_187_391, 9_577_394_838_764_454_085],
            ),
            (
                [3_668_361_503, 4_165_561_550, 1_661_411_377, 3_634_257_570],
                [15_854_241_394_484_835_714, 11_398_914_698_975_566_411],
            ),
            (
                [2_766_103_236, 2_883_057_919, 4_029_656_435, 862_374_500],
                [18_305_404_959_516_669_237, 14_103_312_907_920_476_776],
            ),
        ];
        for (seed, state) in cases {
            assert_eq!(SeedSequence::new(&seed).state::<2>(), state);
        }
    }

    /// A seed of more than four words is stirred in after the pool is full; a short one is padded with zeros.
    #[test]
    fn length_counts() {
        let state = |words: &[u32]| SeedSequence::new(words).state::<4>();
        assert_eq!(state(&[1]), state(&[1, 0]));
        assert_ne!(state(&[1, 0, 0, 0]), state(&[1, 0, 0, 0, 0]));
    }
}
