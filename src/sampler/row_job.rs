//! The work on one row, which is the same in every strategy: taking it over, and applying the chain.

use super::Job;
use crate::candidates::Candidates;
use crate::draw::RowCoins;
use crate::processor::Context;
use crate::source::Row;
use crate::trace::{Trace, TraceEvent};
use crate::{Error, Place, Result, TokenId};

/// Which row is worked on, and for whom: the address of its coins and the history that processors see.
#[derive(Clone, Copy)]
pub(super) struct RowJob<'a> {
    pub job: &'a Job<'a>,
    /// The input's name in messages.
    pub name: &'a str,
    pub sequence: usize,
    pub step: usize,
    pub sample: usize,
    /// Rank of the parent beam; 0 when sampling.
    pub lane: u32,
    /// Prompt, prefix and generated ids.
    pub context: &'a [TokenId],
}

impl RowJob<'_> {
    /// Takes the row over into candidates and shows it to those who watch.
    pub fn load(&self, c: &mut Candidates, row: Row, trace: &mut dyn Trace) -> Result<()> {
        let place = Place::row(self.sequence, self.step);
        load(c, row, self.job, place, self.name)?;
        if trace.wants().stages {
            let (context, prompt_len) = (self.context, self.job.prompt.len());
            trace.event(&TraceEvent::Row { place, context, prompt_len, candidates: c });
        }
        Ok(())
    }

    /// Applies the chain, and shows what each processor leaves to those who watch.
    pub fn process(&self, c: &mut Candidates, trace: &mut dyn Trace) -> Result<()> {
        let RowJob { job, sequence, step, sample, lane, context, .. } = *self;
        let coins = RowCoins { seed: job.seed, lane, sequence, sample, step };
        let cx = Context { context, prompt_len: job.prompt.len(), sequence, step, coins: &coins };
        if !trace.wants().stages {
            return job.chain.apply(c, &cx);
        }
        job.chain.apply_watched(c, &cx, &mut |position, processor, candidates| {
            trace.event(&TraceEvent::Stage { position, processor, candidates });
        })
    }
}

/// Takes a row over into candidates; a bad row is an error that names the input.
pub(crate) fn load(c: &mut Candidates, row: Row, job: &Job<'_>, place: Place, name: &str) -> Result<()> {
    let (sequence, step) = (place.sequence.unwrap_or(0), place.step.unwrap_or(0));
    job.chain.load(c, row, sequence, step).map_err(|e| at(e, name))
}

/// Names the input in an error of decoding.
pub(super) fn at(error: Error, name: &str) -> Error {
    match error {
        Error::Decode { place, what } => Error::input(name, place, what),
        Error::NoCandidate { place, .. } => {
            let what = error.to_string();
            let what = what.split_once(": ").map_or(what.as_str(), |(_, what)| what);
            Error::input(name, place, what)
        }
        other => other,
    }
}
