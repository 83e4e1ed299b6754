//! From a row to scores that a search adds up: log-probabilities, then the chain.

use super::row_job::RowJob;
use crate::processor::Candidates;
use crate::source::Row;
use crate::trace::Trace;
use crate::{Result, TokenId};

/// Takes the row over, turns logits into log-probabilities and applies the chain, which doesn't normalise again. Returns the
/// log-normalizer of the raw row. `penalties` are what some log-probabilities (ascending ids) lose before the chain. After an
/// error the row is back in its place.
pub(super) fn score(
    row_job: &RowJob<'_>,
    penalties: &[(TokenId, f64)],
    c: &mut Candidates,
    row: &mut Row,
    trace: &mut dyn Trace,
) -> Result<f64> {
    row_job.load(c, row, trace)?;
    let z = c.decision_log_normalizer();
    c.shift(-z);
    if !penalties.is_empty() {
        let ids: Vec<TokenId> = penalties.iter().map(|&(id, _)| id).collect();
        let mut losses = penalties.iter().map(|&(_, loss)| loss);
        c.edit_each(&ids, |_, score| score - losses.next().unwrap_or(0.0));
    }
    let done = row_job.process(c, trace);
    if done.is_err() {
        c.release(row);
    }
    done.map(|()| z)
}
