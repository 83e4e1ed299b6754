//! What every engine replay is asked, and what it answers.

use super::{EngineInfo, Evidence, Watch};
use crate::Result;
use crate::draw::Filtered;

/// One row of a step, as the engine sees it.
#[derive(Debug, Clone, Copy)]
pub struct ReplayRow<'a> {
    /// The raw logits, by token id.
    pub logits: &'a [f32],
    /// The prompt's ids and those generated since.
    pub history: &'a [u32],
    /// How many of them are the prompt.
    pub prompt_len: usize,
    /// The row has ended (EOS). It gives no id; whether it still consumes random numbers is the engine's matter.
    pub finished: bool,
}

/// One drawn id.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The row of the step.
    pub row: usize,
    /// The id.
    pub id: u32,
    /// What decided it, if that was asked for.
    pub evidence: Option<Evidence>,
    /// What each filter left, in the engine's order, if that was asked for.
    pub stages: Vec<Filtered>,
}

/// An engine that is being replayed: parameters, and the state of its generators.
pub trait Replay: Send {
    /// What it replays.
    fn engine(&self) -> &'static EngineInfo;

    /// Draws for one step and replaces `out` by the ids: one for each row that has not finished, in row order
    /// (torch-multinomial: `num_samples` of them). The rows are as many as [`build`](super::build) was told, all of one
    /// length.
    ///
    /// After an error the generators are somewhere within the step; the replay has to be built anew.
    ///
    /// # Errors
    /// A row that the engine can't draw from.
    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()>;

    /// True if the engine passes over ids of a history beyond its vocabulary. The others fail on them, or refuse them.
    fn skips_unknown_ids(&self) -> bool {
        false
    }

    /// The id with which `row` goes on, as if the engine had drawn it in the last step. Engines with state (mirostat,
    /// adaptive-p) follow it; one that they could not have drawn leaves them where their own draw did.
    fn accept(&mut self, row: usize, id: u32) {
        let _ = (row, id);
    }
}
