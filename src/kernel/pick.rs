//! The inverse of the running mass.

use super::arch::{Kernel, run};
use super::isa::{Isa, padded};
use super::mass::weigh;
use super::{BLOCK, Band, LANES, Slice, Weigh};

/// Position in the slice of the first member whose running mass is strictly greater than `target`, else of the last member
/// with positive weight; `None` if no member has positive weight.
///
/// `blocks` are the sums that [`mass`](super::mass) gave for the same arguments: blocks are skipped while their running sum
/// is at most `target`, and from there on the running mass of a member is the sum of the blocks before its own plus the
/// weights of its block in id order, added one by one. Members of weight 0 are never picked.
///
/// ```
/// use tokpick::kernel::{Band, Slice, Weigh, mass, pick};
/// let set = Slice { ids: None, values: &[0.0, f32::NEG_INFINITY, 0.0] };
/// let (w, mut blocks) = (Weigh { max: 0.0, scale: 1.0 }, Vec::new());
/// let total = mass(set, w, Band::ALL, &mut blocks);
/// assert_eq!(pick(set, w, Band::ALL, &blocks, 0.5 * total), Some(2));
/// assert_eq!(pick(set, w, Band::ALL, &blocks, 0.0), Some(0));
/// ```
pub fn pick(set: Slice, w: Weigh, band: Band, blocks: &[f64], target: f64) -> Option<usize> {
    let mut before = 0.0;
    for (b, &sum) in blocks.iter().enumerate() {
        let after = before + sum;
        if after > target && sum > 0.0 {
            let found = run(Find { set, w, band, block: b, before, target });
            if let Found::At(i) = found {
                return Some(i);
            }
        }
        before = after;
    }
    let last = blocks.iter().rposition(|&sum| sum > 0.0)?;
    match run(Find { set, w, band, block: last, before: 0.0, target: f64::INFINITY }) {
        Found::At(i) | Found::Last(i) => Some(i),
        Found::None => None,
    }
}

/// Looks in one block for the first member of positive weight whose running mass is above `target`.
struct Find<'a> {
    set: Slice<'a>,
    w: Weigh,
    band: Band,
    block: usize,
    before: f64,
    target: f64,
}

/// Positions in the slice.
enum Found {
    At(usize),
    /// Not reached; the last member of positive weight.
    Last(usize),
    None,
}

impl Kernel for Find<'_> {
    type Output = Found;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Found {
        let values = self.set.values();
        let bound = |id: usize| match self.set.ids {
            None => id.min(values.len()),
            Some(ids) => ids[..values.len()].partition_point(|&i| (i as usize) < id),
        };
        let start = bound(self.block * BLOCK);
        let end = bound((self.block + 1) * BLOCK);
        let mut running = self.before;
        let mut found = Found::None;
        for (r, row) in values[start..end].chunks(LANES).enumerate() {
            let weights = weigh(isa, self.w, self.band, isa.load(&padded(row)));
            for (i, weight) in isa.store(weights).into_iter().enumerate() {
                running += f64::from(weight);
                if weight > 0.0 {
                    let at = start + r * LANES + i;
                    if running > self.target {
                        return Found::At(at);
                    }
                    found = Found::Last(at);
                }
            }
        }
        found
    }
}
