//! The cut that holds a given mass, among the largest values.

use super::found::Kept;
use super::rough::rough_mass;
use super::search::{ByValue, CutSearch, Goal, Near, Scratch, Work, sampled, with_scratch};
use crate::kernel::bounds::{certainly, rough_and_reordered};
use crate::kernel::exact::members::From;
use crate::kernel::row::{Band, Slice, Weigh};

/// Largest value v among the members such that the members with x ≥ v have a [`mass`](crate::kernel::mass) that reaches the goal; the
/// smallest member if none reaches it, `None` if there is no member. Ties at v are all in. Never −0.
///
/// `maxima` are those of [`scan`](crate::kernel::scan) for a dense row as it was scanned, or empty. Where the search comes by the sums of
/// the members from v up, `kept` has them, else nothing.
///
/// ```
/// use tokpick::kernel::{Band, Goal, Kept, Slice, Weigh, nucleus};
/// let set = Slice { ids: None, values: &[0.0, -1.0, 0.0, -9.0] };
/// let w = Weigh { max: 0.0, scale: 1.0 };
/// let cut = |goal| nucleus(set, w, Band::ALL, &[], goal, &mut Kept::default());
/// assert_eq!(cut(Goal::Mass(2.0)), Some(0.0));
/// assert_eq!(cut(Goal::Mass(2.1)), Some(-1.0));
/// assert_eq!(cut(Goal::Share(0.9)), Some(-1.0));
/// ```
pub fn nucleus(set: Slice, w: Weigh, band: Band, maxima: &[f32], goal: Goal, kept: &mut Kept) -> Option<f32> {
    let search = CutSearch { set, w, band, order: ByValue, goal };
    kept.total = None;
    with_scratch(|scratch| {
        let quick = sampled(set, band, maxima, scratch, |scratch| search.quick(maxima, scratch));
        if let Some(cut) = quick {
            scratch.found.keep(Band::from(cut), kept);
            return Some(cut);
        }
        search.anywhere(scratch)
    })
}

impl CutSearch<'_, ByValue> {
    /// The cut in a plain row by way of a sample; `None` if that doesn't lead to it.
    fn quick(&self, maxima: &[f32], scratch: &mut Scratch) -> Option<f32> {
        let Scratch { list, spare, sample, found, blocks } = scratch;
        let (values, w) = (self.set.values(), self.w);
        sample.take(values, w, maxima);
        let share = match self.goal {
            Goal::Share(share) => share,
            Goal::Mass(target) => target / sample.total,
        };
        if !(share > 0.0 && share < 1.0) {
            return None;
        }
        let weight = |x: f32| f64::from(w.weight(x));
        if sample.heads <= share * sample.total && sample.is_telling(share, values.len()) {
            let (lo, hi) = sample.bracket((1.0 - share) * sample.total, false, &sample.list, weight)?;
            if sample.count(Band::from(lo)) > values.len() as f64 / 8.0 {
                let sums = found.pass::<false>(values, w, From(hi), From(lo));
                let even = Some((lo, hi));
                return self.after_pass(found, sums, Band::from(hi), even, Work { list, spare, blocks });
            }
        }
        let total = rough_mass(values, w, Band::ALL, blocks);
        let target = Near { value: self.target_of(total), error: rough_and_reordered(values.len()) };
        // Where the largest values of the spans reach the target alone, the cut is at least theirs.
        if sample.heads > target.value {
            list.clear();
            list.extend(maxima, self.band);
            list.weigh(w);
            if let Some(cut) = list.cut(0.0, certainly(target.value)) {
                found.gather(values, maxima, w, cut.value);
                return self.among(found, None, target, None, Work { list, spare, blocks });
            }
        }
        let (lo, hi) = sample.bracket(total - target.value, true, &sample.list, weight)?;
        found.gather(values, maxima, w, lo);
        self.among(found, None, target, Some((lo, hi)), Work { list, spare, blocks })
    }
}
