//! The lines of a run: one sequence and sample each, growing by a token a step.

use std::ops::Range;

use crate::hypothesis::{Finish, Hypothesis};
use crate::sampler::{Emit, Event, Job};
use crate::text::StopReader;
use crate::{Error, Result, TokenId};

/// One line of the output while it grows.
pub(super) struct Line {
    pub sequence: usize,
    pub sample: usize,
    /// Prompt, prefix and generated ids.
    pub context: Vec<TokenId>,
    pub logprobs: Vec<Option<f64>>,
    pub processed_logprobs: Vec<Option<f64>>,
    pub finish: Option<Finish>,
    /// Its text, where stop strings are looked for.
    reader: Option<Box<StopReader>>,
    /// Number of the line in the whole run.
    pub number: usize,
}

impl Line {
    pub fn new(sequence: usize, sample: usize, job: &Job<'_>) -> Self {
        Line {
            sequence,
            sample,
            context: job.history(),
            logprobs: Vec::new(),
            processed_logprobs: Vec::new(),
            number: 0,
            reader: job.stop.map(|_| Box::default()),
            finish: (job.limits.max_new_tokens == Some(0)).then_some(Finish::Length),
        }
    }

    /// Goes on with a token.
    pub fn push(&mut self, id: TokenId, logprobs: Option<Logprobs>, job: &Job<'_>) {
        self.context.push(id);
        if let Some(l) = logprobs {
            self.logprobs.push(l.raw);
            self.processed_logprobs.push(l.processed);
        }
        if job.limits.eos.binary_search(&id).is_ok() {
            self.finish = Some(Finish::Eos);
        } else if let Some((stop, reader)) = job.stop.zip(self.reader.as_mut())
            && let Some(finish) = stop.ends(reader, &self.context[job.prompt.len()..])
        {
            self.finish = Some(finish);
        } else if job.limits.max_new_tokens.is_some_and(|m| self.generated(job) >= m) {
            self.finish = Some(Finish::Length);
        }
    }

    /// How many tokens it has of its own.
    pub fn generated(&self, job: &Job<'_>) -> usize {
        self.context.len() - job.prompt.len() - job.prefix.len()
    }

    fn into_hypothesis(self, job: &Job<'_>) -> Hypothesis {
        let own = job.prompt.len() + job.prefix.len();
        let ids = if own == 0 { self.context } else { self.context[own..].to_vec() };
        Hypothesis {
            sequence: self.sequence,
            sample: self.sample,
            ids,
            logprob: job.logprobs.then(|| self.logprobs.iter().copied().sum::<Option<f64>>()).flatten(),
            logprobs: self.logprobs,
            processed_logprobs: self.processed_logprobs,
            score: None,
            perturbed: None,
            bound: None,
            finish_reason: self.finish.unwrap_or(Finish::Length),
        }
    }
}

/// Bytes that fit into memory without asking.
const FEW: usize = 1 << 22;

/// The lines of some sequences, a line for each of these samples; each of them takes `beside` further bytes.
///
/// # Errors
/// More samples than fit into memory.
pub(super) fn begin(
    sequences: Range<usize>,
    samples: Range<usize>,
    job: &Job<'_>,
    beside: usize,
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let count = sequences.len().saturating_mul(samples.len());
    room(sequences.len(), samples.len(), job, beside)?;
    if lines.try_reserve_exact(count).is_err() {
        return Err(too_many(count, samples.len()));
    }
    lines.extend(
        sequences.flat_map(|sequence| samples.clone().map(move |sample| Line::new(sequence, sample, job))),
    );
    Ok(lines)
}

/// Refuses more lines than memory holds at once; each of them takes `beside` further bytes.
///
/// # Errors
/// More samples than fit into memory.
pub(super) fn room(sequences: usize, samples: usize, job: &Job<'_>, beside: usize) -> Result<()> {
    let count = sequences.saturating_mul(samples);
    let ids = job.prompt.len() + job.prefix.len() + 1;
    let each = (size_of::<Line>() + size_of_val(&ids) * ids).saturating_add(beside);
    // asked for and given back: what the lines will take, as they come
    let bytes = count.saturating_mul(each);
    match bytes <= FEW || Vec::<u8>::new().try_reserve_exact(bytes).is_ok() {
        true => Ok(()),
        false => Err(too_many(count, samples)),
    }
}

fn too_many(count: usize, samples: usize) -> Error {
    let what = format!("{count} lines don't fit into memory: draw fewer, and more with another seed");
    Error::setting("num_samples", samples, what)
}

/// Hands out every line, in order.
pub(super) fn finish(lines: Vec<Line>, job: &Job<'_>, emit: &mut Emit<'_>) -> Result<()> {
    lines.into_iter().try_for_each(|line| emit(Event::Done(line.into_hypothesis(job))))
}

/// The two log-probabilities of a chosen token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logprobs {
    /// In the raw row.
    pub raw: Option<f64>,
    /// In the distribution drawn from.
    pub processed: Option<f64>,
}
