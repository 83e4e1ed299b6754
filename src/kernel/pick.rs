//! The inverse of the running mass.

use super::{BLOCK, Band, Slice, Weigh};

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
            let mut running = before;
            for (i, weight) in weights(set, w, band, b) {
                running += weight;
                if weight > 0.0 && running > target {
                    return Some(i);
                }
            }
        }
        before = after;
    }
    let last = blocks.iter().rposition(|&sum| sum > 0.0)?;
    let positive = weights(set, w, band, last).filter(|&(_, weight)| weight > 0.0);
    positive.map(|(i, _)| i).last()
}

/// Positions and weights of block `b`, 0 for what isn't a member.
fn weights(set: Slice, w: Weigh, band: Band, b: usize) -> impl Iterator<Item = (usize, f64)> {
    let values = set.values();
    let bound = |id: usize| match set.ids {
        None => id.min(values.len()),
        Some(ids) => ids[..values.len()].partition_point(|&i| (i as usize) < id),
    };
    (bound(b * BLOCK)..bound((b + 1) * BLOCK)).map(move |i| {
        let x = values[i];
        (i, if band.has(x) { f64::from(w.weight(x)) } else { 0.0 })
    })
}
