//! A row on its way from the source to the tokens chosen from it.

use std::cell::Cell;

use super::line::{Line, Logprobs};
use crate::candidates::Candidates;
use crate::draw::{DrawRow, Pick, Racer, Seat, Turn};
use crate::sampler::Job;
use crate::sampler::row_job::{RowJob, at};
use crate::source::{Query, ReadAt, Row};
use crate::trace::Trace;
use crate::{Error, Result, TokenId};

/// One row of a round, with those who wait for a token from it. Buffers are reused from round to round.
#[derive(Default)]
pub(super) struct Slot {
    pub sequence: usize,
    pub step: usize,
    /// The row as it was read, until the candidates take it over.
    pub row: Row,
    pub candidates: Candidates,
    /// Sequence and step of the row that the chain has been applied to, as long as the candidates stand.
    standing: Option<(usize, usize)>,
    /// V of the row.
    pub vocab: usize,
    pub seats: Vec<Seat>,
    /// For each seat, once a token is chosen and if they are wanted.
    pub logprobs: Vec<Option<Logprobs>>,
    /// For each seat, how those who could win ran: where a race without state is watched.
    pub races: Vec<Vec<Racer>>,
    /// What went wrong here: it only counts if a line still needs this row.
    pub failure: Option<Error>,
}

impl Slot {
    /// What to ask the source.
    pub fn query<'a>(&self, lines: &'a [Line], job: &Job<'_>) -> Query<'a> {
        let context = self.context(lines);
        Query { sequence: self.sequence, step: self.step, context, prompt_len: job.prompt.len() }
    }

    /// The history of the first seat: of all, where the row has several.
    fn context<'a>(&self, lines: &'a [Line]) -> &'a [TokenId] {
        self.seats.first().map_or(&[], |seat| lines[seat.line].context.as_slice())
    }

    /// Takes the row over and applies the chain.
    pub fn process(
        &mut self,
        lines: &[Line],
        job: &Job<'_>,
        name: &str,
        trace: &mut dyn Trace,
    ) -> Result<()> {
        let (lane, sample) = self.seats.first().map_or((0, 0), |s| (s.lane, s.sample));
        let (sequence, step, context) = (self.sequence, self.step, self.context(lines));
        let row_job = RowJob { job, name, sequence, step, sample, lane, context };
        row_job.load(&mut self.candidates, std::mem::take(&mut self.row), trace)?;
        self.vocab = self.candidates.vocab();
        row_job.process(&mut self.candidates, trace).map_err(|e| at(e, name))
    }

    /// This row as a turn of a draw.
    pub fn turn<'a>(&'a mut self, lines: &'a [Line], job: &Job<'_>) -> Turn<'a> {
        let context = self.context(lines);
        Turn {
            sequence: self.sequence,
            step: self.step,
            context,
            prompt_len: job.prompt.len(),
            candidates: &mut self.candidates,
            seats: &mut self.seats,
        }
    }

    /// Reads (where the source is shared), processes and draws: everything for a row that depends on no other. `filters`: the
    /// draw has a distribution of its own.
    pub fn decode(
        &mut self,
        round: &Round<'_>,
        filters: bool,
        draw: &mut dyn FnMut(&mut Turn<'_>) -> Result<()>,
        trace: &mut dyn Trace,
    ) {
        let drawn = self.prepare(round, trace).and_then(|()| {
            if !self.row.ended {
                draw(&mut self.turn(round.lines, round.job)).map_err(|e| at(e, round.name))?;
                self.settle(round.job, filters);
            }
            Ok(())
        });
        self.failure = drawn.err();
    }

    /// Decodes a round with buffers of this thread, which are free again at once: the rows of a round pass through the same cache lines.
    /// The candidates don't stand afterwards.
    pub fn decode_and_release(&mut self, round: &Round<'_>, draw: &dyn DrawRow) {
        self.standing = None;
        (self.row, self.candidates) = DESK.take();
        self.decode(round, false, &mut |turn| draw.row(turn), &mut ());
        self.standing = None;
        let ended = self.row.ended;
        DESK.set((std::mem::take(&mut self.row), std::mem::take(&mut self.candidates)));
        self.row.ended = ended;
    }

    /// Reads and processes.
    pub fn prepare(&mut self, round: &Round<'_>, trace: &mut dyn Trace) -> Result<()> {
        let here = Some((self.sequence, self.step));
        if round.again && self.standing == here {
            return Ok(());
        }
        self.standing = None;
        if let Some(source) = round.source {
            let mut row = self.buffers();
            source.read(&self.query(round.lines, round.job), &mut row)?;
            self.row = row;
        }
        if !self.row.ended {
            self.process(round.lines, round.job, round.name, trace)?;
            self.standing = here;
        }
        Ok(())
    }

    /// After the draw: the log-probabilities of what was chosen, if they are wanted. `filters`: the draw has a distribution of
    /// its own.
    pub fn settle(&mut self, job: &Job<'_>, filters: bool) {
        self.logprobs.clear();
        if !job.logprobs {
            self.logprobs.resize(self.seats.len(), None);
            return;
        }
        let raw = self.candidates.raw_normalizer();
        // where nothing was changed, one pass is enough
        let processed = if self.candidates.is_raw() { raw } else { self.candidates.normalizer() };
        for seat in &self.seats {
            let of = |pick: Pick| Logprobs {
                raw: self.candidates.raw_logit(pick.id).and_then(|x| raw.log_probability(x as f64)),
                processed: match filters {
                    true => pick.logprob,
                    false => self.candidates.score(pick.id).and_then(|s| processed.log_probability(s)),
                },
            };
            self.logprobs.push(seat.pick.map(of));
        }
    }

    /// The buffers of the last row, to read the next one into.
    pub fn buffers(&mut self) -> Row {
        if self.row.ended { std::mem::take(&mut self.row) } else { self.candidates.take_row() }
    }
}

thread_local! {
    /// Buffers for the row that a thread is working on.
    static DESK: Cell<(Row, Candidates)> = Cell::default();
}

/// What the rows of a round have in common.
pub(super) struct Round<'a> {
    /// Where rows are read at random; `None` where they have been fetched.
    pub source: Option<&'a dyn ReadAt>,
    /// A row that a slot has is the one that it would read and process: whose samples they are doesn't matter.
    pub again: bool,
    pub lines: &'a [Line],
    pub job: &'a Job<'a>,
    /// The input's name in messages.
    pub name: &'a str,
}
