//! torch's exponential race: the token whose probability is largest for its exponential number wins.
//!
//! q = f32(−ln(1 − u)) with the logarithm in float64, one double u for each token of the vocabulary in id order, masked
//! ones too; the scores are f32(p / q). The lowest id wins a tie. u = 0 makes q = 0: the score is ∞, or NaN where
//! p = 0, and torch's argmax takes the first NaN.

use super::{filters::Filters, float, row, scores::Scores, uniform};
use crate::Result;
use crate::engine::{Evidence, ReplayRow, Watch};
use crate::kernel::bounds::minus_ln_at_most;
use crate::kernel::{self, Mt, SPAN};

/// The race of one row after `filters`; `scores` is working space.
pub(in crate::engine) fn race(
    filters: &mut Filters,
    (engine, at): (&'static str, usize),
    input: &ReplayRow<'_>,
    mt: &mut Mt,
    scores: &mut Vec<f32>,
    watch: Watch,
) -> Result<(u32, Option<Evidence>)> {
    if !watch.evidence() {
        let before = mt.clone();
        let (row, maxima) = filters.scored(engine, at, input)?;
        if let Some(winner) = quick(row, maxima, mt) {
            return Ok((winner, None));
        }
        *mt = before;
    }
    filters.probabilities(engine, at, input, watch)?;
    run(&filters.probs, mt, scores);
    let winner = match scores.iter().position(|s| s.is_nan()) {
        Some(first) => first as u32,
        None => row::argmax(scores),
    };
    let evidence = watch.evidence().then(|| Evidence::race(float::widen(scores), true, winner));
    Ok((winner, evidence))
}

/// −ln(1 − u) is at most 53 ln 2 = 36.74, so the best token's own race has at least the logarithm −ln 36.74 = −3.604.
const LEAST: f64 = -3.61;
/// How far the logarithms of two scores may be apart that torch's roundings (of the exponential, p, q and p / q; 2⁻²⁴ each) exchange or make
/// equal: 8 · 2⁻²⁴ = 4.8e-7, and room.
const TOLD: f64 = 1e-6;

/// The winner without a softmax and almost without logarithms, if it wins by more than roundings; `maxima` are those of spans of the row.
///
/// The softmax divides all scores by one number, so that ln(p / q) can be (x − max) − ln(−ln(1 − u)). As −ln(1 − u) ≥ u, that is at most
/// (x − max) − ln u: of most tokens the upper bits of u are enough to see that they can't win, beside the largest score around.
fn quick(row: Scores<'_>, maxima: &[f32], mt: &mut Mt) -> Option<u32> {
    let max = row.of(kernel::max(maxima));
    let (mut best, mut second, mut winner) = (LEAST, f64::NEG_INFINITY, None);
    let mut words = [0; 2 * SPAN];
    for (span, (values, &largest)) in row.values.chunks(SPAN).zip(maxima).enumerate() {
        let words = &mut words[..2 * values.len()];
        mt.fill(words);
        let bar = bar(f64::from(row.of(largest) - max) - best);
        if kernel::least_of_pairs(words, UPPER) > bar {
            continue;
        }
        for (i, (&x, pair)) in values.iter().zip(words.chunks_exact(2)).enumerate() {
            if pair[0] & UPPER > bar {
                continue;
            }
            let u = uniform::torch_pair(pair[0], pair[1]);
            if u == 0.0 {
                return None;
            }
            let own = f64::from(row.of(x) - max);
            if own + minus_ln_at_most(u) < best - TOLD {
                continue;
            }
            let score = own - float::ln(-float::ln_1p(-u));
            if score > best {
                (best, second, winner) = (score, best, Some((span * SPAN + i) as u32));
            } else if score > second {
                second = score;
            }
        }
    }
    winner.filter(|_| best - second > TOLD)
}

/// The bits of the first word that are the upper ones of u.
const UPPER: u32 = (1 << 21) - 1;

/// With larger upper bits of u no score that has `reach` more than the best reaches it.
fn bar(reach: f64) -> u32 {
    (float::exp(reach.min(1.0)) * (1.0 + 2.0 * TOLD) * f64::from(UPPER + 1)) as u32
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
    use crate::engine::shared::filters::Filter;

    fn of(logits: &[f32], chain: &[Filter], mt: &mut Mt, watch: Watch) -> u32 {
        let mut filters = Filters::new(chain.to_vec());
        let input = ReplayRow { logits, history: &[], prompt_len: 0, finished: false };
        race(&mut filters, ("torch", 0), &input, mt, &mut Vec::new(), watch).unwrap().0
    }

    #[test]
    fn a_skipped_row_consumes_the_same() {
        let (mut a, mut b) = (Mt::new(7), Mt::new(7));
        of(&[0.25, f32::NEG_INFINITY, 0.75], &[], &mut a, Watch::Ids);
        skip(3, &mut b);
        assert_eq!(a, b);
    }

    #[test]
    fn the_quick_winner_is_that_of_the_scores() {
        let chains = [
            vec![],
            vec![Filter::Temperature(0.7)],
            vec![Filter::Temperature(1e-3)],
            vec![Filter::Temperature(1.3), Filter::TopK(40)],
        ];
        for seed in 0..60 {
            let logits: Vec<f32> = (0..900u32)
                .map(|id| match (id + seed) * 7 % 11 {
                    0 => f32::NEG_INFINITY,
                    k => ((id * 7_919 + k) % 977) as f32 / (seed as f32 * 20.0 + 1.0) - 3.0,
                })
                .collect();
            let (mut a, mut b) = (Mt::new(seed), Mt::new(seed));
            for chain in &chains {
                for logits in [&logits[..], &[1.5], &[-1e3, 0.0, 1e3], &[1e-45, 0.0, -0.0]] {
                    let quick = of(logits, chain, &mut a, Watch::Ids);
                    assert_eq!(quick, of(logits, chain, &mut b, Watch::Evidence), "{seed} {chain:?}");
                    assert_eq!(a, b);
                }
            }
        }
    }

    #[test]
    fn the_quick_race_decides_but_for_a_hair() {
        let mut mt = Mt::new(1);
        let decided = |values: &[f32], mt: &mut Mt| {
            quick(Scores { values, scale: kernel::Scale::One }, &[kernel::max(values)], mt)
        };
        for _ in 0..1000 {
            assert!(decided(&[0.0, 1.0, 2.0], &mut mt).is_some());
        }
        // the same numbers, where the second's score is moved to the first's
        for seed in 0..50 {
            let u: Vec<f64> = {
                let mut mt = Mt::new(seed);
                (0..2).map(|_| uniform::torch_f64(&mut mt)).collect()
            };
            let gap = (-(-u[1]).ln_1p()).ln() - (-(-u[0]).ln_1p()).ln();
            let near = [0.0, gap as f32];
            let mut mt = Mt::new(seed);
            let quick = decided(&near, &mut mt);
            if let Some(winner) = quick {
                assert_eq!(winner, of(&near, &[], &mut Mt::new(seed), Watch::Evidence));
            }
            assert!(quick.is_none() || gap.abs() > 4.0, "{gap}");
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
