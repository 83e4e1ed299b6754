//! A race: every value has a random word, and few of them matter.

use super::chacha::{Blocks, ChaCha8, Group, PAIRS};
use crate::kernel::exact::max;
use crate::kernel::row::{Band, LANES, SPAN, Slice};

// a span is a group of blocks
const _: () = assert!(SPAN == LANES * PAIRS);

/// What wants to see values whose words are large.
pub trait Race {
    /// The least upper half of a word with which a value up to `value` may matter.
    fn bar(&self, value: f32) -> u32;
    /// Whether a value with this upper half of its word may matter: a quick look, for values that share the bar of a larger one.
    fn may_matter(&self, value: f32, upper: u32) -> bool;
    /// The value at position `at` may matter.
    fn meet(&mut self, at: usize, word: u64);
}

/// Shows the members of a band to a race, in order: at least all those whose word (the pair of the stream that has the value's id for its
/// number) reaches the bar of their value, and may matter. The bar is asked for once per span, or list of neighbours, with the largest value
/// there; `maxima` are those of spans, as [`scan`](crate::kernel::scan) finds them, and may be missing.
pub fn race(set: Slice, maxima: &[f32], band: Band, stream: &ChaCha8, race: &mut impl Race) {
    let mut blocks = Blocks::EMPTY;
    let values = set.values();
    let Some(ids) = set.ids else {
        for (s, span) in values.chunks(SPAN).enumerate() {
            let largest = maxima.get(s).copied().unwrap_or_else(|| max(span));
            if largest < band.lo || largest == f32::NEG_INFINITY {
                continue;
            }
            let bar = race.bar(largest);
            let first = (s * LANES) as u32;
            stream.blocks(&std::array::from_fn(|lane| first + lane as u32), &mut blocks);
            if blocks.top() < bar {
                continue;
            }
            for (lane, eight) in span.chunks(PAIRS).enumerate().filter(|&(lane, _)| blocks.tops[lane] >= bar)
            {
                for (pair, &x) in eight.iter().enumerate() {
                    let word = blocks.pair(lane, pair);
                    let upper = (word >> 32) as u32;
                    if upper >= bar && band.has(x) && race.may_matter(x, upper) {
                        race.meet(s * SPAN + lane * PAIRS + pair, word);
                    }
                }
            }
        }
        return;
    };
    let mut start = 0;
    while start < values.len() {
        let group = Group::first(&ids[start..values.len()]);
        let end = start + group.len;
        let members = values[start..end].iter().filter(|&&x| band.has(x));
        let largest = members.fold(f32::NEG_INFINITY, |m, &x| m.max(x));
        if largest > f32::NEG_INFINITY {
            let bar = race.bar(largest);
            stream.blocks(&group.numbers, &mut blocks);
            group.lanes(&ids[start..end], |i, lane, pair| {
                let (x, word) = (values[start + i], blocks.pair(lane, pair));
                let upper = (word >> 32) as u32;
                if upper >= bar && band.has(x) && race.may_matter(x, upper) {
                    race.meet(start + i, word);
                }
            });
        }
        start = end;
    }
}
