//! MLX's random state: a Threefry key that every call splits.

use crate::Result;
use crate::engine::{
    EngineInfo,
    shared::{
        seed,
        threefry::{Pair, threefry},
    },
};
use crate::kernel;

/// What `mx.random.seed` takes.
pub(in crate::engine) const SEEDS: &str = "a whole number from 0 to 2^64 - 1";

/// The global state.
pub(in crate::engine) struct State(Pair);

impl State {
    /// `mx.random.seed(z)`: the upper half counts.
    pub(in crate::engine) fn new(info: &'static EngineInfo, seed: &str) -> Result<Self> {
        let z = seed::whole(info, seed, 0, i128::from(u64::MAX))? as u64;
        Ok(Self([(z >> 32) as u32, z as u32]))
    }

    /// The key of the next call that is given none.
    pub(in crate::engine) fn next_key(&mut self) -> Pair {
        let mut words = Vec::new();
        bits(self.0, 4, &mut words);
        self.0 = [words[0], words[1]];
        [words[2], words[3]]
    }
}

/// `mx.random.bits` of `n` words: the blocks of the counters (i, i + h + odd), h = n div 2, give word i and word
/// h + odd + i; an odd n takes the first word of (h, 0) in the middle.
pub(in crate::engine) fn bits(key: Pair, n: usize, words: &mut Vec<u32>) {
    let (half, odd) = (n / 2, n % 2);
    words.clear();
    words.resize(n, 0);
    let (low, high) = words.split_at_mut(half + odd);
    for (i, (a, b)) in low.iter_mut().zip(&mut *high).enumerate() {
        [*a, *b] = [i as u32, (i + half + odd) as u32];
    }
    kernel::threefry(key, &mut low[..half], high);
    if odd == 1 {
        low[half] = threefry(key, [half as u32, 0])[0];
    }
}

/// The first word of `bits(key, 1)`.
pub(in crate::engine) fn word(key: Pair) -> u32 {
    threefry(key, [0, 0])[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word() {
        let mut words = Vec::new();
        bits([3, 4], 1, &mut words);
        assert_eq!(words, [word([3, 4])]);
    }

    #[test]
    fn odd_counts_have_a_middle() {
        let mut words = Vec::new();
        bits([0, 7], 5, &mut words);
        assert_eq!([words[0], words[3]], threefry([0, 7], [0, 3]));
        assert_eq!([words[1], words[4]], threefry([0, 7], [1, 4]));
        assert_eq!(words[2], threefry([0, 7], [2, 0])[0]);
    }
}
