//! The cut that holds a given mass, in any order of the members.

use std::cell::Cell;

use super::found::{Found, Sums};
use super::list::{Cut, List};
use super::sample::{MARGINS, Sample};
use crate::kernel::bounds::{after_pass, reordered};
use crate::kernel::exact::mass::mass;
use crate::kernel::exact::scan::find;
use crate::kernel::row::{Band, SPAN, Slice, Weigh};
use crate::kernel::simd::{Isa, Kernel, run};

/// An order of values, best first.
pub trait Order: Copy {
    /// Whether the keys are the values themselves.
    const PLAIN: bool = false;
    /// Finite for finite values; the larger, the better.
    fn key(self, x: f32) -> f32;
    /// The values whose key is at least this.
    fn band(self, key: f32) -> Band;
}

/// The largest first.
#[derive(Clone, Copy)]
pub struct ByValue;

impl Order for ByValue {
    const PLAIN: bool = true;

    #[inline(always)]
    fn key(self, x: f32) -> f32 {
        x
    }

    fn band(self, key: f32) -> Band {
        Band::from(key)
    }
}

/// What the members from the cut up have to weigh.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// This much.
    Mass(f64),
    /// This share of the whole mass.
    Share(f64),
}

/// A mass to reach, and how far that and the masses to compare may be off together, relative to it.
#[derive(Clone, Copy)]
pub struct Near {
    pub value: f64,
    pub error: f64,
}

/// Buffers of a search among what was found.
pub struct Work<'a> {
    pub list: &'a mut List,
    pub spare: &'a mut List,
    pub blocks: &'a mut Vec<f64>,
}

/// Between which keys the cut should be among `n` members of about the same weight, and evenly from `lo` to `hi`, of which it
/// leaves this share below.
fn evenly(lo: f32, hi: f32, share: f64, n: usize) -> (f32, f32) {
    let spread = 2.0 / (n as f64).sqrt();
    let at = |share: f64| lo + (hi - lo) * share as f32;
    (at(share - spread), at(share + spread))
}

/// Buffers that outlive a call, so that a warm loop allocates nothing.
#[derive(Default)]
pub struct Scratch {
    pub list: List,
    pub spare: List,
    pub sample: Sample,
    pub found: Found,
    pub blocks: Vec<f64>,
}

pub fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local! {
        static SCRATCH: Cell<Scratch> = Cell::default();
    }
    let mut scratch = SCRATCH.take();
    let result = f(&mut scratch);
    SCRATCH.set(scratch);
    result
}

/// Integers in the order of the floats.
fn number(x: f32) -> i64 {
    let bits = x.to_bits() as i32;
    i64::from(if bits < 0 { i32::MIN - bits } else { bits })
}

/// The float of an integer.
fn float(number: i64) -> f32 {
    let bits = number as i32;
    f32::from_bits(if bits < 0 { i32::MIN - bits } else { bits } as u32)
}

/// The last of `yes`, …, `no` (floats in either direction) for which `f` holds, given that it holds for `yes` and not for `no`.
pub fn last(yes: f32, no: f32, mut f: impl FnMut(f32) -> bool) -> f32 {
    let (mut yes, mut no) = (number(yes), number(no));
    while (no - yes).abs() > 1 {
        let middle = yes + (no - yes) / 2;
        if f(float(middle)) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    float(yes)
}

/// What a `look` at a sample leads to, with one margin or a wider one. It is tried where it pays: on a long dense row without a
/// band, of which `maxima` are those of its spans.
pub fn sampled<T>(
    set: Slice,
    band: Band,
    maxima: &[f32],
    scratch: &mut Scratch,
    look: impl Fn(&mut Scratch) -> Option<T>,
) -> Option<T> {
    let n = set.values.len();
    let plain = set.ids.is_none() && band == Band::ALL && maxima.len() == n.div_ceil(SPAN);
    if !plain || n < 32 * SPAN {
        return None;
    }
    MARGINS.into_iter().find_map(|margin| {
        scratch.sample.margin = margin;
        look(scratch)
    })
}

/// Looks for the largest key v among the members such that those with keys ≥ v have a [`mass`] that reaches the goal.
pub struct CutSearch<'a, O> {
    pub set: Slice<'a>,
    pub w: Weigh,
    pub band: Band,
    pub order: O,
    pub goal: Goal,
}

impl<O: Order> CutSearch<'_, O> {
    /// The cut by looking at all members; `None` if there is none.
    pub fn anywhere(&self, Scratch { list, blocks, .. }: &mut Scratch) -> Option<f32> {
        let target = self.target(blocks);
        if target > 0.0 {
            list.clear();
            list.extend(self.set.values(), self.band);
            list.weigh(self.w);
            self.rank(list);
            if let Some(cut) = list.cut(0.0, target) {
                return Some(self.certain(cut, target, blocks));
            }
        }
        let end = if target <= 0.0 { self.keys().reduce(f32::max)? } else { self.keys().reduce(f32::min)? };
        Some(self.certain(Cut { value: end + 0.0, above: target, reached: target }, target, blocks))
    }

    /// The cut among what was `found`, if it is there, given what the members of `inner`, which is better than all that, weigh
    /// about, and perhaps keys between which it should be.
    pub fn among(
        &self,
        found: &Found,
        inner: Option<(Band, f64)>,
        target: Near,
        guess: Option<(f32, f32)>,
        Work { list, spare, blocks }: Work,
    ) -> Option<f32> {
        let members = if O::PLAIN {
            &found.list
        } else {
            list.copy(&found.list);
            self.rank(list);
            &*list
        };
        let mut cut = |above: f64, target: f64| {
            if above >= target {
                return None;
            }
            let guessed = guess.and_then(|(lo, hi)| {
                let above = above + spare.take_between(members, lo, hi);
                if above < target { spare.cut(above, target) } else { None }
            });
            guessed.or_else(|| {
                spare.copy(members);
                spare.cut(above, target)
            })
        };
        let near = cut(inner.map_or(0.0, |(_, mass)| mass), target.value)?;
        if near.is_clear(target.value, target.error) {
            return Some(near.value);
        }
        let target = self.target(blocks);
        let above = inner.map_or(0.0, |(band, _)| mass(self.set, self.w, band, blocks));
        let key = self.certain(cut(above, target)?, target, blocks);
        // a neighbour that wasn't found is a cut that the sums of what was found don't fit
        find(&members.values, key).map(|_| key)
    }

    /// The cut after one pass over a row, of which `inner` was taken as inside; where it is even, the cut should be evenly
    /// between two keys.
    pub fn after_pass(
        &self,
        found: &Found,
        sums: Sums,
        inner: Band,
        even: Option<(f32, f32)>,
        work: Work,
    ) -> Option<f32> {
        let (target, members) = (self.target_of(sums.total), found.list.mass());
        let inside = sums.total - sums.outside - members;
        // A share of the mass compares as the rest of it with what is outside, which is known better.
        let rest = match self.goal {
            Goal::Share(_) => sums.total - target,
            Goal::Mass(_) => sums.total,
        };
        let error = after_pass(rest, sums.outside, target, self.set.values.len());
        let below = (inside + members - target) / members;
        let guess = even.map(|(lo, hi)| evenly(lo, hi, below, found.list.values.len()));
        self.among(found, Some((inner, inside)), Near { value: target, error }, guess, work)
    }

    /// The key of the n-th best member (from 1), of the last if there are fewer; `None` if there is none.
    pub fn nth(&self, n: usize, list: &mut List) -> Option<f32> {
        list.clear();
        list.values.fill(self.keys());
        let at = n.min(list.values.len()).checked_sub(1)?;
        Some(*list.values.select_nth_unstable_by(at, |a, b| b.total_cmp(a)).1)
    }

    /// Puts the keys in place of the values.
    pub fn rank(&self, list: &mut List) {
        if !O::PLAIN {
            run(Rank { values: &mut list.values, order: self.order });
        }
    }

    fn keys(&self) -> impl Iterator<Item = f32> {
        let members = self.set.values().iter().filter(|&&x| self.band.has(x));
        members.map(|&x| self.order.key(x))
    }

    /// The mass to reach, as prescribed.
    fn target(&self, blocks: &mut Vec<f64>) -> f64 {
        match self.goal {
            Goal::Mass(target) => target,
            Goal::Share(_) => self.target_of(mass(self.set, self.w, self.band, blocks)),
        }
    }

    /// The mass to reach, given the whole mass.
    pub fn target_of(&self, total: f64) -> f64 {
        match self.goal {
            Goal::Mass(target) => target,
            Goal::Share(share) => share * total,
        }
    }

    /// The cut to the bit. Sums in another order than the prescribed one differ a little; where that can matter, the prescribed
    /// sums decide.
    fn certain(&self, cut: Cut, target: f64, blocks: &mut Vec<f64>) -> f32 {
        if cut.is_clear(target, reordered(self.set.values.len())) {
            return cut.value;
        }
        let mut reaches = |key: f32| {
            let Band { lo, hi } = self.order.band(key);
            let band = Band { lo: lo.max(self.band.lo), hi: hi.min(self.band.hi) };
            mass(self.set, self.w, band, blocks) >= target
        };
        // The neighbours first; if they don't settle it (a tail too light to count), bisection.
        if reaches(cut.value) {
            match self.keys().filter(|&x| x > cut.value).reduce(f32::min) {
                Some(higher) if reaches(higher) => last(higher, f32::INFINITY, reaches) + 0.0,
                _ => cut.value,
            }
        } else {
            match self.keys().filter(|&x| x < cut.value).reduce(f32::max) {
                Some(lower) if !reaches(lower) => {
                    let least = self.keys().reduce(f32::min).unwrap_or(lower);
                    last(least, lower, reaches) + 0.0
                }
                other => other.unwrap_or(cut.value) + 0.0,
            }
        }
    }
}

struct Rank<'a, O> {
    values: &'a mut [f32],
    order: O,
}

impl<O: Order> Kernel for Rank<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        for x in self.values {
            let key = self.order.key(*x);
            *x = if *x > f32::NEG_INFINITY { key } else { *x };
        }
    }
}
