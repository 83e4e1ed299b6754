//! What an exact search knows: open prefixes by falling sum, and the best sequences that ended.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::TokenId;
use crate::hypothesis::{Finish, Hypothesis};

/// A prefix that was not expanded yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    /// Number of the expanded prefix that it continues; `None` for the root.
    pub parent: Option<usize>,
    pub id: TokenId,
    pub score: f64,
    /// Log-probability in the raw row.
    pub raw: Option<f64>,
    pub sum: f64,
    pub len: usize,
    /// When it was found: among equal sums the earlier one is expanded first.
    pub order: usize,
}

impl Open {
    /// The empty prefix.
    pub fn root() -> Open {
        Open { parent: None, id: 0, score: 0.0, raw: None, sum: 0.0, len: 0, order: 0 }
    }
}

impl Eq for Open {}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sum.total_cmp(&other.sum).then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

pub(super) struct Frontier {
    open: BinaryHeap<Open>,
    /// Expanded prefixes: the tree that ids are read from.
    visited: Vec<Open>,
    /// The best sequences that ended, best first, at most `keep`.
    ended: Vec<(Open, Finish)>,
    keep: usize,
    found: usize,
}

impl Frontier {
    pub fn new(keep: usize) -> Self {
        Frontier { open: BinaryHeap::new(), visited: Vec::new(), ended: Vec::new(), keep, found: 0 }
    }

    /// The sum that a prefix must exceed to matter: that of the last result, once there are enough.
    pub fn bar(&self) -> Option<f64> {
        self.ended.get(self.keep - 1).map(|(open, _)| open.sum)
    }

    /// The largest sum of the sequences that ended.
    pub fn best(&self) -> Option<f64> {
        self.ended.first().map(|(open, _)| open.sum)
    }

    /// Takes memory for so many further prefixes and results; false if there is none.
    pub fn has_room(&mut self, more: usize) -> bool {
        let results = more.min(self.keep.saturating_sub(self.ended.len()));
        self.open.try_reserve(more).is_ok()
            && self.ended.try_reserve(results.saturating_add(1)).is_ok()
            && self.visited.try_reserve(1).is_ok()
    }

    pub fn push(&mut self, mut open: Open) {
        if self.bar().is_none_or(|bar| open.sum > bar) {
            open.order = self.found;
            self.found += 1;
            self.open.push(open);
        }
    }

    /// The open prefix with the largest sum, if it may lead to a better result.
    pub fn pop(&mut self) -> Option<Open> {
        let bar = self.bar();
        self.open.pop().filter(|open| bar.is_none_or(|bar| open.sum > bar))
    }

    /// Enters a sequence that ended.
    pub fn end(&mut self, open: Open, finish: Finish) {
        let at = self.ended.partition_point(|(e, _)| e.sum >= open.sum);
        if at < self.keep {
            self.ended.insert(at, (open, finish));
            self.ended.truncate(self.keep);
            // what is below the bar now need not take memory
            if let Some(bar) = self.bar() {
                self.open.retain(|open| open.sum > bar);
            }
        }
    }

    /// Notes an expanded prefix and gives it a number.
    pub fn visit(&mut self, open: Open) -> usize {
        self.visited.push(open);
        self.visited.len() - 1
    }

    /// The prefixes from the root's child to `node`.
    fn path(&self, node: usize) -> Vec<&Open> {
        let mut path = Vec::new();
        let mut at = Some(node);
        while let Some(open) = at.and_then(|at| self.visited.get(at)).filter(|open| open.len > 0) {
            path.push(open);
            at = open.parent;
        }
        path.reverse();
        path
    }

    /// The ids of an expanded prefix.
    pub fn ids(&self, node: usize) -> Vec<TokenId> {
        self.path(node).iter().map(|open| open.id).collect()
    }

    /// The results, best first; sequence and sample are the caller's.
    pub fn hypotheses(&self) -> Vec<Hypothesis> {
        let hypothesis = |(end, finish): &(Open, Finish)| {
            let mut path = end.parent.map_or(Vec::new(), |parent| self.path(parent));
            path.extend((end.len > 0).then_some(end));
            Hypothesis {
                sequence: 0,
                sample: 0,
                ids: path.iter().map(|open| open.id).collect(),
                logprobs: path.iter().map(|open| open.raw).collect(),
                processed_logprobs: path.iter().map(|open| Some(open.score)).collect(),
                logprob: path.iter().map(|open| open.raw).sum::<Option<f64>>(),
                score: Some(end.sum),
                perturbed: None,
                bound: None,
                finish_reason: *finish,
            }
        };
        self.ended.iter().map(hypothesis).collect()
    }
}
