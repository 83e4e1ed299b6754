//! Runs along given ids: teacher forcing, with the draw watching.

use super::lines::Line;
use super::{Job, Limits, steps};
use crate::draw::{Draw, Pick, Turn};
use crate::hypothesis::Finish;
use crate::source::LogitsSource;
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
type Visit<'a> = dyn FnMut(Taken<'_, '_>) -> Result<()> + 'a;

/// The ids of every line.
pub(super) struct Given<'a> {
    ids: &'a [Vec<TokenId>],
    visit: &'a mut Visit<'a>,
}

/// Draws every step, and goes on with the given id instead of the drawn one.
///
/// `ids` hold one list for each sequence and sample, in the order of results. A line ends with its ids, or with an end token
/// among them; draws that see the whole batch go on seeing it as a finished one.
///
/// # Errors
/// Those of source, chain and draw; ids for another number of lines, more ids than rows, ids outside the vocabulary; whatever
/// `visit` returns.
pub fn along<'a>(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    draw: &mut dyn Draw,
    samples: usize,
    ids: &'a [Vec<TokenId>],
    visit: &'a mut Visit<'a>,
) -> Result<()> {
    let lines = source.shape().sequences.len().saturating_mul(samples);
    if ids.len() != lines {
        let what = format!(
            "ids for {} lines, but the input has {lines} (sequences times samples): give a line of ids for each",
            ids.len()
        );
        return Err(Error::input(source.name(), Place::default(), what));
    }
    let longest = ids.iter().map(Vec::len).max().unwrap_or(0);
    let limits = Limits { max_new_tokens: Some(longest), eos: job.limits.eos.clone() };
    let job = &Job { limits: &limits, logprobs: false, ..*job };
    steps::run(source, job, draw, samples, Some(&mut Given { ids, visit }), &mut (), &mut |_| Ok(()))
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
