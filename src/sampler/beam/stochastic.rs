//! The recursion of stochastic beam search.

use crate::kernel::{exp, exp_m1, ln, ln_1p};

/// Gumbel noise under the condition that the largest of a beam's continuations is the beam's own: from `G̃ᵢ` (in place, the largest
/// first) to `Gᵢ = −ln(exp(−G) − exp(−Z) + exp(−G̃ᵢ))`, Z = max G̃.
///
/// In the form of Kool et al. 2019, appendix B.3, which cancels nothing: `v = G − G̃ᵢ + ln(1 − exp(G̃ᵢ − Z))`,
/// `Gᵢ = G − max(0, v) − ln(1 + exp(−|v|))`.
pub(super) fn condition<'a>(perturbed: impl Iterator<Item = &'a mut f64>, parent: f64) {
    let mut perturbed = perturbed.peekable();
    let z = perturbed.peek().map_or(0.0, |g| **g);
    for g in perturbed {
        let below = *g - z;
        if below == 0.0 {
            *g = parent;
            continue;
        }
        // ln(1 − exp(below)), by the form that keeps its digits
        let gap = if below > -std::f64::consts::LN_2 { ln(-exp_m1(below)) } else { ln_1p(-exp(below)) };
        let v = parent - *g + gap;
        *g = parent - v.max(0.0) - ln_1p(exp(-v.abs()));
    }
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

    #[test]
    fn is_the_formula_where_that_can_be_evaluated() {
        for parent in [-3.0, 0.0, 2.5] {
            let before: [f64; 4] = [0.3, -0.9999, -1.0, -4.0];
            let mut after = before;
            condition(after.iter_mut(), parent);
            for (g, got) in before.iter().zip(after) {
                let want = -((-parent).exp() - (-0.3f64).exp() + (-g).exp()).ln();
                assert!((want - got).abs() < 1e-12, "{want} {got}");
            }
        }
    }

    #[test]
    fn keeps_the_order_and_survives_large_distances() {
        for parent in [2.0, -700.0, 700.0] {
            let mut g = [3.0, 2.999_999_999, -5.0, -800.0, -1e4];
            condition(g.iter_mut(), parent);
            assert_eq!(g[0], parent);
            assert!(g.iter().all(|g| g.is_finite()), "{g:?}");
            assert!(g.is_sorted_by(|a, b| a >= b) && g[3] > g[4], "{g:?}");
        }
    }
}
