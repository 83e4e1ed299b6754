//! Members copied out of a row with their weights, and the search for the cut among them.

use std::ops::Range;

use super::room::{Output, Room};
use crate::kernel::bounds::spared;
use crate::kernel::exact::members::{inside, window};
use crate::kernel::row::{BLOCK, Band, LANES, SPAN, Weigh};
use crate::kernel::simd::isa::{row_pairs, rows};
use crate::kernel::simd::{Isa, Kernel, run};

/// Values and their weights, in no particular order, filled up to whole rows with −∞ of weight 0.
#[derive(Default)]
pub struct List {
    pub values: Room,
    pub weights: Room,
}

/// Where the running mass reaches a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    pub value: f32,
    /// The mass above `value`, below the target.
    pub above: f64,
    /// The mass from `value` up, at least the target.
    pub reached: f64,
}

impl Cut {
    /// Whether it would be the same if the masses and the target were off by `error` of the target.
    pub fn is_clear(&self, target: f64, error: f64) -> bool {
        let slack = spared(error) * target;
        target - self.above > slack && self.reached - target > slack
    }
}

impl List {
    pub fn clear(&mut self) {
        self.values.clear();
        self.weights.clear();
    }

    /// Becomes a copy, in the buffers it has.
    pub fn copy(&mut self, from: &List) {
        self.values.copy(&from.values);
        self.weights.copy(&from.weights);
    }

    /// Appends the band's members; `weigh` has to follow.
    pub fn extend(&mut self, values: &[f32], band: Band) {
        run(Append { list: self, values, band });
    }

    /// Appends the values of a dense row from `lo` up, where `maxima` are those of its spans; `weigh` has to follow. `ends` (cleared)
    /// receives the length of the list after each block.
    pub fn gather(&mut self, values: &[f32], maxima: &[f32], lo: f32, ends: &mut Vec<usize>) {
        ends.clear();
        run(Gather { list: self, values, maxima, lo: lo.max(f32::MIN), ends });
    }

    /// Sets the weights of all values.
    pub fn weigh(&mut self, w: Weigh) {
        self.weigh_part(0..self.values.len(), w, 1.0);
    }

    /// Sets the weights of the values in a range of whole rows, multiplied by `each`. Values that were never weighed weigh nothing.
    pub fn weigh_part(&mut self, range: Range<usize>, w: Weigh, each: f32) {
        run(Weights { list: self, range, w, each });
    }

    /// Keeps the members from `lo` to `hi`.
    pub fn shrink(&mut self, lo: f32, hi: f32) {
        run(Shrink { list: self, lo, hi });
    }

    /// The sum of the weights, in `f64` in any order.
    pub fn mass(&self) -> f64 {
        run(Mass(self))
    }

    /// Becomes a copy of the members of `from` between `lo` and `hi`; the mass of those above.
    pub fn take_between(&mut self, from: &List, lo: f32, hi: f32) -> f64 {
        run(Between { from, to: self, lo, hi })
    }

    /// The largest member such that it and those above it, with `above` more, have a mass of `target` or more; `None` if all
    /// of them have less. Masses are sums in `f64` in any order. The list is used up.
    pub fn cut(&mut self, mut above: f64, target: f64) -> Option<Cut> {
        let mut left = self.mass();
        while !self.values.is_empty() {
            let at = self.pivot((target - above) / left);
            let (higher, from) = run(Split { list: self, at });
            if above + higher >= target {
                self.shrink(at.next_up(), f32::MAX);
                left = higher;
            } else if above + from >= target {
                return Some(Cut { value: at + 0.0, above: above + higher, reached: above + from });
            } else {
                self.shrink(f32::MIN, at.next_down());
                above += from;
                left -= from;
            }
        }
        None
    }

    /// A member: of a few, the one at which the given share of their mass is reached.
    fn pivot(&self, share: f64) -> f32 {
        let few = &mut [(f32::NEG_INFINITY, 0.0f32); 16];
        // Stepping each before zipping: a zip would walk over what it skips.
        let step = self.values.len().div_ceil(few.len());
        let members = self.values.iter().step_by(step).zip(self.weights.iter().step_by(step));
        for (to, (&x, &weight)) in few.iter_mut().zip(members) {
            *to = (x, weight);
        }
        few.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let found = few.partition_point(|m| m.0 > f32::NEG_INFINITY);
        let few = &few[..found.max(1)];
        let wanted = share * few.iter().map(|m| f64::from(m.1)).sum::<f64>();
        let mut running = 0.0;
        let reached = few.iter().position(|m| {
            running += f64::from(m.1);
            running >= wanted
        });
        few[reached.unwrap_or(few.len() - 1)].0
    }
}

/// Appends rows' members.
struct Append<'a> {
    list: &'a mut List,
    values: &'a [f32],
    band: Band,
}

impl Kernel for Append<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let mut out = Output::after(&mut self.list.values);
        for block in self.values.chunks(BLOCK) {
            out.reserve();
            rows(
                isa,
                block,
                #[inline(always)]
                |x| out.push(isa, inside(isa, self.band, x), x),
            );
        }
        out.finish();
    }
}

/// Appends the values from `lo` up, from the spans that have any.
struct Gather<'a> {
    list: &'a mut List,
    values: &'a [f32],
    maxima: &'a [f32],
    lo: f32,
    ends: &'a mut Vec<usize>,
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let lo = isa.splat(self.lo);
        let mut out = Output::after(&mut self.list.values);
        for (b, block) in self.values.chunks(BLOCK).enumerate() {
            out.reserve();
            let maxima = self.maxima.get(b * (BLOCK / SPAN)..).unwrap_or_default();
            for (s, span) in block.chunks(SPAN).enumerate() {
                if maxima.get(s).is_some_and(|&max| max >= self.lo) {
                    rows(
                        isa,
                        span,
                        #[inline(always)]
                        |x| out.push(isa, isa.le(lo, x), x),
                    );
                }
            }
            self.ends.push(out.len());
        }
        out.finish();
    }
}

struct Weights<'a> {
    list: &'a mut List,
    range: Range<usize>,
    w: Weigh,
    each: f32,
}

impl Kernel for Weights<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "`zip` isn't always inlined")]
    fn run<I: Isa>(self, isa: I) {
        let List { values, weights } = self.list;
        weights.clear_around(self.range.clone(), values.len());
        let each = isa.splat(self.each);
        let (values, weights) = (&values[self.range.clone()], &mut weights[self.range]);
        let (values, weights) = (values.as_chunks::<LANES>().0, weights.as_chunks_mut::<LANES>().0);
        let n = values.len().min(weights.len());
        let (values, weights) = (&values[..n], &mut weights[..n]);
        for i in 0..n {
            let (w, positive) = isa.weigh(self.w, isa.load(&values[i]));
            weights[i] = isa.store(isa.mul(isa.keep(positive, w), each));
        }
    }
}

struct Mass<'a>(&'a List);

impl Kernel for Mass<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f64 {
        let mut sum = isa.zero();
        for weight in self.0.weights.as_chunks::<LANES>().0 {
            sum = isa.accumulate(sum, isa.load(weight));
        }
        isa.fold(sum)
    }
}

/// (mass above, mass from) a value.
struct Split<'a> {
    list: &'a List,
    at: f32,
}

impl Kernel for Split<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> (f64, f64) {
        let at = isa.splat(self.at);
        let (mut above, mut from) = (isa.zero(), isa.zero());
        row_pairs(
            &self.list.values,
            &self.list.weights,
            #[inline(always)]
            |x, weight| {
                let (x, weight) = (isa.load(x), isa.load(weight));
                let weight = isa.keep(isa.le(at, x), weight);
                (from, above) = isa.accumulate_both(from, above, isa.lt(at, x), weight);
            },
        );
        (isa.fold_both(above), isa.fold_both(from))
    }
}

/// Keeps the members from `lo` to `hi`.
struct Shrink<'a> {
    list: &'a mut List,
    lo: f32,
    hi: f32,
}

impl Kernel for Shrink<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let (lo, hi) = (isa.splat(self.lo), isa.splat(self.hi));
        let List { values, weights } = &mut *self.list;
        let mut n = 0;
        for start in (0..values.len()).step_by(LANES) {
            // In place: what is written lies at or before the row that has just been read.
            let (Some(row), Some(weight)) = (window(values, start), window(weights, start)) else {
                break;
            };
            let (row, weight) = (*row, *weight);
            let x = isa.load(bytemuck::cast_ref(&row));
            let m = isa.and(isa.le(lo, x), isa.le(x, hi));
            if let (Some(values), Some(weights)) = (window(values, n), window(weights, n)) {
                isa.compress(m, &weight, weights);
                n += isa.compress(m, &row, values);
            }
        }
        values.end(n, f32::NEG_INFINITY);
        weights.end(n, 0.0);
    }
}

/// Copies the members from `lo` to `hi`, and sums those above.
struct Between<'a> {
    from: &'a List,
    to: &'a mut List,
    lo: f32,
    hi: f32,
}

impl Kernel for Between<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f64 {
        let (lo, hi) = (isa.splat(self.lo), isa.splat(self.hi));
        let List { values, weights } = self.to;
        let room = self.from.values.len() + LANES;
        let (into, heavy) = (values.of_at_least(room), weights.of_at_least(room));
        let (mut above, mut n) = (isa.zero(), 0);
        row_pairs(
            &self.from.values,
            &self.from.weights,
            #[inline(always)]
            |row, weight| {
                let x = isa.load(row);
                above = isa.accumulate(above, isa.keep(isa.lt(hi, x), isa.load(weight)));
                let m = isa.and(isa.le(lo, x), isa.le(x, hi));
                if let (Some(values), Some(weights)) = (window(into, n), window(heavy, n)) {
                    isa.compress(m, bytemuck::cast_ref(weight), weights);
                    n += isa.compress(m, bytemuck::cast_ref(row), values);
                }
            },
        );
        values.end(n, f32::NEG_INFINITY);
        weights.end(n, 0.0);
        isa.fold(above)
    }
}
