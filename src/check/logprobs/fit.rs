//! The temperature between two sides, from the log-probabilities of the tokens alone.

use crate::kernel::{exp, exp_m1, ln};

/// A temperature, and how much of the differences it explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// Temperature of the first side, where the second has 1.
    pub temperature: f64,
    /// 1 − what is left of the mean difference.
    pub explained: f64,
}

/// Steps of ln β, from −1.4 to 1.4: temperatures from 0.25 to 4.
const STEPS: i32 = 56;

/// How many equally probable tokens the rest of a row may stand for.
const OTHERS: [f64; 11] = [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0];

/// Finds the temperature under which the numbers of `pairs` agree best.
///
/// At the temperature T = 1/β a token of probability p has p^β / Z. The row, and so Z, is not known: it is taken for the token and m
/// others that share the rest, Z = p^β + (1 − p)^β m^(1 − β), with one m for all rows. β and m are those with the smallest mean
/// absolute difference.
pub(super) fn temperature(pairs: &[(f64, f64)]) -> Fit {
    let mean = |of: &dyn Fn(f64) -> f64| {
        pairs.iter().map(|(a, b)| (a - of(*b)).abs()).sum::<f64>() / pairs.len().max(1) as f64
    };
    let plain = mean(&|b| b);
    let try_one = |ln_beta: f64, others: f64| {
        let beta = exp(ln_beta);
        let spread = (1.0 - beta) * ln(others);
        mean(&|b| {
            let rest = ln((-exp_m1(b)).max(1e-12));
            let (x, y) = (beta * b, beta * rest + spread);
            let most = x.max(y);
            x - most - ln(exp(x - most) + exp(y - most))
        })
    };
    let mut best = (plain, 0.0, 1.0);
    for step in -STEPS / 2..=STEPS / 2 {
        for others in OTHERS {
            let ln_beta = f64::from(step) * 2.8 / f64::from(STEPS);
            let left = try_one(ln_beta, others);
            if left < best.0 {
                best = (left, ln_beta, others);
            }
        }
    }
    // between the steps of the grid
    for step in -4..=4 {
        let ln_beta = best.1 + f64::from(step) * 0.01;
        let left = try_one(ln_beta, best.2);
        if left < best.0 {
            best = (left, ln_beta, best.2);
        }
    }
    Fit { temperature: exp(-best.1), explained: if plain > 0.0 { 1.0 - best.0 / plain } else { 0.0 } }
}
