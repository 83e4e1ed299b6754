//! How often two distributions give different tokens under the same randomness, computed exactly.

use crate::TokenId;

/// The share of uniforms u ∈ [0, 1) for which inverse CDF in id order draws different tokens from `a` and `b`.
///
/// Token i is drawn where F(i − 1) ≤ u < F(i); both draws agree where its two intervals overlap, so the share is
/// 1 − Σᵢ |Aᵢ ∩ Bᵢ|. That is at least the total variation distance ½ Σ |aᵢ − bᵢ|, usually far more: an early token that grows
/// moves every interval after it.
///
/// `a` and `b` are (id, probability) by ascending id.
///
/// ```
/// use tokpick::check::uniform_flips;
/// let a = [(0, 0.5), (1, 0.5)];
/// assert_eq!(uniform_flips(&a, &a), 0.0);
/// assert_eq!(uniform_flips(&a, &[(0, 0.25), (1, 0.75)]), 0.25);
/// assert_eq!(uniform_flips(&[(0, 1.0)], &[(1, 1.0)]), 1.0);
/// ```
pub fn uniform_flips(a: &[(TokenId, f64)], b: &[(TokenId, f64)]) -> f64 {
    let (mut i, mut j) = (0, 0);
    let (mut low_a, mut low_b, mut same) = (0.0f64, 0.0f64, 0.0f64);
    while let (Some(&(id_a, p)), Some(&(id_b, q))) = (a.get(i), b.get(j)) {
        let (high_a, high_b) = (low_a + p, low_b + q);
        if id_a == id_b {
            same += (high_a.min(high_b) - low_a.max(low_b)).max(0.0);
        }
        if id_a <= id_b {
            (i, low_a) = (i + 1, high_a);
        }
        if id_b <= id_a {
            (j, low_b) = (j + 1, high_b);
        }
    }
    flips(same)
}

/// The chance that a Gumbel race draws different tokens from `a` and `b` when each token has the same noise in both.
///
/// Both races go to i with probability 1 / Σⱼ max(aⱼ/aᵢ, bⱼ/bᵢ): the largest of independent shifted Gumbels, with
/// max(ln aⱼ/aᵢ, ln bⱼ/bᵢ) as the shifts. Sorted by aⱼ/bⱼ, the sum is one of prefix sums: O(V log V).
///
/// `a` and `b` are (id, probability) by ascending id.
///
/// ```
/// use tokpick::check::gumbel_flips;
/// let flips = gumbel_flips(&[(0, 0.5), (1, 0.5)], &[(0, 0.25), (1, 0.75)]);
/// assert!((flips - 0.25).abs() < 1e-12);
/// ```
pub fn gumbel_flips(a: &[(TokenId, f64)], b: &[(TokenId, f64)]) -> f64 {
    let mut keyed = Vec::with_capacity(a.len().max(b.len()));
    races(joined(a, b).into_iter(), &mut keyed)
}

/// A pair of probabilities, after what sorts it.
pub(super) type Keyed = (u64, f64, f64);

/// [`gumbel_flips`] of pairs of probabilities, in any order; `keyed` is a buffer.
pub(super) fn races(pairs: impl Iterator<Item = (f64, f64)>, keyed: &mut Vec<Keyed>) -> f64 {
    // tokens by rising a/b, with those that only one side has at the ends; the bits of positive numbers rise with them
    keyed.clear();
    keyed.extend(pairs.filter(|x| x.0 > 0.0 || x.1 > 0.0).map(|(p, q)| ((p / q).to_bits(), p, q)));
    keyed.sort_unstable_by_key(|pair| pair.0);
    let above: f64 = keyed.iter().map(|pair| pair.1).sum();
    let (mut above, mut below, mut same) = (above, 0.0f64, 0.0f64);
    for &(_, p, q) in &*keyed {
        // tokens with a greater ratio count by a, those with a smaller one by b; at equality both are the same
        if p > 0.0 && q > 0.0 {
            same += 1.0 / (above.max(p) / p + below / q);
        }
        (above, below) = (above - p, below + q);
    }
    flips(same)
}

fn flips(same: f64) -> f64 {
    counted(1.0 - same)
}

/// A share of flips; sums of V roundings are no difference.
pub(super) fn counted(share: f64) -> f64 {
    if share > 1e-12 { share.min(1.0) } else { 0.0 }
}

fn joined(a: &[(TokenId, f64)], b: &[(TokenId, f64)]) -> Vec<(f64, f64)> {
    let (mut i, mut j, mut out) = (0, 0, Vec::with_capacity(a.len().max(b.len())));
    loop {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                out.push((x.1, y.1));
                (i, j) = (i + 1, j + 1);
            }
            (Some(x), y) if y.is_none_or(|y| x.0 < y.0) => {
                out.push((x.1, 0.0));
                i += 1;
            }
            (_, Some(y)) => {
                out.push((0.0, y.1));
                j += 1;
            }
            _ => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a, b, share of differing draws by intervals; by hand.
    #[test]
    fn intervals() {
        type Side = &'static [(u32, f64)];
        let table: &[(Side, Side, f64)] = &[
            (&[(0, 0.5), (2, 0.5)], &[(0, 0.5), (1, 0.5)], 0.5),
            (&[(0, 0.1), (1, 0.9)], &[(0, 0.2), (1, 0.8)], 0.1),
            // the middle token keeps its probability and yet moves
            (&[(0, 0.2), (1, 0.2), (2, 0.6)], &[(0, 0.4), (1, 0.2), (2, 0.4)], 0.4),
            (&[(1, 1.0)], &[(0, 0.25), (1, 0.75)], 0.25),
        ];
        for (a, b, expected) in table {
            assert!((uniform_flips(a, b) - expected).abs() < 1e-15, "{a:?} {b:?}");
            assert!((uniform_flips(b, a) - expected).abs() < 1e-15, "{b:?} {a:?}");
        }
    }

    /// The direct double sum, and a lower bound that no coupling can beat: the total variation.
    #[test]
    fn races() {
        let cases: &[&[(f64, f64)]] = &[
            &[(0.5, 0.25), (0.5, 0.75)],
            &[(0.2, 0.4), (0.2, 0.2), (0.6, 0.4)],
            &[(0.7, 0.0), (0.3, 0.9), (0.0, 0.1)],
            &[(0.25, 0.25); 4],
        ];
        for pairs in cases {
            let side = |f: fn(&(f64, f64)) -> f64| -> Vec<(u32, f64)> {
                (0..).zip(pairs.iter().map(f)).filter(|x| x.1 > 0.0).collect()
            };
            let same: f64 = pairs
                .iter()
                .filter(|i| i.0 > 0.0 && i.1 > 0.0)
                .map(|i| 1.0 / pairs.iter().map(|j| (j.0 / i.0).max(j.1 / i.1)).sum::<f64>())
                .sum();
            let flips = gumbel_flips(&side(|x| x.0), &side(|x| x.1));
            assert!((flips - (1.0 - same)).abs() < 1e-12, "{pairs:?}: {flips}");
            let variation: f64 = pairs.iter().map(|x| (x.0 - x.1).abs()).sum::<f64>() / 2.0;
            assert!(flips >= variation - 1e-12);
        }
    }
}
