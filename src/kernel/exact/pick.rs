//! The inverse of the running mass.

use super::members::weigh;
use crate::kernel::bounds::{reordered, spared};
use crate::kernel::row::{BLOCK, Band, LANES, Slice, Weigh};
use crate::kernel::simd::isa::padded;
use crate::kernel::simd::{Isa, Kernel, run};

/// Position in the slice of the first member whose running mass is strictly greater than `target`, else of the last member
/// with positive weight; `None` if no member has positive weight.
///
/// `blocks` are the sums that [`mass`](crate::kernel::mass) gave for the same arguments: blocks are skipped while their running sum
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
            let find = Find { set, w, band, block: b, before, target };
            let quick = run(Quick { find, slack: Slack { relative: reordered(BLOCK), absolute: 0.0 } });
            if let Some(i) = quick {
                return Some(i);
            }
            if let Reached::At(i) = run(find) {
                return Some(i);
            }
        }
        before = after;
    }
    let last = blocks.iter().rposition(|&sum| sum > 0.0)?;
    match run(Find { set, w, band, block: last, before: 0.0, target: f64::INFINITY }) {
        Reached::At(i) | Reached::Last(i) => Some(i),
        Reached::None => None,
    }
}

/// How far a running sum and a target may be off, each.
#[derive(Clone, Copy)]
pub struct Slack {
    /// Relative to each …
    pub relative: f64,
    /// … and besides.
    pub absolute: f64,
}

impl Slack {
    /// Whether a running sum is above a target; `None` if that can't be told. A running sum of 0 is exact: nothing was added.
    #[inline(always)]
    pub fn beyond(self, running: f64, target: f64) -> Option<bool> {
        let slack = spared(self.relative * (running + target) + 2.0 * self.absolute);
        if running - target > slack {
            Some(true)
        } else if target - running > slack || running == 0.0 {
            Some(false)
        } else {
            None
        }
    }
}

/// Looks as `Find` does, row by row: `None` where sums are too rough to tell.
pub struct Quick<'a> {
    /// What it looks for.
    pub find: Find<'a>,
    /// How rough its sums are.
    pub slack: Slack,
}

impl Kernel for Quick<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Option<usize> {
        let Find { w, band, target, mut before, .. } = self.find;
        let (start, values) = self.find.values();
        for (r, row) in values.chunks(LANES).enumerate() {
            let weights = weigh(isa, w, band, isa.load(&padded(row)));
            let after = before + isa.fold(isa.accumulate(isa.zero(), weights));
            if self.slack.beyond(after, target)? {
                for (i, weight) in isa.store(weights).into_iter().enumerate() {
                    before += f64::from(weight);
                    if self.slack.beyond(before, target)? {
                        return Some(start + r * LANES + i);
                    }
                }
                return None;
            }
            before = after;
        }
        None
    }
}

/// Looks in one block for the first member of positive weight whose running mass is above `target`.
#[derive(Clone, Copy)]
pub struct Find<'a> {
    /// Among these values,
    pub set: Slice<'a>,
    /// with these weights,
    pub w: Weigh,
    /// of these members,
    pub band: Band,
    /// in this block,
    pub block: usize,
    /// before which there is this mass.
    pub before: f64,
    /// The mass to pass.
    pub target: f64,
}

/// Where the target was passed: positions in the slice.
pub enum Reached {
    /// The first member of positive weight whose running mass is above the target.
    At(usize),
    /// Not reached; the last member of positive weight.
    Last(usize),
    /// No member has positive weight.
    None,
}

impl<'a> Find<'a> {
    /// The values of the block, and where they start.
    #[inline(always)]
    fn values(&self) -> (usize, &'a [f32]) {
        let values = self.set.values();
        let bound = |id: usize| match self.set.ids {
            None => id.min(values.len()),
            Some(ids) => ids[..values.len()].partition_point(|&i| (i as usize) < id),
        };
        let start = bound(self.block * BLOCK);
        (start, &values[start..bound((self.block + 1) * BLOCK)])
    }
}

impl Kernel for Find<'_> {
    type Output = Reached;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Reached {
        let (start, values) = self.values();
        let mut running = self.before;
        let mut found = Reached::None;
        for (r, row) in values.chunks(LANES).enumerate() {
            let weights = weigh(isa, self.w, self.band, isa.load(&padded(row)));
            for (i, weight) in isa.store(weights).into_iter().enumerate() {
                running += f64::from(weight);
                if weight > 0.0 {
                    let at = start + r * LANES + i;
                    if running > self.target {
                        return Reached::At(at);
                    }
                    found = Reached::Last(at);
                }
            }
        }
        found
    }
}
