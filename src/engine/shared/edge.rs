//! The tokens beside the edge that a truncation by mass has cut: an engine's own search, or another order of sums, may
//! decide otherwise there.

use crate::engine::{Beside, FARTHEST_CUT};

/// The tokens beside the edge of the truncation that keeps what has less than `p` of the mass above it. `falling` are ids
/// and shares, the likeliest first.
pub(in crate::engine) fn beside(
    falling: impl Iterator<Item = (u32, f64)>,
    p: f64,
    kept: impl Fn(u32) -> bool,
    score: impl Fn(u32) -> f64,
) -> Vec<Beside> {
    let mut above = 0.0;
    let mut found = Vec::new();
    for (id, share) in falling {
        let distance = f64::abs(above - p);
        if distance <= FARTHEST_CUT {
            found.push(Beside { id, kept: kept(id), above, share, distance, score: score(id) });
        } else if above > p {
            break;
        }
        above += share;
    }
    found
}
