//! Selection by value: the k-th largest, the n best, the members of a band.

use std::cmp::Ordering;

use super::{Band, Slice};

/// The k-th largest member (from 1; each of several equal ones counts), the smallest if there are fewer, `None` if there is
/// none. Never −0.
///
/// `maxima` are those of [`scan`](super::scan) for the values as they were scanned, or empty.
///
/// ```
/// use tokpick::kernel::{Band, kth_largest};
/// assert_eq!(kth_largest(&[3.0, 1.0, 3.0, 2.0], &[], Band::ALL, 2), Some(3.0));
/// assert_eq!(kth_largest(&[3.0, 1.0], &[], Band::ALL, 9), Some(1.0));
/// ```
pub fn kth_largest(values: &[f32], maxima: &[f32], band: Band, k: usize) -> Option<f32> {
    let _ = maxima;
    let members = values.iter().copied().filter(|&x| band.has(x));
    let mut found: Vec<f32> = members.collect();
    if found.is_empty() {
        return None;
    }
    let k = k.clamp(1, found.len());
    let (_, kth, _) = found.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    Some(*kth + 0.0)
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
    ids.clear();
    values.clear();
    for (i, &x) in set.values().iter().enumerate() {
        if band.has(x) {
            ids.push(set.id(i));
            values.push(x);
        }
    }
}

/// The `n` best members as (id, value) into the cleared `out`: by falling value, the lower id first among equals.
///
/// `maxima` are those of [`scan`](super::scan) for a dense row as it was scanned, or empty.
///
/// ```
/// use tokpick::kernel::{Band, Slice, top};
/// let mut out = Vec::new();
/// top(Slice { ids: None, values: &[1.0, 3.0, 3.0] }, &[], Band::ALL, 2, &mut out);
/// assert_eq!(out, [(1, 3.0), (2, 3.0)]);
/// ```
pub fn top(set: Slice, maxima: &[f32], band: Band, n: usize, out: &mut Vec<(u32, f32)>) {
    let _ = maxima;
    out.clear();
    let values = set.values().iter().enumerate();
    let members = values.filter(|&(_, &x)| band.has(x));
    out.extend(members.map(|(i, &x)| (set.id(i), x)));
    if n < out.len() && n > 0 {
        out.select_nth_unstable_by(n - 1, better);
    }
    out.truncate(n);
    out.sort_unstable_by(better);
}

/// Falling value, then rising id; −0 and 0 are equal.
fn better(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    (b.1 + 0.0).total_cmp(&(a.1 + 0.0)).then(a.0.cmp(&b.0))
}
