//! The finished list of a beam search: scores, and the test for stopping.

use super::{Beam, EarlyStopping, LiveBeam};
use crate::hypothesis::Finish;
use crate::kernel;

/// A hypothesis that ended, with its score.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub beam: LiveBeam,
    pub score: f64,
    pub finish: Finish,
}

/// The best hypotheses that ended so far, best first; among equals, the earlier one first.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub list: Vec<Ended>,
}

impl Finished {
    /// Enters a hypothesis and forgets all but the `keep` best.
    pub fn enter(&mut self, ended: Ended, keep: usize) {
        let at = self.list.partition_point(|e| e.score >= ended.score);
        self.list.insert(at, ended);
        self.list.truncate(keep);
    }

    /// True if no live beam may improve the list, by the rule of `early_stopping`.
    ///
    /// `best_live` is the largest sum of a live beam, `len` their length, `limit` the length at which all end (`None`: unknown).
    pub fn settled(&self, beam: &Beam, best_live: f64, len: usize, limit: Option<usize>) -> bool {
        let Some(worst) = self.list.get(beam.num_beams - 1).map(|e| e.score) else { return false };
        let bound = match beam.early_stopping {
            EarlyStopping::True => return true,
            EarlyStopping::Never if beam.length_penalty > 0.0 => match limit {
                Some(limit) => score(best_live, limit, beam.length_penalty),
                None => 0.0,
            },
            EarlyStopping::False | EarlyStopping::Never => score(best_live, len, beam.length_penalty),
        };
        bound <= worst
    }
}

/// `sum / len ^ penalty`: the score of a hypothesis of `len` generated tokens.
pub(super) fn score(sum: f64, len: usize, penalty: f64) -> f64 {
    let len = len.max(1) as f64;
    let power = match penalty {
        0.0 => 1.0,
        1.0 => len,
        p => kernel::exp(p * kernel::ln(len)),
    };
    sum / power
}
