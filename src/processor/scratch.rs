//! The buffers that processors need for a step: each thread has one set and uses it again and again.

use std::cell::Cell;

use super::history::tally::Tally;
use crate::TokenId;

/// Buffers; what they hold is of no use to the next who borrows them, except for the tally's.
#[derive(Default)]
pub struct Scratch {
    /// Counts ids.
    pub tally: Tally,
    /// Ids that a rule has found, and a number for each.
    pub ids: Vec<TokenId>,
    /// See `ids`.
    pub numbers: Vec<u32>,
    /// Scores to add or to subtract.
    pub scores: Vec<f64>,
    /// A history in another order.
    pub history: Vec<TokenId>,
    /// Lengths by place of a history.
    pub lengths: Vec<u32>,
    /// Biases with the order in which they were given.
    pub biases: Vec<(TokenId, usize, f64)>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Lends this thread's buffers. Within another loan they are new ones.
pub fn with<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH.take();
    let result = f(&mut scratch);
    SCRATCH.set(scratch);
    result
}
