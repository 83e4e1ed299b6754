//! The finished list of a beam search, and the test for stopping.

use super::tree::Prefix;
use super::{Beam, EarlyStopping};
use crate::hypothesis::Finish;

/// A hypothesis that ended, with its score.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub beam: Prefix,
    pub score: f64,
    pub finish: Finish,
}

/// The best hypotheses that ended so far, best first; among equals, the earlier one first.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub list: Vec<Ended>,
}

impl Finished {
    /// Enters a hypothesis of this score if it is among the `keep` best, and forgets the others.
    pub fn enter(&mut self, score: f64, keep: usize, ended: impl FnOnce() -> Ended) {
        let at = self.list.partition_point(|e| e.score >= score);
        if at < keep {
            self.list.insert(at, ended());
            self.list.truncate(keep);
        }
    }

    /// True if no live beam may improve the list of `width` hypotheses, by the rule of `early_stopping`.
    ///
    /// `best` is what the best live beam would be scored by, `len` its length, `limit` the length at which all end (`None`:
    /// unknown).
    pub fn settled(&self, beam: &Beam, width: usize, best: f64, len: usize, limit: Option<usize>) -> bool {
        let Some(worst) = self.list.get(width - 1).map(|e| e.score) else { return false };
        let bound = match beam.early_stopping {
            EarlyStopping::True => return true,
            EarlyStopping::Never if beam.length_penalty > 0.0 => {
                limit.map_or(0.0, |limit| beam.score(best, limit))
            }
            EarlyStopping::False | EarlyStopping::Never => beam.score(best, len),
        };
        bound <= worst
    }
}
