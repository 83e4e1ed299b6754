//! The members nearest to the mean that hold a given mass.

use super::found::Kept;
use super::list::List;
use super::sample::Sample;
use super::search::{CutSearch, Goal, Near, Order, Scratch, Work, last, sampled, with_scratch};
use crate::kernel::bounds::rough_and_reordered;
use crate::kernel::exact::fours::moments_by_fours;
use crate::kernel::exact::members::From;
use crate::kernel::row::{Band, Slice, Weigh};

/// The values x of the members that are typical: |x − mean| ≤ r, where the mean is that under the weights, Σ w x / Σ w, and r is the
/// smallest distance within which the members weigh at least `share` of all, plus `slack`; at least the `least` nearest members
/// are in it, too. `None` if there is no member. The upper end is ∞ where no member is above it.
///
/// With logits x, the surprise −ln p(x) less the entropy is (mean − x) · scale. The mean is that of
/// [`moments`](crate::kernel::moments), of which four rows are first added in `f32`; distances are rounded to `f32`, and the mass
/// is that of [`mass`](crate::kernel::mass). `maxima` are as for [`nucleus`](crate::kernel::nucleus), `kept`, too, unless the band
/// has an upper end.
///
/// ```
/// use tokpick::kernel::{Band, Kept, Slice, Weigh, typical};
/// let set = Slice { ids: None, values: &[2.0, 1.0, 0.9, -3.0] };
/// let w = Weigh { max: 2.0, scale: 1.0 };
/// let band = typical(set, w, Band::ALL, &[], 0.3, (0.0, 1), &mut Kept::default()).unwrap();
/// assert!(band.has(2.0) && !band.has(0.9));
/// ```
pub fn typical(
    set: Slice,
    w: Weigh,
    band: Band,
    maxima: &[f32],
    share: f64,
    (slack, least): (f64, usize),
    kept: &mut Kept,
) -> Option<Band> {
    kept.total = None;
    let look = Look { set, w, band, share };
    with_scratch(|scratch| {
        let quick = sampled(set, band, maxima, scratch, |scratch| look.quick(maxima, slack, scratch));
        let (near, key, known) = match quick {
            Some((order, key, known)) => (order, key, Some(known)),
            None => {
                let order = ByDistance::from(w, moments_by_fours(set, w, band));
                (order, look.search(order).anywhere(scratch)?, None)
            }
        };
        let mut reach = near.reach(key);
        if least > 1 {
            reach = reach.max(near.reach(look.search(near).nth(least, &mut scratch.list)?));
        }
        let found = near.within(reach + slack, w.max);
        if found.hi == f32::INFINITY
            && known.is_some_and(|known| known.lo <= found.lo && known.hi == found.hi)
        {
            scratch.found.keep(found, kept);
        }
        Some(Band { lo: found.lo.max(band.lo), hi: found.hi.min(band.hi) })
    })
}

/// The nearest to the center first; the key is the distance below 0.
#[derive(Clone, Copy)]
struct ByDistance {
    center: f64,
}

impl Order for ByDistance {
    #[inline(always)]
    fn key(self, x: f32) -> f32 {
        -((f64::from(x) - self.center).abs().min(f64::from(f32::MAX)) as f32)
    }

    fn band(self, key: f32) -> Band {
        let middle = self.center as f32;
        let inside = |x: f32| self.key(x) >= key;
        if !inside(middle) {
            return Band { lo: f32::INFINITY, hi: f32::NEG_INFINITY };
        }
        Band { lo: last(middle, f32::NEG_INFINITY, inside), hi: last(middle, f32::INFINITY, inside) }
    }
}

impl ByDistance {
    /// From the sums of [`moments_by_fours`].
    fn from(w: Weigh, (mass, moment): (f64, f64)) -> Self {
        let mean = if mass > 0.0 { moment / mass / f64::from(w.scale) } else { 0.0 };
        let center = (f64::from(w.max) + mean).clamp(f64::from(f32::MIN), f64::from(f32::MAX));
        ByDistance { center }
    }

    /// The distance of a key; no value of this key is farther.
    fn reach(self, key: f32) -> f64 {
        f64::from((-key).next_up())
    }

    /// The weight of the value below the mean that has this key.
    fn weight(self, w: Weigh, key: f32) -> f64 {
        f64::from(w.weight((self.center - self.reach(key)) as f32))
    }

    /// The values within a distance; without an upper end where that is above `max`.
    fn within(self, reach: f64, max: f32) -> Band {
        let (lo, hi) = (self.center - reach, self.center + reach);
        let (mut low, mut high) = (lo as f32, hi as f32);
        if f64::from(low) < lo {
            low = low.next_up();
        }
        if f64::from(high) > hi {
            high = high.next_down();
        }
        Band { lo: low.max(f32::MIN), hi: if high >= max { f32::INFINITY } else { high } }
    }
}

/// What is looked for, before the mean is known.
struct Look<'a> {
    set: Slice<'a>,
    w: Weigh,
    band: Band,
    share: f64,
}

/// The order, the cut, and the band whose members the sums of what was found tell of.
type Quick = (ByDistance, f32, Band);

impl<'a> Look<'a> {
    fn search(&self, order: ByDistance) -> CutSearch<'a, ByDistance> {
        CutSearch { set: self.set, w: self.w, band: self.band, order, goal: Goal::Share(self.share) }
    }

    /// The cut in a plain row by way of a sample; `None` if that doesn't lead to it.
    fn quick(&self, maxima: &[f32], slack: f64, scratch: &mut Scratch) -> Option<Quick> {
        if !(self.share > 0.0 && self.share < 1.0) {
            return None;
        }
        let (values, w) = (self.set.values(), self.w);
        scratch.sample.take(values, w, maxima);
        if let Some((inner, outer)) = self.spread(slack, scratch) {
            return self.one_pass(inner, outer, scratch);
        }
        let sums = moments_by_fours(self.set, w, self.band);
        let order = ByDistance::from(w, sums);
        let Scratch { list, spare, sample, found, blocks } = scratch;
        let search = self.search(order);
        let target = search.target_of(sums.0);
        let bracket = |sample: &Sample, list: &mut List| {
            list.copy(&sample.list);
            search.rank(list);
            sample.bracket(sums.0 - target, true, list, |key| order.weight(w, key))
        };
        let (mut least, mut guess) = bracket(sample, list)?;
        if least == f32::MIN || order.within(order.reach(least), w.max).hi < f32::INFINITY {
            // the heaviest are much of the mass, or too far above the mean: they have to be known
            sample.refine(values, w, maxima, sums.0);
            (least, guess) = bracket(sample, list)?;
        }
        let outer = order.within(order.reach(least) + slack, w.max);
        found.gather(values, maxima, w, outer.lo);
        let target = Near { value: target, error: rough_and_reordered(values.len()) };
        let key = search.among(found, None, target, Some((least, guess)), Work { list, spare, blocks })?;
        (key >= least).then_some((order, key, outer))
    }

    /// Between which bands the typical members end where they are many, if a sample can tell.
    fn spread(&self, slack: f64, Scratch { list, sample, .. }: &mut Scratch) -> Option<(Band, Band)> {
        if !sample.is_telling(self.share, self.set.values.len()) {
            return None;
        }
        let (w, tail) = (self.w, (1.0 - self.share) * sample.total);
        let (mean, deviation) = sample.mean(w);
        let (lo, hi) = sample.bracket(tail, false, &sample.list, |x| f64::from(w.weight(x)))?;
        let (inner, outer) =
            if 2.0 * (mean - deviation) - f64::from(lo).midpoint(f64::from(hi)) > f64::from(w.max) {
                // nothing is too far above the mean: where that is doesn't matter
                (Band::from(hi), Band::from((f64::from(lo) - slack) as f32))
            } else {
                let order = ByDistance { center: mean };
                list.copy(&sample.list);
                self.search(order).rank(list);
                let (least, most) = sample.bracket(tail, false, list, |key| order.weight(w, key))?;
                let inner = order.within((order.reach(most) - deviation).max(0.0), w.max);
                (inner, order.within(order.reach(least) + deviation + slack, w.max))
            };
        (sample.count(outer) > self.set.values.len() as f64 / 8.0).then_some((inner, outer))
    }

    /// All in one pass over a row with many typical members.
    fn one_pass(&self, inner: Band, outer: Band, scratch: &mut Scratch) -> Option<Quick> {
        let Scratch { list, spare, found, blocks, .. } = scratch;
        let values = self.set.values();
        let sums = if inner.hi == f32::INFINITY {
            found.pass::<true>(values, self.w, From(inner.lo), From(outer.lo))
        } else {
            found.pass::<true>(values, self.w, inner, outer)
        };
        let order = ByDistance::from(self.w, (sums.total, sums.moment));
        let search = self.search(order);
        let even = (inner.hi == f32::INFINITY).then(|| (order.key(outer.lo), order.key(inner.lo)));
        let key = search.after_pass(found, sums, inner, even, Work { list, spare, blocks })?;
        // the mean was guessed: what was taken as inside has to be, and what as outside
        let cut = order.band(key);
        let fits = cut.lo <= inner.lo
            && inner.hi.min(self.w.max) <= cut.hi
            && outer.lo <= cut.lo
            && cut.hi.min(self.w.max) <= outer.hi;
        fits.then_some((order, key, outer))
    }
}
