//! The given ids that lines go on with, instead of what was drawn.

use super::line::Line;
use crate::draw::{Draw, Pick, Turn};
use crate::hypothesis::Finish;
use crate::sampler::Job;
use crate::{Error, Place, Result, TokenId};

/// One step of a run along given ids: what the draw chose, and what was taken instead.
pub struct Taken<'a, 't> {
    /// Number of the line: sequence by sequence, then by sample.
    pub line: usize,
    /// Number of the sample.
    pub sample: usize,
    /// Tokens that the line has of its own before this one.
    pub at: usize,
    /// The row, as the draw saw it.
    pub turn: &'a mut Turn<'t>,
    /// The line's seat in the turn.
    pub seat: usize,
    /// What the draw chose.
    pub pick: &'a Pick,
    /// The given id, with which the line goes on.
    pub id: TokenId,
    /// The draw, which can be asked for the margin of the given id.
    pub draw: &'a mut dyn Draw,
}

/// Who is told of each step.
pub(super) type Visitor<'a> = dyn FnMut(Taken<'_, '_>) -> Result<()> + 'a;

/// The ids of every line.
pub(super) struct Given<'a> {
    pub ids: &'a [Vec<TokenId>],
    pub visit: &'a mut Visitor<'a>,
}

impl Given<'_> {
    /// Numbers a line; one without ids ends before it begins.
    pub fn start(&self, number: usize, line: &mut Line) {
        line.number = number;
        if self.ids.get(number).is_none_or(Vec::is_empty) {
            line.finish = Some(Finish::Length);
        }
    }

    /// Ends a line after its last id.
    pub fn end(&self, line: &mut Line, job: &Job<'_>) {
        if self.ids.get(line.number).is_none_or(|ids| line.generated(job) >= ids.len()) {
            line.finish.get_or_insert(Finish::Length);
        }
    }

    /// The given id of a step, once the visitor has seen it.
    #[expect(clippy::too_many_arguments, reason = "all of a step, borrowed in parts")]
    pub fn take(
        &mut self,
        name: &str,
        line: &Line,
        job: &Job<'_>,
        turn: &mut Turn<'_>,
        seat: usize,
        pick: &Pick,
        draw: &mut dyn Draw,
    ) -> Result<TokenId> {
        let at = line.generated(job);
        let Some(&id) = self.ids.get(line.number).and_then(|ids| ids.get(at)) else { return Ok(pick.id) };
        let vocab = turn.candidates.vocab();
        if id as usize >= vocab {
            return Err(outside(name, turn.sequence, turn.step, id, vocab));
        }
        (self.visit)(Taken { line: line.number, sample: line.sample, at, turn, seat, pick, id, draw })?;
        Ok(id)
    }
}

/// The error of an id for which the input has no row.
pub(super) fn no_row(name: &str, sequence: usize, step: usize) -> Error {
    let what = "the input has no row for this id: give as many ids as it has steps, or fewer";
    Error::input(name, Place::row(sequence, step), what)
}

/// The error of an id that the vocabulary does not have.
pub(super) fn outside(name: &str, sequence: usize, step: usize, id: TokenId, vocab: usize) -> Error {
    let what = format!("the id {id} is outside the vocabulary of {vocab} tokens");
    Error::input(name, Place::row(sequence, step), what)
}
