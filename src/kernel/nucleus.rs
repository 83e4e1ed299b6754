//! The cut that holds a given mass.

use super::{Band, Slice, Weigh, mass};

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
    let _ = maxima;
    let members = set.values().iter().filter(|&&x| band.has(x));
    let mut cuts: Vec<f32> = members.map(|&x| x + 0.0).collect();
    cuts.sort_unstable_by(|a, b| b.total_cmp(a));
    cuts.dedup();
    let mut blocks = Vec::new();
    let short = cuts.partition_point(|&lo| mass(set, w, Band { lo, ..band }, &mut blocks) < target);
    cuts.get(short).or(cuts.last()).copied()
}
