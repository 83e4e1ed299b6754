//! From a row to scores that a search adds up: log-probabilities, then the chain.

use super::{Job, slot};
use crate::draw::RowCoins;
use crate::processor::{Candidates, Context};
use crate::source::Row;
use crate::trace::{Trace, TraceEvent};
use crate::{Place, Result, TokenId};

/// One step of one sequence, for strategies that add up scores.
#[derive(Clone, Copy)]
pub(super) struct Scorer<'a> {
    pub job: &'a Job<'a>,
    /// The input's name in messages.
    pub name: &'a str,
    pub sequence: usize,
    pub step: usize,
}

/// The hypothesis that a row continues.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    /// Rank among the live beams.
    pub lane: u32,
    /// Prompt, prefix and its ids.
    pub context: &'a [TokenId],
    /// What some log-probabilities (ascending ids) lose before the chain.
    pub penalties: &'a [(TokenId, f64)],
}

impl Scorer<'_> {
    /// Takes the row over, turns logits into log-probabilities and applies the chain, which doesn't normalise again. Returns the
    /// log-normalizer of the raw row. After an error the row is back in its place.
    pub fn score(
        &self,
        parent: &Parent<'_>,
        c: &mut Candidates,
        row: &mut Row,
        trace: &mut dyn Trace,
    ) -> Result<f64> {
        let (job, sequence, step) = (self.job, self.sequence, self.step);
        let place = Place::row(sequence, step);
        let (context, prompt_len) = (parent.context, job.prompt.len());
        slot::load(c, row, job, place, self.name)?;
        if trace.wants().stages {
            trace.event(&TraceEvent::Row { place, context, prompt_len, candidates: c });
        }
        let z = c.decision_log_normalizer();
        c.shift(-z);
        if !parent.penalties.is_empty() {
            let ids: Vec<TokenId> = parent.penalties.iter().map(|&(id, _)| id).collect();
            let mut losses = parent.penalties.iter().map(|&(_, loss)| loss);
            c.edit_each(&ids, |_, score| score - losses.next().unwrap_or(0.0));
        }
        let coins = RowCoins { seed: job.seed, lane: parent.lane, sequence, sample: 0, step };
        let cx = Context { context, prompt_len, sequence, step, coins: &coins };
        let done = job.chain.apply_traced(c, &cx, trace);
        if done.is_err() {
            c.release(row);
        }
        done.map(|()| z)
    }
}
