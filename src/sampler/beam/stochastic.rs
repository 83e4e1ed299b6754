//! The recursion of stochastic beam search.

use crate::TokenId;
use crate::candidates::Candidates;
use crate::draw::Noise;
use crate::kernel::{exp, exp_m1, ln, ln_1p};

/// The race of a beam's continuations.
pub(super) struct Race {
    /// The beam's sum.
    pub start: f64,
    /// The beam's perturbed log-probability.
    pub parent: f64,
    /// The part of the noise that counts, above 0.
    pub part: f64,
}

impl Race {
    /// The `n` continuations with the largest keys, as (id, score, perturbed log-probability).
    pub fn best(&self, noise: &Noise, c: &Candidates, n: usize) -> Vec<(TokenId, f64, f64)> {
        let Race { start, parent, part } = *self;
        // the whole noise keeps the order of the race
        let whole = part == 1.0;
        let mut best = noise.top_of_all(c, start, if whole { n } else { 1 });
        let z = best.first().map_or(0.0, |first| first.2);
        if !whole {
            // no G is above G̃ by more than that of Z
            let lift = (parent - z).max(0.0);
            best =
                noise.top_partly(c, start, n, (part, lift), |sum, g| key(sum, condition(g, z, parent), part));
        }
        best.into_iter().map(|(id, score, g)| (id, score, condition(g, z, parent))).collect()
    }
}

/// Gumbel noise under the condition that the largest of a beam's continuations is the beam's own: from `G̃` to
/// `G = −ln(exp(−parent) − exp(−Z) + exp(−G̃))`, Z = max G̃.
///
/// In the form of Kool et al. 2019, appendix B.3, which cancels nothing: `v = parent − G̃ + ln(1 − exp(G̃ − Z))`,
/// `G = parent − max(0, v) − ln(1 + exp(−|v|))`.
fn condition(g: f64, z: f64, parent: f64) -> f64 {
    let below = g - z;
    if below == 0.0 {
        return parent;
    }
    // ln(1 − exp(below)), by the form that keeps its digits
    let gap = if below > -std::f64::consts::LN_2 { ln(-exp_m1(below)) } else { ln_1p(-exp(below)) };
    let v = parent - g + gap;
    parent - v.max(0.0) - ln_1p(exp(-v.abs()))
}

/// What a continuation is ranked by: its sum φ with a part of its noise, `φ + noise · (G − φ)`.
pub(super) fn key(sum: f64, perturbed: f64, noise: f64) -> f64 {
    match noise {
        0.0 => sum,
        1.0 => perturbed,
        part => sum + part * (perturbed - sum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Gumbel;

    #[test]
    fn is_the_formula_where_that_can_be_evaluated() {
        for parent in [-3.0, 0.0, 2.5] {
            for g in [0.3f64, -0.9999, -1.0, -4.0] {
                let got = condition(g, 0.3, parent);
                let want = -((-parent).exp() - (-0.3f64).exp() + (-g).exp()).ln();
                assert!((want - got).abs() < 1e-12, "{want} {got}");
            }
        }
    }

    #[test]
    fn keeps_the_order_and_survives_large_distances() {
        for parent in [2.0, -700.0, 700.0] {
            let g = [3.0, 2.999_999_999, -5.0, -800.0, -1e4].map(|g| condition(g, 3.0, parent));
            assert_eq!(g[0], parent);
            assert!(g.iter().all(|g| g.is_finite()), "{g:?}");
            assert!(g.is_sorted_by(|a, b| a >= b) && g[3] > g[4], "{g:?}");
        }
    }

    /// The same as where every continuation gets its noise, and all are sorted.
    #[test]
    fn the_best_are_those_of_the_whole_race() {
        for case in 0..150usize {
            let vocab = [1, 2, 40, 300, 3000][case % 5];
            let logit = |i: usize| match (i * 7919 + case * 31) % 101 {
                0 if i > 0 => f32::NEG_INFINITY,
                1..4 => [0.0, 2.0, 9.0][case % 3],
                place => (place / 9) as f32 * 0.4,
            };
            // some so far apart that a small part of the noise can't be measured in them
            let wide = if case % 7 == 6 { 1e10 } else { 1.0 };
            let mut c = Candidates::from(&(0..vocab).map(|i| wide * logit(i)).collect::<Vec<_>>()[..]);
            c.log_softmax();
            let noise = Gumbel::new(case as u64).at(1, 0, 0, 3);
            let start = -0.7 * (case % 7) as f64;
            let tiny = [1e-299, 1e-308, 5e-324].map(|part| (part, start + 0.5));
            let parts =
                [(1.0, start + 1.0), (0.9, start + 6.0), (0.5, start), (0.05, start - 4.0), (1e-9, 0.0)];
            for (part, parent) in parts.into_iter().chain(tiny.into_iter().filter(|_| case % 4 == 2)) {
                let race = Race { start, parent, part };
                let all = noise.top(&c, start, usize::MAX, f64::NEG_INFINITY);
                let z = all[0].2;
                let mut all: Vec<(TokenId, f64, f64)> =
                    all.into_iter().map(|(id, score, g)| (id, score, condition(g, z, parent))).collect();
                let key = |&(_, score, g): &(TokenId, f64, f64)| key(start + score, g, part);
                all.sort_by(|a, b| key(b).total_cmp(&key(a)));
                for n in [1, 2, 16, 5000] {
                    assert_eq!(race.best(&noise, &c, n), all[..n.min(all.len())], "case {case}, {part}, {n}");
                }
            }
        }
    }
}
