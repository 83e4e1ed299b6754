//! torch's exponential race: the token whose probability is largest for its exponential number wins.
//!
//! q = f32(−ln(1 − u)) with the logarithm in float64, one double u for each token of the vocabulary in id order, masked
//! ones too; the scores are f32(p / q). The lowest id wins a tie. u = 0 makes q = 0: the score is ∞, or NaN where
//! p = 0, and torch's argmax takes the first NaN.

use super::{float, row, uniform};
use crate::engine::{Evidence, Watch};
use crate::kernel::{self, Mt, SPAN};

/// The race of one row; `scores` is working space.
pub(in crate::engine) fn race(
    probs: &[f32],
    mt: &mut Mt,
    scores: &mut Vec<f32>,
    watch: Watch,
) -> (u32, Option<Evidence>) {
    if !watch.evidence() {
        return (winner(probs, mt), None);
    }
    run(probs, mt, scores);
    let winner = match scores.iter().position(|s| s.is_nan()) {
        Some(first) => first as u32,
        None => row::argmax(scores),
    };
    let evidence = Evidence::race(float::widen(scores), true, winner);
    (winner, Some(evidence))
}

/// The winner of a race, without a logarithm for a token that can't win: as −ln(1 − u) ≥ u, its score is at most p / u. Of most tokens
/// the upper bits of u are enough to tell, beside the largest p around.
fn winner(probs: &[f32], mt: &mut Mt) -> u32 {
    let (mut best, mut winner) = (f32::NEG_INFINITY, 0);
    let mut words = [0; 2 * SPAN];
    for (span, probs) in probs.chunks(SPAN).enumerate() {
        let words = &mut words[..2 * probs.len()];
        mt.fill(words);
        let bar = bar(kernel::max(probs), best);
        if kernel::least_of_pairs(words, UPPER) > bar {
            continue;
        }
        for (i, (&p, pair)) in probs.iter().zip(words.chunks_exact(2)).enumerate() {
            if pair[0] & UPPER > bar {
                continue;
            }
            let u = uniform::torch_pair(pair[0], pair[1]);
            // a little more, for the roundings of q and of the score; a NaN as the best, which nothing beats, passes nothing over
            if f64::from(p) * (1.0 + 1e-6) < f64::from(best) * u {
                continue;
            }
            let score = score(p, u);
            if score > best || (score.is_nan() && !best.is_nan()) {
                (best, winner) = (score, (span * SPAN + i) as u32);
            }
        }
    }
    winner
}

/// The bits of the first word that are the upper ones of u.
const UPPER: u32 = (1 << 21) - 1;

/// With larger upper bits of u no probability up to `p` reaches the best score.
fn bar(p: f32, best: f32) -> u32 {
    let reach = f64::from(p) * (1.0 + 2e-6) / f64::from(best);
    if best > 0.0 { (reach * f64::from(UPPER + 1)) as u32 } else { u32::MAX }
}

fn score(p: f32, u: f64) -> f32 {
    // Nothing but NaN can beat a masked token's zero, so its logarithm is only taken where it matters.
    if p == 0.0 && u > 0.0 { 0.0 } else { p / (-float::ln_1p(-u)) as f32 }
}

/// The scores of a race.
pub(in crate::engine) fn run(probs: &[f32], mt: &mut Mt, scores: &mut Vec<f32>) {
    scores.clear();
    scores.extend(probs.iter().map(|&p| score(p, uniform::torch_f64(mt))));
}

/// Consumes what a race over `v` tokens consumes.
pub(in crate::engine) fn skip(v: usize, mt: &mut Mt) {
    mt.skip(2 * v);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_row_consumes_the_same() {
        let (mut a, mut b) = (Mt::new(7), Mt::new(7));
        race(&[0.25, 0.0, 0.75], &mut a, &mut Vec::new(), Watch::Ids);
        skip(3, &mut b);
        assert_eq!(a, b);
    }

    #[test]
    fn the_quick_winner_is_that_of_the_scores() {
        for seed in 0..40 {
            let probs: Vec<f32> = (0..900u32)
                .map(|id| match id * (seed + 3) % 11 {
                    0 => 0.0,
                    k => 1.0 / (1 + (id * 7_919 + k) % 977) as f32,
                })
                .collect();
            let (mut a, mut b) = (Mt::new(seed), Mt::new(seed));
            for probs in [&probs[..], &probs[..1], &[0.0, 0.0], &[0.0, 1e-45, 0.0]] {
                let quick = race(probs, &mut a, &mut Vec::new(), Watch::Ids).0;
                let mut scores = Vec::new();
                run(probs, &mut b, &mut scores);
                assert_eq!(quick, row::argmax(&scores), "{seed}");
                assert_eq!(a, b);
            }
        }
    }

    #[test]
    fn a_masked_token_scores_nothing() {
        let mut scores = Vec::new();
        run(&[0.0, 1.0], &mut Mt::new(0), &mut scores);
        assert_eq!(scores[0], 0.0);
        assert!(scores[1] > 0.0);
    }
}
