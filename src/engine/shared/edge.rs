//! The tokens beside the edges that truncations have cut: an engine's own search, another order of sums, or other roundings may
//! decide otherwise there.

use super::float;
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

/// The threshold of a truncation by score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) struct Floor {
    at: f64,
    /// How much farther than its distance from here a token has to move: twice, where the token on the other side moves, too.
    by: f64,
}

impl Floor {
    /// A threshold on the scores.
    pub(in crate::engine) fn at(score: f64) -> Self {
        Floor { at: score, by: 1.0 }
    }

    /// Between the last score that is kept and the first that is not.
    pub(in crate::engine) fn between(kept: f64, removed: f64) -> Self {
        Floor { at: (kept + removed) / 2.0, by: 2.0 }
    }
}

/// How far from a threshold tokens are looked at, in score.
const FARTHEST: f64 = 0.5;

/// The tokens beside the thresholds of truncations by score; `tokens` are ids, scores before noise, whether they are kept in the
/// end, and scores after noise.
pub(in crate::engine) fn floor(
    tokens: impl Iterator<Item = (u32, f64, bool, f64)>,
    floors: &[Floor],
) -> Vec<Beside> {
    if floors.is_empty() {
        return Vec::new();
    }
    let (mut near, mut kept_mass, mut best) = (Vec::new(), 0.0, f64::NEG_INFINITY);
    for (id, x, kept, score) in tokens.filter(|t| t.1 > f64::NEG_INFINITY) {
        if x > best {
            kept_mass *= float::exp(best - x);
            best = x;
        }
        if kept {
            kept_mass += float::exp(x - best);
        }
        let distance = floors.iter().map(|f| f.by * f64::abs(x - f.at)).fold(f64::INFINITY, f64::min);
        if distance <= FARTHEST {
            near.push((Beside { id, kept, above: 0.0, share: 0.0, distance, score }, x));
        }
    }
    let of_kept = |x: f64| float::exp(x - best) / kept_mass;
    near.into_iter().map(|(b, x)| Beside { share: of_kept(x), ..b }).collect()
}
