//! Beam search, as transformers 5 does it.

mod finished;
mod search;

use serde::Serialize;

use super::{Emit, Event, Job, Sampler};
use crate::hypothesis::Hypothesis;
use crate::source::{Access, LogitsSource, Query, Row, Shape};
use crate::trace::Trace;
use crate::{Error, Result, TokenId};
use search::Search;

/// When a beam search whose finished list is full stops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EarlyStopping {
    /// At once.
    True,
    /// As soon as the best live beam, scored at its present length, is not better than the worst finished hypothesis.
    #[default]
    False,
    /// The same, scored at the greatest length where the length penalty is positive: nothing can be missed.
    Never,
}

/// Beam search: keeps the `num_beams` best prefixes of each step.
///
/// Rules of transformers 5.23:
///
/// 1. Scores of a step are log-probabilities, then the chain works on them; they are not normalised again. A beam's sum adds them
///    up.
/// 2. Of all continuations of the live beams, the `max(2, 1 + number of end tokens) · num_beams` best by sum are considered.
/// 3. A continuation ends with an end token, or at the greatest length. It enters the finished list if it is among the first
///    `num_beams`; the others that ended are lost. Its score is `sum / len ^ length_penalty`, where len counts the generated tokens,
///    the end token included, the prompt excluded. The list keeps the `num_beams` best.
/// 4. The `num_beams` best that did not end are the next live beams.
/// 5. Once the list is full, [`EarlyStopping`] decides whether the search goes on; equality stops.
///
/// The search starts with one live beam, so that there are no duplicates, and a beam wider than the vocabulary works. Among equal
/// sums the continuation of the better parent comes first, then the lower id (transformers leaves the order of ties to
/// `torch.topk`, undefined). Sums are f64 here, f32 there: scores differ by about 1e-5.
///
/// A length penalty of 0 is neutral; the default, 1, is the mean log-probability; larger favours longer hypotheses, because scores
/// are negative. On a file of steps the search decodes the position-only lattice and ends with the file.
///
/// ```
/// use tokpick::sampler::{Beam, Event, Job, Limits, Sampler};
/// use tokpick::{processor::Chain, source::Steps};
///
/// let mut source = Steps::new("example", &[2, 2], None, vec![0.1, 2.0, 3.0, 1.0])?;
/// let (chain, limits) = (Chain::default(), Limits::default());
/// let job = Job { prompt: &[], prefix: &[], chain: &chain, limits: &limits, seed: 0, logprobs: false, parallel: false };
/// let mut best = Vec::new();
/// Beam { num_return_sequences: 2, ..Beam::new(2)? }.run(&mut source, &job, &mut (), &mut |event| {
///     if let Event::Done(hypothesis) = event {
///         best.push(hypothesis.ids);
///     }
///     Ok(())
/// })?;
/// assert_eq!(best, [[1, 0], [0, 0]]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Beam {
    /// How many prefixes live on; 1 or more.
    pub num_beams: usize,
    /// Exponent of the length in the score; any finite number.
    pub length_penalty: f64,
    /// When to stop.
    pub early_stopping: EarlyStopping,
    /// How many hypotheses are returned; at most `num_beams`.
    pub num_return_sequences: usize,
}

/// A prefix that lives on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveBeam {
    /// The ids generated so far (without prompt and prefix).
    pub ids: Vec<TokenId>,
    /// Sum of `scores`.
    pub sum: f64,
    /// Log-probability of each id in its raw row; `None` where that masks it.
    pub logprobs: Vec<Option<f64>>,
    /// What each id added to the sum: its log-probability after the processors.
    pub scores: Vec<f64>,
}

/// What became of a continuation that was considered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It lives on.
    Live,
    /// It ended, and entered the finished list with this score.
    Finished(f64),
    /// It ended outside the first `num_beams`, and is lost.
    Lost,
    /// It did not end, and `num_beams` better ones live on.
    Pruned,
}

/// A continuation of a live beam.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Considered {
    /// Rank of the beam that it continues.
    pub parent: usize,
    /// Its new token.
    pub id: TokenId,
    /// The token's score.
    pub score: f64,
    /// Its sum.
    pub sum: f64,
    /// What became of it.
    pub fate: Fate,
}

/// A step of a beam search: what was live, what was considered, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BeamStep {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// The live beams before the step, best first.
    pub live: Vec<LiveBeam>,
    /// The continuations considered, best first.
    pub considered: Vec<Considered>,
}

impl Beam {
    /// A beam search of this width, with transformers' defaults: length penalty 1, early stopping false, one result.
    ///
    /// # Errors
    /// `num_beams` 0.
    pub fn new(num_beams: usize) -> Result<Self> {
        let beam = Beam {
            num_beams,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::False,
            num_return_sequences: 1,
        };
        beam.check()?;
        Ok(beam)
    }

    /// Refuses what makes no sense.
    fn check(&self) -> Result<()> {
        if self.num_beams == 0 {
            return Err(Error::setting("num_beams", 0, "must be 1 or more"));
        }
        if !(1..=self.num_beams).contains(&self.num_return_sequences) {
            let what = format!("must be from 1 to num_beams ({})", self.num_beams);
            return Err(Error::setting("num_return_sequences", self.num_return_sequences, what));
        }
        if !self.length_penalty.is_finite() {
            return Err(Error::setting("length_penalty", self.length_penalty, "must be a finite number"));
        }
        Ok(())
    }
}

impl Sampler for Beam {
    fn run(
        &mut self,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        trace: &mut dyn Trace,
        emit: &mut Emit<'_>,
    ) -> Result<()> {
        self.check()?;
        let shape = source.shape();
        let limits = job.limits.of(&shape);
        let job = &Job { limits: &limits, ..*job };
        let together = if shape.access == Access::ByStep { shape.sequences.len() } else { 1 };
        let sequences: Vec<usize> = shape.sequences.clone().collect();
        for (round, group) in sequences.chunks(together.max(1)).enumerate() {
            let mut searches: Vec<Search> = group.iter().map(|&s| Search::new(s, self, job)).collect();
            lockstep(&mut searches, source, &shape, job, round == 0, trace)?;
            for search in searches {
                let sequence = search.sequence;
                for (rank, ended) in search.results()?.into_iter().enumerate() {
                    emit(Event::Done(Hypothesis {
                        sequence,
                        sample: rank,
                        logprob: ended.beam.logprobs.iter().copied().sum(),
                        ids: ended.beam.ids,
                        logprobs: ended.beam.logprobs,
                        processed_logprobs: ended.beam.scores.into_iter().map(Some).collect(),
                        score: Some(ended.score),
                        finish_reason: ended.finish,
                    }))?;
                }
            }
        }
        Ok(())
    }
}

/// Runs the searches of several sequences step by step.
fn lockstep(
    searches: &mut [Search<'_>],
    source: &mut dyn LogitsSource,
    shape: &Shape,
    job: &Job<'_>,
    mut unchecked: bool,
    trace: &mut dyn Trace,
) -> Result<()> {
    let first = if shape.follows_prefix { job.prefix.len() } else { shape.first_step };
    let of_input = shape.end_step.map(|end| end.saturating_sub(first));
    let limit = match (job.limits.max_new_tokens, of_input) {
        (Some(m), Some(n)) => Some(m.min(n)),
        (m, n) => m.or(n),
    };
    if limit == Some(0) {
        searches.iter_mut().for_each(Search::end_here);
    }
    // rows that don't follow the prefix can be looked at before their turn: the end of a stream must be known one step ahead
    let peeks = limit.is_none_or(|m| shape.end_step.is_none() && m > 1) && !shape.follows_prefix;
    let mut step = first;
    let mut rows = fetch(searches, source, shape, job, step)?;
    let mut len = 0;
    while searches.iter().any(Search::is_live) {
        len += 1;
        let at_limit = limit == Some(len);
        let mut ahead =
            if peeks && !at_limit { fetch(searches, source, shape, job, step + 1)? } else { Vec::new() };
        if unchecked && let Some(row) = rows.iter().flatten().find(|r| !r.ended) {
            job.check_ids(source.name(), row.vocab)?;
            unchecked = false;
        }
        for (at, search) in searches.iter_mut().enumerate().filter(|(_, s)| s.is_live()) {
            if rows[at].iter().any(|row| row.ended) {
                search.end_here();
                continue;
            }
            let last = at_limit || ahead.get(at).is_some_and(|r| r.iter().any(|row| row.ended));
            search.advance(&mut rows[at], step, last, limit, source.name(), trace)?;
        }
        step += 1;
        if !searches.iter().any(Search::is_live) {
            break;
        }
        rows = if peeks && !at_limit {
            std::mem::take(&mut ahead)
        } else {
            fetch(searches, source, shape, job, step)?
        };
    }
    Ok(())
}

/// The rows of one step: for each live search one row, or one for each of its beams where rows follow the prefix.
fn fetch(
    searches: &[Search<'_>],
    source: &mut dyn LogitsSource,
    shape: &Shape,
    job: &Job<'_>,
    step: usize,
) -> Result<Vec<Vec<Row>>> {
    let mut queries = Vec::new();
    let mut counts = Vec::new();
    for search in searches {
        let contexts = search.contexts();
        let asked = if shape.follows_prefix { contexts.len() } else { contexts.len().min(1) };
        counts.push(asked);
        for context in &contexts[..asked] {
            queries.push(Query { sequence: search.sequence, step, context, prompt_len: job.prompt.len() });
        }
    }
    let mut rows = Vec::new();
    source.rows(&queries, &mut rows)?;
    let mut rows = rows.into_iter();
    Ok(counts.into_iter().map(|n| rows.by_ref().take(n).collect()).collect())
}
