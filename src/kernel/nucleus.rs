//! The cut that holds a given mass.

use std::cell::Cell;

use super::arch::{Kernel, run};
use super::isa::{Isa, rows};
use super::list::{Cut, List, Output};
use super::mass::{All, weigh};
use super::{BLOCK, Band, LANES, SPAN, Slice, Weigh, ln, mass};

/// Largest value v among the members such that the members with x ≥ v have a [`mass`] of at least `target`; the smallest
/// member if none reaches it, `None` if there is no member. Ties at v are all in. Never −0.
///
/// `maxima` are those of [`scan`](super::scan) for a dense row as it was scanned, or empty.
///
/// ```
/// use tokpick::kernel::{Band, Slice, Weigh, nucleus};
/// let set = Slice { ids: None, values: &[0.0, -1.0, 0.0, -9.0] };
/// let w = Weigh { max: 0.0, scale: 1.0 };
/// assert_eq!(nucleus(set, w, Band::ALL, &[], 2.0), Some(0.0));
/// assert_eq!(nucleus(set, w, Band::ALL, &[], 2.1), Some(-1.0));
/// ```
pub fn nucleus(set: Slice, w: Weigh, band: Band, maxima: &[f32], target: f64) -> Option<f32> {
    with_scratch(|scratch| {
        let search = Search { set, w, band, maxima };
        let found = search.at_heads(target, scratch).or_else(|| {
            let bracket = search.sampled(Goal::Mass(target), scratch)?;
            let mut blocks = std::mem::take(&mut scratch.sums);
            let (_, found) = search.pass(bracket, Goal::Mass(target), &mut blocks, scratch);
            scratch.sums = blocks;
            found
        });
        found.unwrap_or_else(|| search.anywhere(target, scratch))
    })
}

/// [`mass`] and the cut of a share of it in one go: (total, [`nucleus`] for the target `share · total`), and the block sums.
///
/// ```
/// use tokpick::kernel::{Band, Slice, Weigh, nucleus_share};
/// let set = Slice { ids: None, values: &[0.0, -1.0, 0.0, -9.0] };
/// let (w, mut blocks) = (Weigh { max: 0.0, scale: 1.0 }, Vec::new());
/// let (total, cut) = nucleus_share(set, w, Band::ALL, &[], 0.9, &mut blocks);
/// assert!(total > 2.36 && cut == Some(-1.0));
/// ```
pub fn nucleus_share(
    set: Slice,
    w: Weigh,
    band: Band,
    maxima: &[f32],
    share: f64,
    blocks: &mut Vec<f64>,
) -> (f64, Option<f32>) {
    with_scratch(|scratch| {
        let search = Search { set, w, band, maxima };
        if let Some(bracket) = search.sampled(Goal::Share(share), scratch) {
            let (total, found) = search.pass(bracket, Goal::Share(share), blocks, scratch);
            let target = share * total;
            let cut = found.unwrap_or_else(|| search.anywhere(target, scratch));
            return (total, cut);
        }
        let total = mass(set, w, band, blocks);
        let target = share * total;
        let found = search.at_heads(target, scratch);
        (total, found.unwrap_or_else(|| search.anywhere(target, scratch)))
    })
}

/// Buffers that outlive a call, so that a warm loop allocates nothing.
#[derive(Default)]
struct Scratch {
    list: List,
    sample: List,
    picked: Vec<f32>,
    sums: Vec<f64>,
    blocks: Vec<f64>,
}

fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local! {
        static SCRATCH: Cell<Scratch> = Cell::default();
    }
    let mut scratch = SCRATCH.take();
    let result = f(&mut scratch);
    SCRATCH.set(scratch);
    result
}

/// Integers in the order of the floats.
fn key(x: f32) -> i64 {
    let bits = x.to_bits() as i32;
    i64::from(if bits < 0 { i32::MIN - bits } else { bits })
}

/// The float of a key.
fn value(key: i64) -> f32 {
    let bits = key as i32;
    f32::from_bits(if bits < 0 { i32::MIN - bits } else { bits } as u32)
}

/// How many equal weights a sample has to be worth.
const ENOUGH: f64 = 400.0;

/// What the members from the cut up have to weigh.
#[derive(Clone, Copy)]
enum Goal {
    Mass(f64),
    /// Of the whole mass.
    Share(f64),
}

/// The cut lies in `lo ≤ x < hi`, or so it is guessed.
#[derive(Clone, Copy)]
struct Bracket {
    lo: f32,
    hi: f32,
}

struct Search<'a> {
    set: Slice<'a>,
    w: Weigh,
    band: Band,
    maxima: &'a [f32],
}

impl Search<'_> {
    /// Whether `maxima` describe the values.
    fn spanned(&self) -> bool {
        self.set.ids.is_none() && self.maxima.len() == self.set.values.len().div_ceil(SPAN)
    }

    /// The cut where the largest values of the spans alone reach the target: then it is at least theirs, and few values are
    /// left to look at. The outer `None` says that they don't.
    fn at_heads(&self, target: f64, scratch: &mut Scratch) -> Option<Option<f32>> {
        if !self.spanned() || self.band.hi < f32::INFINITY || self.maxima.len() < 4 {
            return None;
        }
        let list = &mut scratch.list;
        list.clear();
        list.extend(self.maxima, self.band);
        list.weigh(self.w);
        let lo = list.cut(0.0, target)?.value;
        list.clear();
        let spans = self.set.values.chunks(SPAN).zip(self.maxima);
        for (span, _) in spans.filter(|&(_, &max)| max >= lo) {
            list.extend(span, Band::from(lo));
        }
        list.weigh(self.w);
        let cut = list.cut(0.0, target)?;
        Some(Some(self.certain(cut, target, &mut scratch.blocks)))
    }

    /// The cut by looking at all members.
    fn anywhere(&self, target: f64, scratch: &mut Scratch) -> Option<f32> {
        let values = self.set.values();
        if target > 0.0 {
            scratch.list.clear();
            scratch.list.extend(values, self.band);
            scratch.list.weigh(self.w);
            if let Some(cut) = scratch.list.cut(0.0, target) {
                return Some(self.certain(cut, target, &mut scratch.blocks));
            }
        }
        let members = values.iter().copied().filter(|&x| self.band.has(x));
        let end = if target <= 0.0 { members.reduce(f32::max)? } else { members.reduce(f32::min)? };
        let cut = Cut { value: end + 0.0, above: target, reached: target };
        Some(self.certain(cut, target, &mut scratch.blocks))
    }

    /// The cut to the bit. Sums in another order than the prescribed one differ by less than n · 2^−51 of themselves; where
    /// that can matter, the prescribed sums decide.
    fn certain(&self, cut: Cut, target: f64, blocks: &mut Vec<f64>) -> f32 {
        let slack = target * self.set.values.len() as f64 * 2f64.powi(-51);
        if target - cut.above > slack && cut.reached - target > slack {
            return cut.value;
        }
        let values = self.set.values();
        let members = || values.iter().copied().filter(|&x| self.band.has(x));
        let mut reaches = |lo: f32| mass(self.set, self.w, Band { lo, ..self.band }, blocks) >= target;
        // The neighbours first; if they don't settle it (a tail too light to count), bisection between two keys.
        let (mut yes, mut no);
        if reaches(cut.value) {
            match members().filter(|&x| x > cut.value).reduce(f32::min) {
                Some(higher) if reaches(higher) => yes = key(higher),
                _ => return cut.value,
            }
            no = key(f32::INFINITY);
        } else {
            match members().filter(|&x| x < cut.value).reduce(f32::max) {
                Some(lower) if !reaches(lower) => no = key(lower),
                other => return other.unwrap_or(cut.value) + 0.0,
            }
            yes = key(members().reduce(f32::min).unwrap_or(cut.value));
        }
        while no - yes > 1 {
            let middle = yes + (no - yes) / 2;
            if reaches(value(middle)) {
                yes = middle;
            } else {
                no = middle;
            }
        }
        value(yes) + 0.0
    }

    /// Guesses a bracket from a sample; `None` where a sample tells little: short or sparse rows, and
    /// rows whose mass lies in few values.
    fn sampled(&self, goal: Goal, scratch: &mut Scratch) -> Option<Bracket> {
        let values = self.set.values();
        // Plain dense rows only: the pass that follows knows no band.
        let plain = self.spanned() && self.band == Band::ALL;
        if !plain || values.len() < 16 * BLOCK {
            return None;
        }
        let Scratch { list, sample, picked, .. } = scratch;
        // A quick look first: where the largest values of the spans carry much of the mass, they lead to the cut sooner.
        list.clear();
        list.extend(self.maxima, self.band);
        list.weigh(self.w);
        let heads = list.sums().0;
        let mut look = |every: usize, stretch: usize| {
            picked.clear();
            for span in values.chunks(SPAN).step_by(every) {
                picked.extend_from_slice(&span[..span.len().min(stretch)]);
            }
            sample.clear();
            sample.extend(picked, self.band);
            sample.weigh(self.w);
            let (all, squares) = sample.sums();
            (all, all * values.len() as f64 / picked.len() as f64, all * all / squares)
        };
        let (_, mut total, mut effective) = look(16, LANES);
        let share = |total: f64| match goal {
            Goal::Share(share) => share,
            Goal::Mass(target) => target / total,
        };
        let peaked = heads >= 3.0 * total;
        if peaked || total.is_nan() || total <= 0.0 {
            return None;
        }
        let mut all = 0.0;
        if effective > ENOUGH / 8.0 {
            (all, total, effective) = look(1, SPAN / 32);
        }
        let share = share(total);
        if !(share > 0.0 && share < 1.0) {
            return None;
        }
        if effective < ENOUGH {
            // Too few values carry the mass for a sample to find the cut. This low, even if all values below were there, they
            // would have only half of what may be missing.
            let weight = 0.5 * (1.0 - share) * total.max(heads) / values.len() as f64;
            let lo = self.w.max + (ln(weight) / f64::from(self.w.scale)) as f32;
            return Some(Bracket { lo: lo.max(f32::MIN), hi: f32::INFINITY });
        }
        // The sample's total errs, too, where the goal isn't a share of it.
        let doubt = if matches!(goal, Goal::Mass(_)) { 1.0 / effective } else { 0.0 };
        let margin = 2.5 * (share * (1.0 - share) / effective + doubt).sqrt();
        let mut end = |share: f64| {
            list.values.clone_from(&sample.values);
            list.weights.clone_from(&sample.weights);
            list.cut(0.0, share * all).map(|cut| cut.value)
        };
        let hi = if share > margin { end(share - margin)? } else { f32::INFINITY };
        let lo = if share + margin < 1.0 { end(share + margin)? } else { f32::MIN };
        (hi > lo).then_some(Bracket { lo, hi })
    }

    /// The prescribed mass and the cut, in one pass over a dense row. `None` says that the bracket missed the cut.
    fn pass(
        &self,
        bracket: Bracket,
        goal: Goal,
        blocks: &mut Vec<f64>,
        scratch: &mut Scratch,
    ) -> (f64, Option<Option<f32>>) {
        blocks.clear();
        blocks.resize(self.set.blocks(), 0.0);
        scratch.list.clear();
        let (values, w, list) = (self.set.values(), self.w, &mut scratch.list);
        let (total, above) = if bracket.hi < f32::INFINITY {
            run(Fused::<true> { values, w, bracket, blocks, list })
        } else {
            run(Fused::<false> { values, w, bracket, blocks, list })
        };
        let target = match goal {
            Goal::Share(share) => share * total,
            Goal::Mass(target) => target,
        };
        if above >= target {
            return (total, None);
        }
        scratch.list.weigh(self.w);
        let cut = scratch.list.cut(above, target);
        let exact = cut.map(|cut| Some(self.certain(cut, target, &mut scratch.blocks)));
        (total, exact)
    }
}

/// Sums the row, sums what is above the bracket (unless it has no upper end: `ABOVE`), and copies what is in it.
struct Fused<'a, const ABOVE: bool> {
    values: &'a [f32],
    w: Weigh,
    bracket: Bracket,
    blocks: &'a mut [f64],
    list: &'a mut List,
}

impl<const ABOVE: bool> Kernel for Fused<'_, ABOVE> {
    /// (mass, mass above the bracket)
    type Output = (f64, f64);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> (f64, f64) {
        let (lo, hi) = (isa.splat(self.bracket.lo), isa.splat(self.bracket.hi));
        let mut out = Output::after(&mut self.list.values);
        let mut higher = isa.zero();
        let mut total = 0.0;
        for (block, values) in self.blocks.iter_mut().zip(self.values.chunks(BLOCK)) {
            let mut sum = isa.zero();
            out.reserve();
            rows(
                isa,
                values,
                #[inline(always)]
                |x| {
                    let weight = weigh(isa, self.w, All, x);
                    if ABOVE {
                        (sum, higher) = isa.accumulate_both(sum, higher, isa.le(hi, x), weight);
                    } else {
                        sum = isa.accumulate(sum, weight);
                    }
                    out.push(isa, isa.and(isa.le(lo, x), isa.lt(x, hi)), x);
                },
            );
            *block = if ABOVE { isa.fold_both(sum) } else { isa.fold(sum) };
            total += *block;
        }
        out.finish();
        (total, isa.fold_both(higher))
    }
}
