//! llama.cpp's two ways to choose a candidate.

use super::candidates::Candidates;
use crate::engine::{
    Evidence, Watch,
    shared::{float, uniform},
};
use crate::kernel::Mt;

/// `dist`: e = expf(l − max) (float32), S = Σ e in float64; the first candidate whose running sum is ≥ S · u. One u,
/// also for a single candidate.
pub(super) fn dist(c: &Candidates, mt: &mut Mt, watch: Watch) -> (usize, Option<Evidence>) {
    let u = uniform::libstdcxx_f64(mt);
    let max = c.max();
    let (mut sum, mut exps) = (0f64, Vec::new());
    float::exp32_each(c.data.iter().map(|x| x.logit - max), &mut exps);
    let running = |&e: &f32| {
        sum += f64::from(e);
        sum
    };
    let sums: Vec<f64> = exps.iter().map(running).collect();
    let at = first(&sums, sum * u);
    let evidence = evidence(c, watch, u, at, || sums.iter().map(|s| s / sum).collect());
    (at, evidence)
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
