//! Exact search: the most probable sequences, by uniform-cost search.

mod frontier;
#[cfg(test)]
mod plain;
mod ranked;
#[cfg(test)]
mod tests;

use super::row_job::{RowJob, at};
use super::scores::Scores;
use super::{Emit, Event, Job, Sampler};
use crate::candidates::Candidates;
use crate::hypothesis::{Finish, Hypothesis};
use crate::source::{Access, LogitsSource, Query, Row};
use crate::trace::Trace;
use crate::{Error, Place, Result, TokenId};
use frontier::{Frontier, Next, Prefix, Waiting};
use ranked::{Ranked, Stretch};

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
/// Where the source shares its rows ([`LogitsSource::shared`]), a few continuations of each prefix are kept, and its row is read
/// again when they are used up; otherwise, and where a chain edits single scores, all of them are. Of a row that all prefixes of a step
/// share (of a file of steps, where no processor reads the history) the best continuations are kept for all of them, up to 4096: it is
/// read again where more are wanted, and for each prefix where a chain edits single scores of a larger vocabulary.
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
    /// At most so many prefixes are expanded in each sequence (the first way down is always gone); `None`: as many as it takes.
    pub max_nodes: Option<usize>,
    outcomes: Vec<Outcome>,
}

/// How the search of one sequence ended.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// How many prefixes were expanded, each by its row.
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
            let name = &source.name().to_string();
            // who watches sees each row once
            let rereads = source.shared().is_some() && !trace.wants().any();
            let alike = rereads && !shape.follows_prefix && !job.chain.needs().history;
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
                rereads,
                shared: if alike { SHARED } else { 0 },
                steps: Vec::new(),
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
    name: &'a str,
    sequence: usize,
    first: usize,
    limit: usize,
    keep: usize,
    candidates: Candidates,
    rows: Vec<Row>,
    nodes: usize,
    /// Rows can be read a second time: the children of a prefix are made a few at a time.
    rereads: bool,
    /// The prefixes of a step have the same row, and the chain makes the same of it: so many of its continuations are kept; 0 if they
    /// don't.
    shared: usize,
    /// What is kept, by the length of the prefixes.
    steps: Vec<Ranked>,
    /// Why a prefix could not go on.
    death: Option<Error>,
}

impl<'a> Search<'a, '_> {
    /// Searches to the end, or to that of the budget: then with the bound on what was not found.
    fn run(&mut self, max_nodes: Option<usize>) -> Result<(Frontier, Option<f64>)> {
        let mut frontier = Frontier::new(self.keep);
        if self.limit == 0 {
            frontier.end(Prefix::root(), Finish::Length);
            return Ok((frontier, None));
        }
        // the first way down: the best token of each step
        let mut next = Some(Prefix::root());
        while let Some(prefix) = next {
            next = self.expand(prefix, &mut frontier, true)?;
        }
        let mut bound = None;
        while let Some(next) = frontier.pop() {
            match next {
                Next::ReadOn(waiting) => self.read_on(waiting, &mut frontier)?,
                Next::Expand(prefix) if max_nodes.is_some_and(|most| self.nodes >= most) => {
                    bound = Some(prefix.sum);
                    break;
                }
                Next::Expand(prefix) => drop(self.expand(prefix, &mut frontier, false)?),
            }
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
    fn expand(&mut self, prefix: Prefix, frontier: &mut Frontier, dive: bool) -> Result<Option<Prefix>> {
        let last = prefix.len + 1 == self.limit;
        let number = frontier.visit(prefix);
        self.nodes += 1;
        let least = frontier.bar().map_or(f64::NEG_INFINITY, |bar| {
            // a little lower, for the rounding of the difference
            bar - prefix.sum - 1e-12 * (bar.abs() + prefix.sum.abs())
        });
        let wanted = if last { Some(self.keep) } else { None };
        let Some((ranked, most)) = self.ranked(frontier, number, wanted, least)? else { return Ok(None) };
        let ends = self.job.limits.eos.as_slice();
        let mut first = None;
        if !frontier.has_room(ranked.vocab) {
            return Err(no_room(self.keep));
        }
        if last {
            for child in ranked.best(most) {
                let finish = if ends.binary_search(&child.id).is_ok() { Finish::Eos } else { Finish::Length };
                frontier.end(prefix.then(number, *child), finish);
            }
        } else {
            for child in &ranked.ends {
                frontier.end(prefix.then(number, *child), Finish::Eos);
            }
            let stretch = Stretch { least, ends, from: 0, most, dive };
            let found = stretch.of(&ranked, number, &prefix, frontier).ok_or_else(|| no_room(self.keep))?;
            found.1.into_iter().for_each(|waiting| frontier.push(waiting));
            first = found.0.filter(|prefix| frontier.is_above(prefix.sum));
        }
        self.put_back(prefix.len, ranked);
        Ok(first)
    }

    /// Looks at the row of a prefix again, for as many further children as there were before.
    fn read_on(&mut self, waiting: Waiting, frontier: &mut Frontier) -> Result<()> {
        let (number, prefix) = (waiting.parent, frontier.visited(waiting.parent));
        let Some(from) = waiting.ranked else { return Ok(()) };
        let wanted = Some(from.saturating_mul(2));
        let Some((ranked, most)) = self.ranked(frontier, number, wanted, waiting.least)? else {
            return Ok(());
        };
        let ends = self.job.limits.eos.as_slice();
        let stretch = Stretch { least: waiting.least, ends, from, most, dive: false };
        let found = stretch.of(&ranked, number, &prefix, frontier).ok_or_else(|| no_room(self.keep))?;
        found.1.into_iter().for_each(|waiting| frontier.push(waiting));
        self.put_back(prefix.len, ranked);
        Ok(())
    }

    /// The best continuations of an expanded prefix, and how many of them are to be looked at: as many as are wanted, or those that are
    /// known at first. `None` if no token is possible.
    fn ranked(
        &mut self,
        frontier: &Frontier,
        number: usize,
        wanted: Option<usize>,
        least: f64,
    ) -> Result<Option<(Ranked, usize)>> {
        let len = frontier.visited(number).len;
        let step = self.first + len;
        if let Some(known) = self.steps.get_mut(len) {
            let most = wanted.unwrap_or(known.first).min(known.vocab);
            if most <= known.most && known.vocab > 0 {
                return Ok(Some((std::mem::take(known), most)));
            }
        }
        let context = self.context(frontier, number);
        let query =
            Query { sequence: self.sequence, step, context: &context, prompt_len: self.job.prompt.len() };
        self.source.rows(&[query], &mut self.rows)?;
        let row_job = self.row_job(&context, step);
        let Some(row) = self.rows.first_mut() else { return Ok(None) };
        if step == self.first {
            self.job.check_ids(self.name, row.vocab, true)?;
        }
        let c = match Scores::new(&row_job, &[], &mut self.candidates, row, self.trace) {
            Err(dead @ Error::NoCandidate { .. }) => {
                self.death = Some(at(dead, self.name));
                return Ok(None);
            }
            other => other.map_err(|e| at(e, self.name))?,
        };
        if c.max_score() > RISE {
            let what = format!(
                "the chain raises a log-probability to {:.3}: exact search needs scores that only fall; end the \
                 chain with renormalize_logits",
                c.max_score()
            );
            return Err(Error::input(self.name, Place::row(self.sequence, step), what));
        }
        // where edited scores share an f32, their order is known once all of them are
        let few = self.rereads && c.ranks_by_score();
        let first = if few { self.job.limits.eos.len().saturating_add(FEW) } else { c.vocab() };
        let most = wanted.unwrap_or(first).min(c.vocab());
        // the next prefix at this step may need what is too low here
        let least = if most <= self.shared { f64::NEG_INFINITY } else { least };
        let ends = self.job.limits.eos.as_slice();
        let ranked = Ranked::new(&c, ends, first, most, least).ok_or_else(|| no_room(self.keep))?;
        Ok(Some((ranked, most)))
    }

    /// Keeps what a row gave for the other prefixes at its step, where it is the same for all of them and not too much.
    fn put_back(&mut self, len: usize, ranked: Ranked) {
        if ranked.most > self.shared {
            return;
        }
        if self.steps.len() <= len {
            self.steps.resize_with(len + 1, Ranked::default);
        }
        self.steps[len] = ranked;
    }

    /// Prompt, generated prefix and the ids of an expanded prefix.
    fn context(&self, frontier: &Frontier, number: usize) -> Vec<TokenId> {
        [self.job.prompt, self.job.prefix, &frontier.ids(number)].concat()
    }

    /// What is to be done with the row that follows a context.
    fn row_job<'c>(&self, context: &'c [TokenId], step: usize) -> RowJob<'c>
    where
        'a: 'c,
    {
        let Search { job, name, sequence, .. } = *self;
        RowJob { job, name, sequence, step, sample: 0, lane: 0, context }
    }
}

fn no_room(keep: usize) -> Error {
    let what = "memory doesn't hold the prefixes that a search for so many keeps open: ask for fewer, or lower `Exact::max_nodes`";
    Error::setting("num_return_sequences", keep, what)
}

/// How far above 0 rounding may put a log-probability.
const RISE: f64 = 1e-6;

/// So many children of a prefix are known at first: most prefixes are continued in no more ways before the search ends.
const FEW: usize = 4;

/// Of a row that many prefixes share, at most so many continuations are kept.
const SHARED: usize = 4096;
