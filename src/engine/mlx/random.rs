//! MLX's random state: a Threefry key that every call splits.

use crate::Result;
use crate::engine::{
    EngineInfo,
    shared::{
        seed,
        threefry::{Pair, threefry},
    },
};
use crate::kernel::{Half, threefry_words};

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
        let mut words = [0; 4];
        Bits { key: self.0, n: 4 }.fill(0, &mut words);
        self.0 = [words[0], words[1]];
        [words[2], words[3]]
    }
}

/// `mx.random.bits` of `n` words: the blocks of the counters (i, i + h + odd), h = n div 2, give word i and word
/// h + odd + i; an odd n takes the first word of (h, 0) in the middle.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Bits {
    pub(in crate::engine) key: Pair,
    pub(in crate::engine) n: usize,
}

impl Bits {
    /// The words from number `first` on, and the largest of them.
    pub(in crate::engine) fn fill(&self, first: usize, out: &mut [u32]) -> u32 {
        let (half, odd) = (self.n / 2, self.n % 2);
        let end = first + out.len();
        // those of the first half, the middle, and those of the second half
        let (low, rest) = out.split_at_mut(half.clamp(first, end) - first);
        let (middle, high) =
            rest.split_at_mut((half + odd).clamp(first + low.len(), end) - first - low.len());
        let mut largest = 0;
        if !low.is_empty() {
            let counter = [first as u32, (first + half + odd) as u32];
            largest = threefry_words(self.key, counter, [1, 1], Half::First, low);
        }
        if let [word] = middle {
            *word = threefry(self.key, [half as u32, 0])[0];
            largest = largest.max(*word);
        }
        if !high.is_empty() {
            let first = first + low.len() + middle.len();
            let counter = [(first - half - odd) as u32, first as u32];
            largest = largest.max(threefry_words(self.key, counter, [1, 1], Half::Second, high));
        }
        largest
    }
}

/// The first word of `bits(key, 1)`.
pub(in crate::engine) fn word(key: Pair) -> u32 {
    threefry(key, [0, 0])[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(key: Pair, n: usize) -> Vec<u32> {
        let mut words = vec![0; n];
        assert_eq!(Bits { key, n }.fill(0, &mut words), words.iter().copied().max().unwrap_or(0));
        words
    }

    #[test]
    fn one_word() {
        assert_eq!(bits([3, 4], 1), [word([3, 4])]);
    }

    #[test]
    fn odd_counts_have_a_middle() {
        let words = bits([0, 7], 5);
        assert_eq!([words[0], words[3]], threefry([0, 7], [0, 3]));
        assert_eq!([words[1], words[4]], threefry([0, 7], [1, 4]));
        assert_eq!(words[2], threefry([0, 7], [2, 0])[0]);
    }

    #[test]
    fn some_words_are_those_of_all() {
        for n in [1, 2, 5, 300, 1001] {
            let all = bits([9, 1], n);
            for first in (0..n).step_by(7) {
                for len in [1, 2, 40, 256] {
                    let mut some = vec![0; len.min(n - first)];
                    Bits { key: [9, 1], n }.fill(first, &mut some);
                    assert_eq!(some, all[first..first + some.len()], "{n} {first}");
                }
            }
        }
    }
}
