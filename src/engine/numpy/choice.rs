//! The probabilities of a NumPy script, in float64, and its draw from them.
//!
//! temperature: y = x / T, x widened. top_k: y ≥ the k-th largest stay. top_p: with the kept ones renormalised and
//! sorted falling (equal ones by id), the shortest prefix whose running sum is ≥ p. Then e = exp(y − max y) for the kept
//! ones, 0 for the others, and p = e / Σe.
//!
//! `choice(V, p=p)`: the running sum of p from left to right, divided by its last value; the id is the number of entries
//! ≤ u (`searchsorted(side="right")`).

use crate::Result;
use crate::engine::{
    Drawn, Evidence, ReplayRow, Watch,
    shared::{
        cdf, float,
        log::Log,
        plan::{Plan, SHARE},
        row,
    },
};
use crate::kernel::{self, EXP_SHORT};
use std::fmt;
use std::ops::Range;

/// One filter with its setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) enum Filter {
    Temperature(f64),
    TopK(usize),
    TopP(f64),
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Temperature(t) => write!(f, "temperature={t}"),
            Filter::TopK(k) => write!(f, "top_k={k}"),
            Filter::TopP(p) => write!(f, "top_p={p}"),
        }
    }
}

/// The filters in the order of the script.
pub(in crate::engine) const ORDER: [&str; 3] = ["temperature", "top_k", "top_p"];

/// The filters that are set.
pub(in crate::engine) fn filters(plan: &Plan<'_>) -> Result<Vec<Filter>> {
    let mut filters = Vec::new();
    if let Some(t) = plan.temperature()? {
        filters.push(("temperature", Filter::Temperature(t)));
    }
    if let Some(k) = plan.top_k()? {
        filters.push(("top_k", Filter::TopK(k)));
    }
    let top_p = plan.real("top_p", plan.params.top_p, SHARE)?;
    if let Some(p) = top_p.filter(|&p| p < 1.0) {
        filters.push(("top_p", Filter::TopP(p)));
    }
    plan.arrange(filters)
}

/// The filters, and working space.
pub(in crate::engine) struct Choice {
    engine: &'static str,
    batch: usize,
    filters: Vec<Filter>,
    scores: Vec<f64>,
    /// exp, then probabilities, then their running sum.
    sums: Vec<f64>,
    order: Vec<u32>,
    log: Log,
}

impl Choice {
    pub(in crate::engine) fn new(engine: &'static str, batch: usize, filters: Vec<Filter>) -> Self {
        Self {
            engine,
            batch,
            filters,
            scores: Vec::new(),
            sums: Vec::new(),
            order: Vec::new(),
            log: Log::default(),
        }
    }

    /// One draw for each row, row 0 first, with one uniform each; finished rows draw too.
    pub(in crate::engine) fn step(
        &mut self,
        rows: &[ReplayRow<'_>],
        watch: Watch,
        mut uniform: impl FnMut() -> f64,
        out: &mut Vec<Drawn>,
    ) -> Result<()> {
        out.clear();
        row::check(self.engine, rows, self.batch)?;
        for (row, input) in rows.iter().enumerate() {
            let u = uniform();
            if input.finished {
                continue;
            }
            if !watch.evidence()
                && let Some(id) = self.quick(input.logits, u)
            {
                out.push(Drawn { row, id, evidence: None, stages: Vec::new() });
                continue;
            }
            self.cumulate(row, input, watch)?;
            let last = self.sums.len().saturating_sub(1);
            let id = self.sums.partition_point(|&c| c <= u).min(last) as u32;
            let evidence = watch.evidence().then(|| Evidence::Interval {
                uniform: u,
                ids: (0..self.sums.len() as u32).collect(),
                upper: self.sums.as_slice().into(),
                winner: id,
            });
            out.push(Drawn { row, id, evidence, stages: self.log.take() });
        }
        Ok(())
    }

    /// The draw from quicker sums, if only a temperature filters and they are near enough.
    fn quick(&mut self, logits: &[f32], u: f64) -> Option<u32> {
        let t = match self.filters[..] {
            [] => 1.0,
            [Filter::Temperature(t)] => t,
            _ => return None,
        };
        let (scale, max) = (1.0 / t, f64::from(kernel::max(logits)) / t);
        if !(1e-30..1e30).contains(&t) || max.abs() > 1e6 {
            return None;
        }
        // Exponentials on both sides; scores y and y − max, of which two roundings and the product's are each 2⁻⁵³ of up to |max| + 60 (with
        // less than that, a token has no part in a sum); and as many additions as tokens, in three sums.
        let error = 10.0 * EXP_SHORT + (max.abs() + 60.0) * 4e-15 + logits.len() as f64 * 1e-15;
        let weights = |tokens: Range<usize>, out: &mut [f64]| kernel::exps(&logits[tokens], scale, max, out);
        cdf::pick(logits.len(), u, error, &mut self.sums, weights).map(|id| id as u32)
    }

    fn cumulate(&mut self, at: usize, input: &ReplayRow<'_>, watch: Watch) -> Result<()> {
        self.log.start(watch);
        self.scores.clear();
        self.scores.extend(input.logits.iter().map(|&x| f64::from(x)));
        for i in 0..self.filters.len() {
            match self.filters[i] {
                Filter::Temperature(t) => self.scores.iter_mut().for_each(|y| *y /= t),
                Filter::TopK(k) => self.top_k(k),
                Filter::TopP(p) => self.top_p(p),
            }
            let max = self.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if !max.is_finite() {
                return Err(row::overflow(self.engine, at));
            }
            let scores = self.scores.iter().enumerate().map(|(id, &y)| (id as u32, y));
            self.log.scores(|| self.filters[i].to_string(), scores);
        }
        self.probabilities();
        let mut sum = 0.0;
        for p in &mut self.sums {
            sum += *p;
            *p = sum;
        }
        self.sums.iter_mut().for_each(|c| *c /= sum);
        Ok(())
    }

    /// The softmax of the scores, in `sums`.
    fn probabilities(&mut self) {
        let max = self.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.sums.clear();
        self.sums.extend(self.scores.iter().map(|&y| y - max));
        float::exp_each(&mut self.sums);
        let sum: f64 = self.sums.iter().sum();
        self.sums.iter_mut().for_each(|p| *p /= sum);
    }

    fn top_k(&mut self, k: usize) {
        if k == 0 || k >= self.scores.len() {
            return;
        }
        self.sums.clear();
        self.sums.extend_from_slice(&self.scores);
        let (_, kth, _) = self.sums.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
        let kth = *kth;
        for y in &mut self.scores {
            if *y < kth {
                *y = f64::NEG_INFINITY;
            }
        }
    }

    fn top_p(&mut self, p: f64) {
        self.probabilities();
        let probs = &self.sums;
        self.order.clear();
        let ids = 0..probs.len() as u32;
        self.order.extend(ids.filter(|&i| probs[i as usize] > 0.0));
        self.order.sort_by(|&a, &b| probs[b as usize].total_cmp(&probs[a as usize]));
        let mut sum = 0.0;
        let mut reached = false;
        for &i in &self.order {
            if reached {
                self.scores[i as usize] = f64::NEG_INFINITY;
            }
            sum += probs[i as usize];
            reached |= sum >= p;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id and the ends of its interval, as the script computes them.
    fn slow(choice: &mut Choice, logits: &[f32], u: f64) -> (u32, [f64; 2]) {
        let input = ReplayRow { logits, history: &[], prompt_len: 0, finished: false };
        let mut out = Vec::new();
        choice.step(&[input], Watch::Evidence, || u, &mut out).unwrap();
        let id = out[0].id;
        let Some(Evidence::Interval { upper, .. }) = &out[0].evidence else { panic!("an interval") };
        let low = if id == 0 { 0.0 } else { upper[id as usize - 1] };
        (id, [low, upper[id as usize]])
    }

    #[test]
    fn a_quick_draw_is_that_of_the_script() {
        for (spread, t) in [(0.3f32, None), (3.0, Some(0.8)), (20.0, Some(1.3)), (400.0, Some(0.7))] {
            let filters = t.map(Filter::Temperature).into_iter().collect();
            let mut choice = Choice::new("numpy", 1, filters);
            let logits: Vec<f32> = (0..2000u32)
                .map(|i| match i.wrapping_mul(2_654_435_761) >> 16 {
                    w if w % 50 == 0 => f32::NEG_INFINITY,
                    w => w as f32 / 65_536.0 * spread - 7.0,
                })
                .collect();
            let mut certain = 0;
            for i in 0..200 {
                let (_, ends) = slow(&mut choice, &logits, f64::from(i) * 0.005);
                // at the ends of an interval, beside them, and inside
                let inside = ends[0] + (ends[1] - ends[0]) * 0.4;
                let near = ends.map(|end| [end.next_down(), end, end.next_up(), end + 1e-13, end - 1e-13]);
                for u in near.into_iter().flatten().chain([inside]).filter(|u| (0.0..1.0).contains(u)) {
                    if let Some(id) = choice.quick(&logits, u) {
                        assert_eq!(id, slow(&mut choice, &logits, u).0, "{u}");
                        certain += 1;
                    }
                }
            }
            assert!(certain >= 150, "{certain}");
        }
    }

    #[test]
    fn what_is_not_near_enough_is_left_to_the_script() {
        let mut plain = Choice::new("numpy", 1, vec![]);
        assert_eq!(plain.quick(&[0.0, 0.0], 0.25), Some(0));
        assert_eq!(plain.quick(&[0.0, 0.0], 0.5), None);
        assert_eq!(plain.quick(&[1e7, 0.0], 0.25), None);
        let mut cold = Choice::new("numpy", 1, vec![Filter::Temperature(1e-40)]);
        assert_eq!(cold.quick(&[0.0, 0.0], 0.25), None);
        let mut few = Choice::new("numpy", 1, vec![Filter::TopK(1)]);
        assert_eq!(few.quick(&[0.0, 0.0], 0.25), None);
    }
}
