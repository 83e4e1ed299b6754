//! The plain exact search: every continuation of a prefix stays open by itself. What the compact one must equal.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{Outcome, RISE};
use crate::candidates::Candidates;
use crate::hypothesis::{Finish, Hypothesis};
use crate::sampler::Job;
use crate::sampler::row_job::{RowJob, at};
use crate::sampler::scores::Scores;
use crate::source::{LogitsSource, Query, Row};
use crate::{Error, Place, Result, TokenId};

/// A prefix that was not expanded yet.
#[derive(Debug, Clone, PartialEq)]
struct Open {
    /// Number of the expanded prefix that it continues; `None` for the root.
    parent: Option<usize>,
    id: TokenId,
    score: f64,
    /// Log-probability in the raw row.
    raw: Option<f64>,
    sum: f64,
    len: usize,
    /// When it was found: among equal sums the earlier one is expanded first.
    order: usize,
}

impl Open {
    /// The empty prefix.
    fn root() -> Open {
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

struct Frontier {
    open: BinaryHeap<Open>,
    /// Expanded prefixes: the tree that ids are read from.
    visited: Vec<Open>,
    /// The best sequences that ended, best first, at most `keep`.
    ended: Vec<(Open, Finish)>,
    keep: usize,
    found: usize,
}

impl Frontier {
    fn new(keep: usize) -> Self {
        Frontier { open: BinaryHeap::new(), visited: Vec::new(), ended: Vec::new(), keep, found: 0 }
    }

    /// The sum that a prefix must exceed to matter: that of the last result, once there are enough.
    fn bar(&self) -> Option<f64> {
        self.ended.get(self.keep - 1).map(|(open, _)| open.sum)
    }

    /// The largest sum of the sequences that ended.
    fn best(&self) -> Option<f64> {
        self.ended.first().map(|(open, _)| open.sum)
    }

    fn push(&mut self, mut open: Open) {
        if self.bar().is_none_or(|bar| open.sum > bar) {
            open.order = self.found;
            self.found += 1;
            self.open.push(open);
        }
    }

    /// The open prefix with the largest sum, if it may lead to a better result.
    fn pop(&mut self) -> Option<Open> {
        let bar = self.bar();
        self.open.pop().filter(|open| bar.is_none_or(|bar| open.sum > bar))
    }

    /// Enters a sequence that ended.
    fn end(&mut self, open: Open, finish: Finish) {
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
    fn visit(&mut self, open: Open) -> usize {
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
    fn ids(&self, node: usize) -> Vec<TokenId> {
        self.path(node).iter().map(|open| open.id).collect()
    }

    /// The results, best first; sequence and sample are the caller's.
    fn hypotheses(&self) -> Vec<Hypothesis> {
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

/// The search of one sequence.
struct Search<'a, 'j> {
    job: &'a Job<'j>,
    source: &'a mut dyn LogitsSource,
    name: String,
    sequence: usize,
    first: usize,
    limit: usize,
    keep: usize,
    candidates: Candidates,
    rows: Vec<Row>,
    nodes: usize,
    /// Why a prefix could not go on.
    death: Option<Error>,
}

/// The best `keep` sequences of sequence 0.
pub(super) fn search(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    keep: usize,
    max_nodes: Option<usize>,
) -> Result<(Vec<Hypothesis>, Outcome)> {
    let (shape, name) = (source.shape(), source.name().to_string());
    let limits = job.limits.of(&shape);
    let job = &Job { limits: &limits, ..*job };
    let (first, limit) = (job.first_step(&shape), job.most_tokens(&shape).unwrap_or(0));
    let (candidates, rows) = (Candidates::default(), Vec::new());
    let mut search = Search {
        job,
        source,
        name,
        sequence: 0,
        first,
        limit,
        keep,
        candidates,
        rows,
        nodes: 0,
        death: None,
    };
    let (frontier, bound) = search.run(max_nodes)?;
    let outcome = Outcome { sequence: 0, nodes: search.nodes, best: frontier.best().unwrap_or(0.0), bound };
    let found = frontier.hypotheses().into_iter().enumerate();
    Ok((found.map(|(sample, h)| Hypothesis { sample, bound, ..h }).collect(), outcome))
}

impl Search<'_, '_> {
    /// Searches to the end, or to that of the budget: then with the bound on what was not found.
    fn run(&mut self, max_nodes: Option<usize>) -> Result<(Frontier, Option<f64>)> {
        let mut frontier = Frontier::new(self.keep);
        if self.limit == 0 {
            frontier.end(Open::root(), Finish::Length);
            return Ok((frontier, None));
        }
        // the first way down: the best token of each step
        let mut next = Some(Open::root());
        while let Some(open) = next {
            next = self.expand(open, &mut frontier, true)?;
        }
        let mut bound = None;
        while let Some(open) = frontier.pop() {
            if max_nodes.is_some_and(|most| self.nodes >= most) {
                bound = Some(open.sum);
                break;
            }
            self.expand(open, &mut frontier, false)?;
        }
        match (frontier.best(), self.death.take(), bound) {
            (Some(_), ..) => Ok((frontier, bound)),
            (None, Some(death), None) => Err(death),
            _ => {
                let place = Place { sequence: Some(self.sequence), ..Place::default() };
                let what = "the node budget ended before a sequence was finished: raise `Exact::max_nodes`";
                Err(Error::decode(place, what))
            }
        }
    }

    /// Expands a prefix: what ends enters the results, the rest is open. Diving, the best of the rest is handed out instead.
    fn expand(&mut self, open: Open, frontier: &mut Frontier, dive: bool) -> Result<Option<Open>> {
        let step = self.first + open.len;
        let last = open.len + 1 == self.limit;
        let (len, sum) = (open.len, open.sum);
        let parent = frontier.visit(open);
        let ids = frontier.ids(parent);
        let context = [self.job.prompt, self.job.prefix, &ids].concat();
        let query =
            Query { sequence: self.sequence, step, context: &context, prompt_len: self.job.prompt.len() };
        self.source.rows(&[query], &mut self.rows)?;
        self.nodes += 1;
        let Some(row) = self.rows.first_mut() else { return Ok(None) };
        if step == self.first {
            self.job.check_ids(&self.name, row.vocab, true)?;
        }
        let row_job = RowJob {
            job: self.job,
            name: &self.name,
            sequence: self.sequence,
            step,
            sample: 0,
            lane: 0,
            context: &context,
        };
        let c = match Scores::new(&row_job, &[], &mut self.candidates, row, &mut ()) {
            Err(dead @ Error::NoCandidate { .. }) => {
                self.death = Some(at(dead, &self.name));
                return Ok(None);
            }
            other => other.map_err(|e| at(e, &self.name))?,
        };
        if c.max_score() > RISE {
            let what = format!(
                "the chain raises a log-probability to {:.3}: exact search needs scores that only fall; end the \
                 chain with renormalize_logits",
                c.max_score()
            );
            return Err(Error::input(&self.name, Place::row(self.sequence, step), what));
        }
        let count = if last { self.keep } else { c.vocab() };
        let mut kept = None;
        for (id, score) in c.ranked(count) {
            let score = score.min(0.0);
            let raw = c.raw_logprob(id);
            let child =
                Open { parent: Some(parent), id, score, raw, sum: sum + score, len: len + 1, order: 0 };
            if self.job.limits.eos.binary_search(&id).is_ok() {
                frontier.end(child, Finish::Eos);
            } else if last {
                frontier.end(child, Finish::Length);
            } else if dive && kept.is_none() {
                kept = Some(child);
            } else {
                frontier.push(child);
            }
        }
        Ok(kept.filter(|open| frontier.bar().is_none_or(|bar| open.sum > bar)))
    }
}
