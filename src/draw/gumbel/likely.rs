//! From where on the best few of a race are likely to be.

use crate::kernel;

/// So many of the most probable tokens are counted one by one.
pub(super) const HEAVIEST: usize = 32;

/// A sum of log-probability and noise that at least `n` tokens are likely to reach, as far as the log-probabilities of the most probable
/// ones (falling) tell; −∞ where too few are sure to be there, ∞ where none is wanted.
///
/// A token of probability p reaches t with probability 1 − exp(−p e^−t). That is concave in p: the others together reach it at least as
/// often as fewer tokens would, of which each has as much as the last of the heaviest. So many are wanted on average that less than `n`
/// are 4 standard deviations of a Poisson count away.
pub(super) fn likely(heaviest: &[f64], n: usize) -> f64 {
    if n == 0 {
        return f64::INFINITY;
    }
    let p: Vec<f64> = heaviest.iter().map(|&l| kernel::exp(l)).collect();
    let Some(&last) = p.last().filter(|last| **last > 0.0) else { return f64::NEG_INFINITY };
    let others = (1.0 - p.iter().sum::<f64>()).max(0.0) / last;
    let wanted = n as f64 + 4.0 * (n as f64).sqrt();
    // no more reach it than e^−t, and all of them at last
    let mut scale = wanted;
    while p.len() as f64 + others > 1.01 * wanted && scale.is_finite() {
        let share = |p: f64| f64::from(1.0 - kernel::exp32((-p * scale) as f32));
        if p.iter().map(|&p| share(p)).sum::<f64>() + others * share(last) >= wanted {
            return -kernel::ln(scale);
        }
        scale *= 1.25;
    }
    f64::NEG_INFINITY
}
