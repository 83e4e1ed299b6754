//! Exact search: the most probable sequences, by uniform-cost search.

mod frontier;

use super::row_job::{RowJob, at};
use super::scores::Scores;
use super::{Emit, Event, Job, Sampler};
use crate::candidates::Candidates;
use crate::hypothesis::{Finish, Hypothesis};
use crate::source::{Access, LogitsSource, Query, Row};
use crate::trace::Trace;
use crate::{Error, Place, Result};
use frontier::{Frontier, Open};

/// Exact search: the sequences with the largest sums of scores, by uniform-cost (best-first) search over prefixes.
///
/// Log-probabilities only fall: a prefix's sum bounds all that begins with it. The search expands the prefix with the largest sum
/// until no prefix is above the finished sequences, which are then the best there are (Dijkstra 1959; for decoding: Stahlberg &
/// Byrne 2019, *On NMT Search Errors and Model Errors*). It first follows the best token down to an end, so that there is always a
/// result, and a bar below which nothing is kept.
///
/// Exact is the sum of the scores that [`Beam`](super::Beam) adds up, with length penalty 0: log-probabilities after the chain,
/// not normalised again. A sequence ends with an end token or at the greatest length. Among equal sums the one found first stands.
/// The work grows with the number of prefixes above the result: small vocabularies, peaked rows, short limits. `max_nodes` ends it
/// earlier, and [`outcomes`](Self::outcomes) then bounds what may have been missed.
///
/// ```
/// use tokpick::sampler::{Exact, Job, Limits, Sampler};
/// use tokpick::{processor::Chain, source::Open};
///
/// let mut table = Open::new("fixtures/teaching/the-dog-has.jsonl").open()?;
/// let (chain, limits) = (Chain::default(), Limits::new(3).with_eos([0]));
/// let mut exact = Exact::new(1)?;
/// let found = exact.decode(table.as_mut(), &Job::new(&chain).prompt(&[1]).limits(&limits))?;
/// assert!((found[0].score.unwrap() - 0.36f64.ln()).abs() < 1e-6); // "dog has", where greedy search finds .2
/// assert!(exact.outcomes()[0].is_exact());
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// How many of the best sequences are returned; 1 or more. There may be fewer.
    pub num_return_sequences: usize,
    /// At most so many rows are asked for in each sequence (the first way down is always gone); `None`: as many as it takes.
    pub max_nodes: Option<usize>,
    outcomes: Vec<Outcome>,
}

/// How the search of one sequence ended.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// How many rows were asked for.
    pub nodes: usize,
    /// The largest sum.
    pub best: f64,
    /// The node budget ended the search: no sequence that was not returned has a larger sum than this.
    pub bound: Option<f64>,
}

impl Outcome {
    /// True if the result is the best there is.
    pub fn is_exact(&self) -> bool {
        self.bound.is_none()
    }

    /// How much larger than `best` the largest sum of all may be, in nats; 0 if the best one was found.
    pub fn gap(&self) -> f64 {
        self.bound.map_or(0.0, |bound| (bound - self.best).max(0.0))
    }
}

impl Exact {
    /// An exact search for the best `num_return_sequences` sequences, without a node budget.
    ///
    /// # Errors
    /// `num_return_sequences` 0.
    pub fn new(num_return_sequences: usize) -> Result<Self> {
        let exact = Exact { num_return_sequences, max_nodes: None, outcomes: Vec::new() };
        exact.check()?;
        Ok(exact)
    }

    /// How the last run ended, for each sequence.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn check(&self) -> Result<()> {
        if self.num_return_sequences == 0 {
            return Err(Error::setting("num_return_sequences", 0, "must be 1 or more"));
        }
        if self.max_nodes == Some(0) {
            return Err(Error::setting("max_nodes", 0, "must be 1 or more"));
        }
        Ok(())
    }
}

impl Sampler for Exact {
    fn run(
        &mut self,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        trace: &mut dyn Trace,
        emit: &mut Emit<'_>,
    ) -> Result<()> {
        self.check()?;
        if job.stop.is_some() {
            let what = "exact search ends sequences by their ids alone: give end tokens, or leave it out";
            return Err(Error::setting("stop", "", what));
        }
        self.outcomes.clear();
        let shape = source.shape();
        let limits = job.limits.of(&shape);
        let job = &Job { limits: &limits, ..*job };
        job.prepare(source);
        let first = job.first_step(&shape);
        let Some(limit) =
            job.most_tokens(&shape).filter(|_| shape.follows_prefix || shape.access == Access::Random)
        else {
            let what = "exact search goes back and forth in its input: save the stream in a file";
            return Err(Error::input(source.name(), Place::default(), what));
        };
        for sequence in shape.sequences {
            let name = source.name().to_string();
            let mut search = Search {
                job,
                source,
                trace,
                name,
                sequence,
                first,
                limit,
                keep: self.num_return_sequences,
                candidates: Candidates::default(),
                rows: Vec::new(),
                nodes: 0,
                death: None,
            };
            let (frontier, bound) = search.run(self.max_nodes)?;
            let nodes = search.nodes;
            let best = frontier.best().unwrap_or(0.0);
            self.outcomes.push(Outcome { sequence, nodes, best, bound });
            for (sample, hypothesis) in frontier.hypotheses().into_iter().enumerate() {
                emit(Event::Done(Hypothesis { sequence, sample, bound, ..hypothesis }))?;
            }
        }
        Ok(())
    }
}

/// The search of one sequence.
struct Search<'a, 'j> {
    job: &'a Job<'j>,
    source: &'a mut dyn LogitsSource,
    trace: &'a mut dyn Trace,
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
        if !frontier.has_room(row.vocab) {
            let what = "memory doesn't hold the prefixes that a search for so many keeps open: ask for fewer, or lower `Exact::max_nodes`";
            return Err(Error::setting("num_return_sequences", self.keep, what));
        }
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
        let c = match Scores::new(&row_job, &[], &mut self.candidates, row, self.trace) {
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
        let bar = frontier.bar().map_or(f64::NEG_INFINITY, |bar| bar - sum);
        let mut kept = None;
        for (id, score) in c.ranked_from(count, bar) {
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

/// How far above 0 rounding may put a log-probability.
const RISE: f64 = 1e-6;
