//! The Gumbel race of JAX and MLX: the highest score + g wins, g = −ln(−ln U), each step in float32.

use super::{float, row};
use crate::engine::{Evidence, Watch};

/// Gumbel noise from a uniform in \[0, 1).
pub(in crate::engine) fn noise(u: f32) -> f32 {
    -float::ln32(-float::ln32(u))
}

/// The winner among `scores`, the lowest id on ties; the noise of token i comes from `uniform(i)`. `sums` is working
/// space.
pub(in crate::engine) fn race(
    scores: &[f32],
    mut uniform: impl FnMut(usize) -> f32,
    sums: &mut Vec<f32>,
    watch: Watch,
) -> (u32, Option<Evidence>) {
    sums.clear();
    sums.extend(scores.iter().enumerate().map(|(i, &x)| {
        // −∞ stays −∞ under any noise.
        if x == f32::NEG_INFINITY { x } else { x + noise(uniform(i)) }
    }));
    let winner = row::argmax(sums);
    let evidence = watch.evidence().then(|| Evidence::race(float::widen(sums), false, winner));
    (winner, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_the_limits() {
        assert_eq!(noise(0.0), f32::NEG_INFINITY);
        assert!((noise(0.5) - 0.366_512_92).abs() < 1e-7);
        assert!(noise(1.0f32.next_down()).is_finite());
    }
}
