//! The Gumbel race of JAX and MLX: the highest score + g wins, g = −ln(−ln U), each step in float32.

use super::{float, row};
use crate::engine::{Evidence, Watch};
use crate::kernel::bounds::minus_ln_at_most;

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
    if !watch.evidence() {
        return (winner(scores, uniform), None);
    }
    sums.clear();
    sums.extend(scores.iter().enumerate().map(|(i, &x)| {
        // −∞ stays −∞ under any noise.
        if x == f32::NEG_INFINITY { x } else { x + noise(uniform(i)) }
    }));
    let winner = row::argmax(sums);
    let evidence = Evidence::race(float::widen(sums), false, winner);
    (winner, Some(evidence))
}

/// The winner of a race, without a logarithm for a token that can't win: g ≤ −ln(1 − u).
fn winner(scores: &[f32], mut uniform: impl FnMut(usize) -> f32) -> u32 {
    let (mut best, mut winner) = (f32::NEG_INFINITY, 0);
    for (id, &x) in scores.iter().enumerate() {
        // −∞ stays −∞ under any noise.
        if x == f32::NEG_INFINITY {
            continue;
        }
        let u = uniform(id);
        let most = f64::from(x) + minus_ln_at_most(1.0 - f64::from(u));
        // a little more, for the roundings of three float32 operations
        if most + 1e-4 + 1e-6 * most.abs() < f64::from(best) {
            continue;
        }
        let sum = x + noise(u);
        if sum > best {
            (best, winner) = (sum, id as u32);
        }
    }
    winner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_winner_is_that_of_the_sums() {
        for seed in 0..300u32 {
            let word = |i: usize| (i as u32 + 1).wrapping_mul(2_654_435_761).rotate_left(seed % 32) ^ seed;
            let uniform = |i: usize| (word(i) >> 8) as f32 * 2f32.powi(-24);
            let scores: Vec<f32> = (0..700)
                .map(|i| if i % 9 == 4 { f32::NEG_INFINITY } else { (i * 37 % 101) as f32 / 9.0 - 1e3 })
                .collect();
            let quick = race(&scores, uniform, &mut Vec::new(), Watch::Ids).0;
            let mut sums = Vec::new();
            race(&scores, uniform, &mut sums, Watch::Evidence);
            assert_eq!(quick, row::argmax(&sums), "{seed}");
        }
    }

    #[test]
    fn noise_of_the_limits() {
        assert_eq!(noise(0.0), f32::NEG_INFINITY);
        assert!((noise(0.5) - 0.366_512_92).abs() < 1e-7);
        assert!(noise(1.0f32.next_down()).is_finite());
    }
}
