//! Selection by value: the k-th largest, the n best, the members of a band.

use std::cell::Cell;
use std::cmp::Ordering;

use super::members::{inside, window};
use crate::kernel::row::{Band, LANES, SPAN, Slice};
use crate::kernel::simd::isa::rows;
use crate::kernel::simd::{Isa, Kernel, run};

/// The k-th largest member (from 1; each of several equal ones counts), the smallest if there are fewer, `None` if there is
/// none. Never −0.
///
/// `maxima` are those of [`scan`](crate::kernel::scan) for the values as they were scanned, or empty.
///
/// ```
/// use tokpick::kernel::{Band, kth_largest};
/// assert_eq!(kth_largest(&[3.0, 1.0, 3.0, 2.0], &[], Band::ALL, 2), Some(3.0));
/// assert_eq!(kth_largest(&[3.0, 1.0], &[], Band::ALL, 9), Some(1.0));
/// ```
pub fn kth_largest(values: &[f32], maxima: &[f32], band: Band, k: usize) -> Option<f32> {
    let k = k.max(1);
    let set = Slice { ids: None, values };
    with_scratch(|found| {
        candidates(set, maxima, band, k, None, found);
        let k = k.min(found.len()).checked_sub(1)?;
        let (_, kth, _) = found.select_nth_unstable_by(k, |a, b| b.total_cmp(a));
        Some(*kth + 0.0)
    })
}

/// Appends the members' ids and values, in id order, to the cleared outputs.
///
/// ```
/// use tokpick::kernel::{Band, Slice, gather};
/// let (mut ids, mut values) = (Vec::new(), Vec::new());
/// gather(Slice { ids: None, values: &[3.0, 1.0, 2.0] }, Band::from(2.0), &mut ids, &mut values);
/// assert_eq!((ids, values), (vec![0, 2], vec![3.0, 2.0]));
/// ```
pub fn gather(set: Slice, band: Band, ids: &mut Vec<u32>, values: &mut Vec<f32>) {
    gather_spans(set, &[], band, ids, values);
}

/// [`gather`] that reads only the spans whose maximum reaches the band: `maxima` are those of [`scan`](crate::kernel::scan) for a dense
/// row as it was scanned, or empty.
pub fn gather_spans(set: Slice, maxima: &[f32], band: Band, ids: &mut Vec<u32>, values: &mut Vec<f32>) {
    collect(set, maxima, band, Some(ids), values);
}

/// The `n` best members as (id, value) into the cleared `out`: by falling value, the lower id first among equals.
///
/// `maxima` are those of [`scan`](crate::kernel::scan) for a dense row as it was scanned, or empty.
///
/// ```
/// use tokpick::kernel::{Band, Slice, top};
/// let mut out = Vec::new();
/// top(Slice { ids: None, values: &[1.0, 3.0, 3.0] }, &[], Band::ALL, 2, &mut out);
/// assert_eq!(out, [(1, 3.0), (2, 3.0)]);
/// ```
pub fn top(set: Slice, maxima: &[f32], band: Band, n: usize, out: &mut Vec<(u32, f32)>) {
    thread_local! {
        static IDS: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
    }
    out.clear();
    if n == 0 {
        return;
    }
    let mut ids = IDS.take();
    with_scratch(|found| {
        candidates(set, maxima, band, n, Some(&mut ids), found);
        out.extend(ids.iter().copied().zip(found.iter().copied()));
    });
    IDS.set(ids);
    if n < out.len() {
        out.select_nth_unstable_by(n - 1, better);
        out.truncate(n);
    }
    out.sort_unstable_by(better);
}

/// Falling value, then rising id; −0 and 0 are equal.
pub fn better(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    (b.1 + 0.0).total_cmp(&(a.1 + 0.0)).then(a.0.cmp(&b.0))
}

fn with_scratch<R>(f: impl FnOnce(&mut Vec<f32>) -> R) -> R {
    thread_local! {
        static VALUES: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    }
    let mut values = VALUES.take();
    let result = f(&mut values);
    VALUES.set(values);
    result
}

/// Few members, among them the `n` largest and all that are equal to one of these; all members if there are fewer.
fn candidates(
    set: Slice,
    maxima: &[f32],
    band: Band,
    n: usize,
    mut ids: Option<&mut Vec<u32>>,
    found: &mut Vec<f32>,
) {
    let lo = bound(set, maxima, band, n, found);
    collect(set, maxima, Band { lo, ..band }, ids.as_deref_mut(), found);
    if found.len() < n && lo > band.lo {
        collect(set, maxima, band, ids, found);
    }
}

/// A value that at least `n` members reach, as far as a look at few of them can tell.
fn bound(set: Slice, maxima: &[f32], band: Band, n: usize, found: &mut Vec<f32>) -> f32 {
    let values = set.values();
    found.clear();
    let rank = if n <= maxima.len() && spanned(set, maxima) && band.hi == f32::INFINITY {
        // Each maximum is a member, so this is certain.
        found.extend(maxima.iter().filter(|&&m| band.has(m)));
        n
    } else {
        // One of 33 values, with three deviations to spare.
        let step = LANES + 1;
        if values.len() < 64 * step || n > values.len() / 4 {
            return band.lo;
        }
        found.extend(values.iter().step_by(step).filter(|&&x| band.has(x)));
        let expected = n as f64 / step as f64;
        (expected + 3.0 * expected.sqrt() + 3.0) as usize
    };
    if rank > found.len() {
        return band.lo;
    }
    let (_, lo, _) = found.select_nth_unstable_by(rank - 1, |a, b| b.total_cmp(a));
    *lo
}

/// Whether `maxima` describe the values.
fn spanned(set: Slice, maxima: &[f32]) -> bool {
    set.ids.is_none() && maxima.len() == set.values.len().div_ceil(SPAN)
}

fn collect(set: Slice, maxima: &[f32], band: Band, mut ids: Option<&mut Vec<u32>>, values: &mut Vec<f32>) {
    let maxima = if spanned(set, maxima) { maxima } else { &[] };
    let n = run(Collect { set, maxima, band, ids: ids.as_deref_mut(), values });
    if let Some(ids) = ids {
        ids.truncate(n);
    }
    values.truncate(n);
}

/// Copies members to the front of `values` (and their ids to `ids`), which are longer than that afterwards.
struct Collect<'a> {
    set: Slice<'a>,
    maxima: &'a [f32],
    band: Band,
    ids: Option<&'a mut Vec<u32>>,
    values: &'a mut Vec<f32>,
}

impl Kernel for Collect<'_> {
    /// How many members there are.
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) -> usize {
        let values = self.set.values();
        let mut n = 0;
        for (s, span) in values.chunks(SPAN).enumerate() {
            if self.maxima.get(s).is_some_and(|&max| max < self.band.lo) {
                continue;
            }
            if self.values.len() < n + SPAN + LANES {
                self.values.resize((2 * n).max(n + SPAN + LANES), 0.0);
            }
            if let Some(ids) = &mut self.ids
                && ids.len() < n + SPAN + LANES
            {
                ids.resize((2 * n).max(n + SPAN + LANES), 0);
            }
            let mut start = s * SPAN;
            rows(
                isa,
                span,
                #[inline(always)]
                |x| {
                    let m = inside(isa, self.band, x);
                    if isa.bits(m) != 0 {
                        if let Some(ids) = &mut self.ids
                            && let Some(out) = ids.get_mut(n..).and_then(|ids| ids.first_chunk_mut())
                        {
                            isa.compress(m, &numbers(self.set, start), out);
                        }
                        if let Some(out) = window(self.values, n) {
                            n += isa.compress(m, &bytemuck::cast(isa.store(x)), out);
                        }
                    }
                    start += LANES;
                },
            );
        }
        n
    }
}

/// The ids of up to 32 positions from `start`.
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "neither `zip` nor copies of unknown length are always inlined"
)]
fn numbers(set: Slice, start: usize) -> [u32; LANES] {
    let mut row = [0; LANES];
    match set.ids {
        None => {
            for (i, id) in row.iter_mut().enumerate() {
                *id = (start + i) as u32;
            }
        }
        Some(ids) => {
            let ids = &ids[start..];
            for i in 0..ids.len().min(LANES) {
                row[i] = ids[i];
            }
        }
    }
    row
}
