//! From a row to scores that a search adds up: log-probabilities, then the chain.

use std::ops::{Deref, DerefMut};

use super::row_job::RowJob;
use crate::candidates::Candidates;
use crate::source::Row;
use crate::trace::Trace;
use crate::{Result, TokenId};

/// Candidates of a row that others need, too (the beams of a step may share it): dropped, they put it back as it was.
pub(super) struct Scores<'a> {
    candidates: &'a mut Candidates,
    row: &'a mut Row,
    /// The log-normalizer of the raw row, in two parts.
    z: [f64; 2],
}

impl<'a> Scores<'a> {
    /// Turns the logits of a row into log-probabilities and applies the chain, which doesn't normalise again. `penalties` are what
    /// some log-probabilities (ascending ids) lose before the chain.
    pub fn new(
        row_job: &RowJob<'_>,
        penalties: &[(TokenId, f64)],
        candidates: &'a mut Candidates,
        row: &'a mut Row,
        trace: &mut dyn Trace,
    ) -> Result<Self> {
        let lent = std::mem::take(row);
        let mut c = Scores { candidates, row, z: [0.0; 2] };
        row_job.load(&mut c, lent, trace)?;
        c.z = c.subtract_normalizer();
        if !penalties.is_empty() {
            let ids: Vec<TokenId> = penalties.iter().map(|&(id, _)| id).collect();
            let mut losses = penalties.iter().map(|&(_, loss)| loss);
            c.edit_each(&ids, |_, score| score - losses.next().unwrap_or(0.0));
        }
        row_job.process(&mut c, trace)?;
        Ok(c)
    }

    /// The log-probability of a token in the raw row; `None` where it is masked.
    pub fn raw_logprob(&self, id: TokenId) -> Option<f64> {
        self.raw_logit(id).map(|x| x as f64 - self.z[0] - self.z[1]).filter(|l| l.is_finite())
    }
}

impl Drop for Scores<'_> {
    fn drop(&mut self) {
        *self.row = self.candidates.take_row();
    }
}

impl Deref for Scores<'_> {
    type Target = Candidates;

    fn deref(&self) -> &Candidates {
        self.candidates
    }
}

impl DerefMut for Scores<'_> {
    fn deref_mut(&mut self) -> &mut Candidates {
        self.candidates
    }
}
