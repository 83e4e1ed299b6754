//! llama.cpp's candidate list: ids with logits and probabilities, in an order that the draw depends on.

use crate::engine::shared::float;
use std::cmp::Ordering;

/// One candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: u32,
    pub(super) logit: f32,
    /// As the last softmax left it.
    pub(super) p: f32,
}

/// The candidates in their current order.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidates {
    pub(super) data: Vec<Candidate>,
    /// The engine's flag that the logits fall.
    pub(super) sorted: bool,
    /// Working space.
    exps: Vec<f32>,
}

impl Candidates {
    /// All of a row in vocabulary order.
    pub(super) fn reset(&mut self, logits: &[f32]) {
        self.sorted = false;
        self.data.clear();
        let all = logits.iter().enumerate();
        self.data.extend(all.map(|(id, &logit)| Candidate { id: id as u32, logit, p: 0.0 }));
    }

    /// The largest logit.
    pub(super) fn max(&self) -> f32 {
        let logits = self.data.iter().map(|c| c.logit);
        logits.fold(f32::NEG_INFINITY, f32::max)
    }

    /// Falling logits; the engine leaves equal ones in no defined order, here the lower id comes first.
    pub(super) fn sort(&mut self) {
        if !self.sorted {
            self.data.sort_unstable_by(falling);
            self.sorted = true;
        }
    }

    /// Sorts, where only the `k` best are kept.
    pub(super) fn keep_best(&mut self, k: usize) {
        if !self.sorted && k < self.data.len() && k > 0 {
            self.data.select_nth_unstable_by(k - 1, falling);
        }
        self.data.truncate(k);
        self.sort();
    }

    /// expf(l − max) of each.
    pub(super) fn exp(&mut self) -> &[f32] {
        let max = self.max();
        self.exps.clear();
        self.exps.extend(self.data.iter().map(|c| c.logit - max));
        float::exp32_each(&mut self.exps);
        &self.exps
    }

    /// p = expf(l − max) / sum in the current order, all float32.
    pub(super) fn softmax(&mut self) {
        self.exp();
        let mut sum = 0f32;
        for (c, &e) in self.data.iter_mut().zip(&self.exps) {
            c.p = e;
            sum += e;
        }
        for c in &mut self.data {
            c.p /= sum;
        }
    }
}

fn falling(a: &Candidate, b: &Candidate) -> Ordering {
    float::rising(b.logit, a.logit).then(a.id.cmp(&b.id))
}
