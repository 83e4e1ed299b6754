//! llama.cpp's two ways to choose a candidate.

use super::candidates::Candidates;
use crate::engine::{
    Evidence, Watch,
    shared::{cdf, scores::Scores, uniform},
};
use crate::kernel::{self, Mt, SPAN};
use std::ops::Range;

/// `dist`: e = expf(l − max) (float32), S = Σ e in float64; the first candidate whose running sum is ≥ S · u. One u,
/// also for a single candidate.
pub(super) fn dist(c: &mut Candidates, mt: &mut Mt, watch: Watch) -> (usize, Option<Evidence>) {
    let u = uniform::libstdcxx_f64(mt);
    let mut sum = 0f64;
    let running = |&e: &f32| {
        sum += f64::from(e);
        sum
    };
    let sums: Vec<f64> = c.exp().iter().map(running).collect();
    let at = first(&sums, sum * u);
    let evidence = evidence(c, watch, u, at, || sums.iter().map(|s| s / sum).collect());
    (at, evidence)
}

/// `dist` on a row that only a temperature has filtered, from sums in another order; `None` where these can't tell. `starts` is working space.
pub(super) fn quick(row: Scores<'_>, u: f64, starts: &mut Vec<f64>) -> Option<usize> {
    let max = row.max();
    if !max.is_finite() {
        return None;
    }
    let (mut exps, mut space) = ([0f32; SPAN], ([0.0; SPAN], [0.0; SPAN]));
    let weights = |tokens: Range<usize>, out: &mut [f64]| {
        let exps = &mut exps[..tokens.len()];
        row.exp_some(&row.values[tokens], max, &mut space, exps);
        kernel::widened(exps, out)
    };
    // as many additions as tokens, in the engine's sums and in these
    let error = row.values.len() as f64 * 1e-15;
    cdf::pick(row.values.len(), u, error, starts, weights)
}

/// `std::discrete_distribution` over the float32 probabilities: P = p / Σ p and its running sums in float64, the last
/// set to 1; the first that is ≥ u. A single candidate draws nothing.
pub(super) fn discrete(c: &Candidates, mt: &mut Mt, watch: Watch) -> (usize, Option<Evidence>) {
    if c.data.len() < 2 {
        let evidence = evidence(c, watch, 0.0, 0, || vec![1.0]);
        return (0, evidence);
    }
    let u = uniform::libstdcxx_f64(mt);
    let total: f64 = c.data.iter().map(|x| f64::from(x.p)).sum();
    let mut sum = 0f64;
    let mut sums: Vec<f64> = (c.data.iter())
        .map(|x| {
            sum += f64::from(x.p) / total;
            sum
        })
        .collect();
    if let Some(last) = sums.last_mut() {
        *last = 1.0;
    }
    let at = first(&sums, u);
    let evidence = evidence(c, watch, u, at, || sums.clone());
    (at, evidence)
}

fn first(sums: &[f64], target: f64) -> usize {
    let at = sums.partition_point(|&s| s < target);
    at.min(sums.len().saturating_sub(1))
}

fn evidence(
    c: &Candidates,
    watch: Watch,
    uniform: f64,
    at: usize,
    upper: impl FnOnce() -> Vec<f64>,
) -> Option<Evidence> {
    watch.evidence().then(|| Evidence::Interval {
        uniform,
        ids: c.data.iter().map(|x| x.id).collect(),
        upper: upper().into(),
        winner: c.data[at].id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Scale;

    #[test]
    fn a_quick_draw_is_that_of_the_chain() {
        let values: Vec<f32> = (0..3000u32)
            .map(|i| match i.wrapping_mul(2_654_435_761) >> 16 {
                w if w % 50 == 0 => f32::NEG_INFINITY,
                w => w as f32 / 6_553.6,
            })
            .collect();
        for (scale, t) in [(Scale::One, 1.0), (Scale::Over(0.8), 0.8), (Scale::Over(0.05), 0.05)] {
            let row = Scores { values: &values, scale };
            let mut c = Candidates::default();
            c.reset(&values);
            super::super::filters::temperature(&mut c, t);
            let mut certain = 0;
            for seed in 0..500 {
                let u = uniform::libstdcxx_f64(&mut Mt::new(seed));
                if let Some(at) = quick(row, u, &mut Vec::new()) {
                    assert_eq!(at, dist(&mut c, &mut Mt::new(seed), Watch::Ids).0, "{seed}");
                    certain += 1;
                }
            }
            assert!(certain > 490, "{certain}");
        }
        // an end of two intervals
        let even = Scores { values: &[0.0; 4], scale: Scale::One };
        assert_eq!(quick(even, 0.5, &mut Vec::new()), None);
        assert_eq!(quick(even, 0.6, &mut Vec::new()), Some(2));
    }
}
