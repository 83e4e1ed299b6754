//! Ids of a history by ascending id, each once, with a number for each: linear in the history, without sorting it.

use std::cell::Cell;

use crate::TokenId;

/// A set of ids with a number for each; its buffers are reused.
#[derive(Default)]
pub struct Tally {
    /// The ids, strictly ascending.
    pub ids: Vec<TokenId>,
    /// The number of each id.
    pub numbers: Vec<u32>,
    /// One bit for each token of the vocabulary, all 0 between calls.
    seen: Vec<u64>,
    /// One number for each token of the vocabulary, all 0 between calls.
    table: Vec<u32>,
    /// What was counted last: the penalties of a chain mostly count the same window.
    counted: Option<usize>,
    window: Vec<TokenId>,
    pairs: Vec<(TokenId, u32)>,
}

thread_local! {
    static SCRATCH: Cell<Tally> = Cell::default();
}

/// Lends this thread's tally.
pub fn with<R>(f: impl FnOnce(&mut Tally) -> R) -> R {
    let mut tally = SCRATCH.take();
    let result = f(&mut tally);
    SCRATCH.set(tally);
    result
}

impl Tally {
    /// How often each id below `vocab` occurs.
    pub fn count(&mut self, window: &[TokenId], vocab: usize) {
        if self.counted == Some(vocab) && self.window == window {
            return;
        }
        self.combine(window.iter().map(|&id| (id, 1)), window.len(), vocab, |a, b| a.saturating_add(b));
        self.window.clear();
        self.window.extend_from_slice(window);
        self.counted = Some(vocab);
    }

    /// The numbers of each id below `vocab`, combined (starting from 0) by a function that is the same in any order.
    pub fn combine(
        &mut self,
        pairs: impl Iterator<Item = (TokenId, u32)>,
        len: usize,
        vocab: usize,
        with: impl Fn(u32, u32) -> u32,
    ) {
        self.counted = None;
        self.ids.clear();
        self.numbers.clear();
        let pairs = pairs.filter(|&(id, _)| (id as usize) < vocab);
        if len < vocab / 256 {
            return self.combine_few(pairs, with);
        }
        self.seen.resize(vocab.div_ceil(64).max(self.seen.len()), 0);
        self.table.resize(vocab.max(self.table.len()), 0);
        for (id, number) in pairs {
            let at = id as usize;
            self.seen[at / 64] |= 1 << (at % 64);
            self.table[at] = with(self.table[at], number);
        }
        for (at, bits) in self.seen.iter_mut().enumerate() {
            let mut left = std::mem::take(bits);
            while left != 0 {
                let id = at * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                self.ids.push(id as TokenId);
                self.numbers.push(std::mem::take(&mut self.table[id]));
            }
        }
    }

    /// For few ids in a large vocabulary: sorts them.
    fn combine_few(&mut self, pairs: impl Iterator<Item = (TokenId, u32)>, with: impl Fn(u32, u32) -> u32) {
        self.pairs.clear();
        self.pairs.extend(pairs);
        self.pairs.sort_unstable();
        for &(id, number) in &self.pairs {
            match self.numbers.last_mut() {
                Some(last) if self.ids.last() == Some(&id) => *last = with(*last, number),
                _ => {
                    self.ids.push(id);
                    self.numbers.push(with(0, number));
                }
            }
        }
    }
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
