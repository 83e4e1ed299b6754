//! The Gumbel race of JAX and MLX: the highest score + g wins, g = −ln(−ln U), each step in float32.

use super::{float, row, scores::Scores};
use crate::engine::{Evidence, Watch};
use crate::kernel::bounds::minus_ln_at_most;
use crate::kernel::{self, SPAN};

/// The random words of a row, and what they say.
pub(in crate::engine) trait Words {
    /// The words of the tokens from `first` on, and the largest of them.
    fn fill(&self, first: usize, out: &mut [u32]) -> u32;
    /// The uniform of a word, in \[0, 1); a larger word has none that is smaller.
    fn uniform(&self, word: u32) -> f32;
}

/// Gumbel noise from a uniform in \[0, 1).
pub(in crate::engine) fn noise(u: f32) -> f32 {
    -float::ln32(-float::ln32(u))
}

/// The winner among the scores, the lowest id on ties; `maxima` are those of spans of the row, `sums` is working space.
pub(in crate::engine) fn race(
    scores: Scores<'_>,
    maxima: &[f32],
    words: &impl Words,
    sums: &mut Vec<f32>,
    watch: Watch,
) -> (u32, Option<Evidence>) {
    if !watch.evidence() {
        return (winner(scores, maxima, words), None);
    }
    sums.clear();
    let mut some = [0; SPAN];
    for (span, values) in scores.values.chunks(SPAN).enumerate() {
        words.fill(span * SPAN, &mut some[..values.len()]);
        sums.extend(values.iter().zip(&some).map(|(&x, &word)| sum(scores.of(x), words.uniform(word))));
    }
    let winner = row::argmax(sums);
    let evidence = Evidence::race(float::widen(sums), false, winner);
    (winner, Some(evidence))
}

fn sum(x: f32, u: f32) -> f32 {
    // −∞ stays −∞ under any noise.
    if x == f32::NEG_INFINITY { x } else { x + noise(u) }
}

/// The winner of a race, without a logarithm for a token that can't win, and without words for a span of such: g ≤ −ln(1 − u).
fn winner(scores: Scores<'_>, maxima: &[f32], words: &impl Words) -> u32 {
    let max = kernel::max(maxima);
    // the likeliest first, so that most others are passed over
    let mut winner = kernel::find(scores.values, max).unwrap_or(0);
    let mut one = [0];
    words.fill(winner, &mut one);
    let mut best = sum(scores.of(max), words.uniform(one[0]));
    let mut some = [0; SPAN];
    for (span, (values, &largest)) in scores.values.chunks(SPAN).zip(maxima).enumerate() {
        if largest == f32::NEG_INFINITY {
            continue;
        }
        let bar = bar(scores.of(largest), best);
        if bar > MOST {
            continue;
        }
        let some = &mut some[..values.len()];
        if f64::from(words.uniform(words.fill(span * SPAN, some))) < bar {
            continue;
        }
        for (i, (&x, &word)) in values.iter().zip(&*some).enumerate() {
            let u = words.uniform(word);
            if f64::from(u) < bar {
                continue;
            }
            let x = scores.of(x);
            let most = f64::from(x) + minus_ln_at_most(1.0 - f64::from(u));
            if most + slack(x, best) < f64::from(best) {
                continue;
            }
            let (id, sum) = (span * SPAN + i, sum(x, u));
            if sum > best || (sum == best && id < winner) {
                (best, winner) = (sum, id);
            }
        }
    }
    if best == f32::NEG_INFINITY { 0 } else { winner as u32 }
}

/// No uniform in float32 is larger.
const MOST: f64 = 1.0f32.next_down() as f64;

/// With a smaller uniform no score up to `x` reaches the best sum: 1 − e^(x − best), less the slack.
fn bar(x: f32, best: f32) -> f64 {
    1.0 - float::exp(f64::from(x) + slack(x, best) - f64::from(best))
}

/// More than the roundings of three float32 operations make of a sum that reaches the best.
fn slack(x: f32, best: f32) -> f64 {
    1e-4 + 2e-6 * (f64::from(x).abs() + f64::from(best).abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::shared::uniform;
    use crate::kernel::Scale;

    struct Some {
        seed: u32,
        uniform: fn(u32) -> f32,
    }

    impl Words for Some {
        fn fill(&self, first: usize, out: &mut [u32]) -> u32 {
            for (i, word) in (first as u32..).zip(&mut *out) {
                *word = (i + 1).wrapping_mul(2_654_435_761).rotate_left(self.seed % 32) ^ self.seed;
            }
            out.iter().copied().max().unwrap_or(0)
        }

        fn uniform(&self, word: u32) -> f32 {
            (self.uniform)(word)
        }
    }

    #[test]
    fn the_quick_winner_is_that_of_the_sums() {
        // coarse ones have ties
        let uniforms: [fn(u32) -> f32; 3] =
            [uniform::mlx_f32, uniform::mantissa_f32, |word| (word >> 27) as f32 / 32.0];
        for seed in 0..300u32 {
            for uniform in uniforms {
                let words = Some { seed, uniform };
                let row = |spread: f32, less: f32| -> Vec<f32> {
                    let value = |i: usize| (i * 37 % 101) as f32 / spread - less;
                    (0..700).map(|i| if i % 9 == 4 { f32::NEG_INFINITY } else { value(i) }).collect()
                };
                for values in [row(9.0, 1e3), row(1.0, 0.0), row(1e3, 0.0), vec![0.0; 600], vec![1e30; 300]] {
                    for scale in [Scale::One, Scale::Times(1.3), Scale::Over(0.1)] {
                        let scores = Scores { values: &values, scale };
                        let mut maxima = Vec::new();
                        kernel::scan(&values, &mut maxima);
                        let quick = race(scores, &maxima, &words, &mut Vec::new(), Watch::Ids).0;
                        let slow = race(scores, &maxima, &words, &mut Vec::new(), Watch::Evidence).0;
                        assert_eq!(quick, slow, "{seed} {scale:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn noise_of_the_limits() {
        assert_eq!(noise(0.0), f32::NEG_INFINITY);
        assert!((noise(0.5) - 0.366_512_92).abs() < 1e-7);
        assert!(noise(1.0f32.next_down()).is_finite());
    }
}
