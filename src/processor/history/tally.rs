//! Ids of a history by ascending id, each once, with a number for each: linear in the history, without sorting it.

use crate::TokenId;

/// A set of ids, and where it is asked for a number for each; its buffers are reused.
#[derive(Default)]
pub struct Tally {
    /// The ids, strictly ascending.
    pub ids: Vec<TokenId>,
    /// The number of each id, after [`count`](Self::count) and [`largest`](Self::largest).
    pub numbers: Vec<u32>,
    /// What the ids came from: the penalties of a chain mostly count the same window.
    window: Vec<TokenId>,
    vocab: usize,
    /// One bit for each token of the vocabulary, all 0 between calls.
    seen: Vec<u64>,
    /// One number for each token of the vocabulary, all 0 between calls.
    table: Vec<u32>,
}

impl Tally {
    /// The distinct ids of a window below `vocab`.
    pub fn distinct(&mut self, window: &[TokenId], vocab: usize) {
        if self.vocab == vocab && self.window == window {
            return;
        }
        self.vocab = vocab;
        self.window.clear();
        self.window.extend_from_slice(window);
        self.ids.clear();
        self.numbers.clear();
        let inside = window.iter().copied().filter(|&id| (id as usize) < vocab);
        if is_small(window.len(), vocab) {
            self.ids.extend(inside);
            self.ids.sort_unstable();
            self.ids.dedup();
            return;
        }
        self.seen.resize(vocab.div_ceil(64).max(self.seen.len()), 0);
        for id in inside {
            self.seen[id as usize / 64] |= 1 << (id % 64);
        }
        for (at, bits) in self.seen.iter_mut().enumerate() {
            let mut left = std::mem::take(bits);
            while left != 0 {
                self.ids.push((at * 64) as TokenId + left.trailing_zeros());
                left &= left - 1;
            }
        }
    }

    /// The distinct ids of a window below `vocab`, and how often each occurs.
    pub fn count(&mut self, window: &[TokenId], vocab: usize) {
        self.distinct(window, vocab);
        if self.numbers.len() != self.ids.len() {
            self.combine(window.iter().map(|&id| (id, 1)), |a, b| a.saturating_add(b));
        }
    }

    /// The distinct ids below `vocab`, and the largest of the numbers that come with each.
    pub fn largest(&mut self, ids: &[TokenId], numbers: &[u32], vocab: usize) {
        self.distinct(ids, vocab);
        self.combine(ids.iter().copied().zip(numbers.iter().copied()), u32::max);
        self.vocab = 0; // the numbers are no counts: what comes next must not take them for such
    }

    /// One number for each id, combined from 0.
    fn combine(&mut self, pairs: impl Iterator<Item = (TokenId, u32)>, with: impl Fn(u32, u32) -> u32) {
        self.numbers.clear();
        if is_small(self.window.len(), self.vocab) {
            self.numbers.resize(self.ids.len(), 0);
            for (id, number) in pairs {
                if let Ok(at) = self.ids.binary_search(&id) {
                    self.numbers[at] = with(self.numbers[at], number);
                }
            }
            return;
        }
        self.table.resize(self.vocab.max(self.table.len()), 0);
        for (id, number) in pairs.filter(|&(id, _)| (id as usize) < self.vocab) {
            let slot = &mut self.table[id as usize];
            *slot = with(*slot, number);
        }
        self.numbers.extend(self.ids.iter().map(|&id| std::mem::take(&mut self.table[id as usize])));
    }
}

/// Where so few ids are in so large a vocabulary, sorting them is faster than a table.
fn is_small(ids: usize, vocab: usize) -> bool {
    ids < vocab / 1024
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Both ways of counting give what a map gives, and nothing of one call is left for the next.
        #[test]
        fn counts_as_a_map_does(
            windows in prop::collection::vec((prop::collection::vec(0u32..3000, 0..200), 1usize..4000), 1..5)
        ) {
            let mut tally = Tally::default();
            for (window, vocab) in windows {
                let mut map = BTreeMap::new();
                for &id in window.iter().filter(|&&id| (id as usize) < vocab) {
                    *map.entry(id).or_insert(0u32) += 1;
                }
                tally.count(&window, vocab);
                prop_assert_eq!(&tally.ids, &map.keys().copied().collect::<Vec<_>>());
                prop_assert_eq!(&tally.numbers, &map.values().copied().collect::<Vec<_>>());
            }
        }
    }
}
