//! The inverse of the running mass by sums that a search found on its way.

use super::found::Kept;
use crate::kernel::exact::pick::{Find, Quick, Slack};
use crate::kernel::row::{Band, Slice, Weigh};
use crate::kernel::simd::run;

/// What [`pick`](crate::kernel::pick) finds for the target `u` times the whole mass, as far as sums that may be a little off can tell;
/// else `None`.
///
/// ```
/// use tokpick::kernel::{Band, Kept, Slice, Weigh, pick_among};
/// let set = Slice { ids: None, values: &[0.0, f32::NEG_INFINITY, 0.0] };
/// let (w, mut sums) = (Weigh { max: 0.0, scale: 1.0 }, Kept::default());
/// sums.sum(set.values, w, Band::ALL);
/// assert_eq!(pick_among(set, w, Band::ALL, &sums, 0.6), Some(2));
/// assert_eq!(pick_among(set, w, Band::ALL, &sums, 0.5), None);
/// ```
pub fn pick_among(set: Slice, w: Weigh, band: Band, sums: &Kept, u: f64) -> Option<usize> {
    let target = u * sums.total?;
    let slack = Slack { relative: sums.relative, absolute: sums.absolute };
    let mut before = 0.0;
    for (block, &sum) in sums.blocks.iter().enumerate() {
        let after = before + sum;
        if slack.beyond(after, target)? {
            return run(Quick { find: Find { set, w, band, block, before, target }, slack });
        }
        before = after;
    }
    None
}
