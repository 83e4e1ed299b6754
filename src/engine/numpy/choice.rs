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
        float,
        log::Log,
        plan::{Plan, SHARE},
        row,
    },
};
use std::fmt;

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
