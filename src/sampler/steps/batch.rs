//! A batch in lockstep: round after round, until every line has ended.

use std::ops::Range;

use rayon::prelude::*;

use super::given::{self, Given};
use super::line::{self, Line};
use super::slot::{Round, Slot};
use crate::draw::{Draw, Seat, Turn};
use crate::hypothesis::Finish;
use crate::sampler::row_job::at;
use crate::sampler::{Emit, Event, Job, Token};
use crate::source::{Access, LogitsSource, Query, Row, Shape};
use crate::trace::{Trace, TraceEvent};
use crate::{Error, Place, Result};

/// Rows that are decoded at once, for each thread, where they are independent.
pub(super) const ROWS_PER_THREAD: usize = 8;

/// Rows that are decoded at once, for each thread, late in a long sequence: each round is twice the last one, as threads are only woken
/// and waited for once a round, and a
/// sequence that may end soon is not decoded far ahead.
const MOST_ROWS_PER_THREAD: usize = 64;

/// Bytes that a row takes for each token while it waits to be drawn from: its logits, and what a chain makes of them.
const PER_TOKEN: usize = 8;

/// Whether the draws of different lines depend on each other.
pub(super) fn walks_batch(draw: &dyn Draw) -> bool {
    draw.shared().is_none() && !draw.by_line()
}

/// Whether the samples of a sequence share a row and its candidates: neither depends on what they drew before.
pub(super) fn shares_rows(shape: &Shape, job: &Job<'_>, draw: &dyn Draw, trace: &dyn Trace) -> bool {
    let needs = job.chain.needs();
    !shape.follows_prefix && !needs.history && !needs.coin && !trace.wants().any() && !draw.by_line()
}

/// Sequences that are decoded in lockstep.
pub(super) struct Batch<'a, 'b, 'c> {
    source: &'a mut dyn LogitsSource,
    job: &'a Job<'b>,
    draw: &'a mut dyn Draw,
    trace: &'a mut dyn Trace,
    shape: &'a Shape,
    given: Option<&'a mut Given<'c>>,
    /// Those of the present round; the buffers are reused from round to round, and from batch to batch.
    pub slots: Vec<Slot>,
    /// The tokens of the present step.
    tokens: Vec<Token>,
    /// The vocabulary size for which the job's ids were checked.
    checked: Option<usize>,
    /// The first sequence whose rows could not be decoded, and why. Where sequences don't wait for each other, those before it
    /// still run to their ends, so that what is handed out before an error does not depend on how many go in lockstep.
    pub failure: Option<(usize, Error)>,
}

impl<'a, 'b, 'c> Batch<'a, 'b, 'c> {
    pub fn new(
        source: &'a mut dyn LogitsSource,
        job: &'a Job<'b>,
        draw: &'a mut dyn Draw,
        trace: &'a mut dyn Trace,
        shape: &'a Shape,
        given: Option<&'a mut Given<'c>>,
        slots: Vec<Slot>,
    ) -> Self {
        let tokens = Vec::new();
        Batch { source, job, draw, trace, shape, given, slots, tokens, checked: None, failure: None }
    }

    /// Decodes some sequences, each for all of some samples.
    pub fn decode(
        &mut self,
        sequences: Range<usize>,
        numbers: Range<usize>,
        emit: &mut Emit<'_>,
    ) -> Result<Vec<Line>> {
        let samples = numbers.len();
        let shared = shares_rows(self.shape, self.job, self.draw, self.trace);
        let independent = shared
            && self.job.parallel
            && self.draw.shared().is_some()
            && self.source.shared().is_some()
            && self.shape.end_step.is_some();
        let at_once = |rows: usize| (rows * rayon::current_num_threads()).div_ceil(sequences.len().max(1));
        let mut ahead = if independent { at_once(ROWS_PER_THREAD) } else { 1 };
        // where given ids are followed, every row of a round stays in memory
        let most = if independent && self.given.is_none() { at_once(MOST_ROWS_PER_THREAD) } else { ahead };
        let seats = most.min(self.shape.steps().unwrap_or(1));
        let mut beside = seats * size_of::<Seat>();
        if !shared {
            // a row for each line, which stays until all are drawn unless it passes through; a row of a text may list a few tokens
            let is_array = self.source.format().dtype.is_some();
            let vocab = self.shape.vocab.filter(|_| is_array && !self.passes()).unwrap_or(0);
            let row = vocab.saturating_mul(PER_TOKEN);
            beside = beside.saturating_add(size_of::<Slot>()).saturating_add(row);
        }
        let mut lines = line::begin(sequences.clone(), numbers, self.job, beside)?;
        if let Some(given) = &self.given {
            let base = (sequences.start - self.shape.sequences.start) * samples;
            lines.iter_mut().enumerate().for_each(|(at, line)| given.start(base + at, line));
        }
        let mut step = self.job.first_step(self.shape);
        // no row behind the last token is read, and counted, by a round of several steps
        let bound = self.job.most_tokens(self.shape).map_or(usize::MAX, |most| step.saturating_add(most));
        // beyond its end a source with random access would only say that there is no row
        let last = self.shape.end_step.filter(|_| self.source.shared().is_some() && self.given.is_none());
        while last.is_none_or(|last| step < last) && lines.iter().any(|line| line.finish.is_none()) {
            let end = bound.max(step + 1);
            let steps = step..end.min(step + ahead);
            self.seat(&lines, sequences.clone(), steps.clone(), samples, shared);
            self.round(&lines, shared)?;
            self.accept(&mut lines, emit)?;
            step = steps.end;
            ahead = most.min(2 * ahead);
        }
        Ok(lines)
    }

    /// Makes the slots of a round.
    fn seat(
        &mut self,
        lines: &[Line],
        sequences: Range<usize>,
        steps: Range<usize>,
        samples: usize,
        shared: bool,
    ) {
        let whole = walks_batch(self.draw);
        let mut used = 0;
        for step in steps {
            for number in 0..sequences.len() {
                let of_sequence = number * samples..(number + 1) * samples;
                if !whole && lines[of_sequence.clone()].iter().all(|l| l.finish.is_some()) {
                    continue;
                }
                let seats = of_sequence.filter(|&at| whole || lines[at].finish.is_none()).map(|at| Seat {
                    line: at,
                    sample: lines[at].sample,
                    lane: 0,
                    finished: lines[at].finish.is_some(),
                    pick: None,
                });
                if shared {
                    let slot = next(&mut self.slots, &mut used, sequences.start + number, step);
                    slot.seats.extend(seats);
                } else {
                    for seat in seats {
                        let slot = next(&mut self.slots, &mut used, sequences.start + number, step);
                        slot.seats.push(seat);
                    }
                }
            }
        }
        self.slots.truncate(used);
    }

    /// Whether nobody looks at a row again once it is drawn from: a draw that can be shared has no state, and there is no visitor of
    /// given ids and no trace.
    fn passes(&self) -> bool {
        let shared = self.draw.shared().is_some() && self.source.shared().is_some();
        shared && self.given.is_none() && !self.trace.wants().any()
    }

    /// Fills every slot: rows, chain, draw.
    fn round(&mut self, lines: &[Line], shared: bool) -> Result<()> {
        if self.source.shared().is_none() {
            self.fetch(lines)?;
        }
        let (source, job, name) = (self.source.shared(), self.job, self.source.name());
        let again = shared && source.is_some() && self.given.is_none();
        let round = Round { source, again, lines, job, name };
        let (filters, passes) = (self.draw.filters(), self.passes());
        if walks_batch(self.draw) {
            for slot in &mut self.slots {
                slot.prepare(&round, self.trace)?;
            }
            let going = self.slots.iter_mut().filter(|s| !s.row.ended);
            let mut turns: Vec<_> = going.map(|s| s.turn(lines, job)).collect();
            self.draw.step(&mut turns).map_err(|e| at(e, name))?;
            self.slots.iter_mut().for_each(|s| s.settle(job, filters));
            return Ok(());
        }
        let Some(draw) = self.draw.shared() else {
            for slot in &mut self.slots {
                slot.decode(
                    &round,
                    filters,
                    &mut |turn| self.draw.step(std::slice::from_mut(turn)),
                    self.trace,
                );
            }
            return Ok(());
        };
        if job.parallel && self.slots.len() > 1 && !self.trace.wants().any() {
            self.slots.par_iter_mut().with_max_len(1).for_each(|slot| match passes {
                true => slot.decode_and_release(&round, draw),
                false => slot.decode(&round, filters, &mut |turn| draw.row(turn), &mut ()),
            });
        } else if passes && self.slots.len() > 1 {
            self.slots.iter_mut().for_each(|slot| slot.decode_and_release(&round, draw));
        } else {
            let trace = &mut *self.trace;
            let raced = trace.wants().odds;
            for slot in &mut self.slots {
                let mut races = Vec::new();
                let mut choose = |turn: &mut Turn<'_>| match raced {
                    true => draw.raced(turn).map(|all| races = all),
                    false => draw.row(turn),
                };
                slot.decode(&round, filters, &mut choose, trace);
                slot.races = races;
            }
        }
        Ok(())
    }

    /// Asks a source that answers a batch at a time.
    fn fetch(&mut self, lines: &[Line]) -> Result<()> {
        let queries: Vec<Query<'_>> = self.slots.iter().map(|s| s.query(lines, self.job)).collect();
        let mut rows: Vec<Row> = self.slots.iter_mut().map(Slot::buffers).collect();
        self.source.rows(&queries, &mut rows)?;
        for (slot, row) in self.slots.iter_mut().zip(rows) {
            slot.row = row;
        }
        Ok(())
    }

    /// The lines go on with what was chosen, and the rows are given back.
    fn accept(&mut self, lines: &mut [Line], emit: &mut Emit<'_>) -> Result<()> {
        let mut done = 0;
        while done < self.slots.len() {
            let step = self.slots[done].step;
            let of_step = self.slots[done..].iter().take_while(|s| s.step == step).count();
            self.tokens.clear();
            for at in done..done + of_step {
                if let Err(error) = self.accept_slot(at, lines) {
                    self.fail(self.slots[at].sequence, error, lines)?;
                }
            }
            if !self.tokens.is_empty() {
                emit(Event::Step(&self.tokens))?;
            }
            done += of_step;
        }
        Ok(())
    }

    /// A sequence can't go on: neither do those after it, nor, where all wait for each other, any other.
    fn fail(&mut self, sequence: usize, error: Error, lines: &mut [Line]) -> Result<()> {
        if walks_batch(self.draw) || self.shape.access == Access::ByStep {
            return Err(error);
        }
        let after = lines.iter_mut().filter(|line| line.sequence >= sequence);
        after.for_each(|line| line.finish = Some(Finish::Length));
        self.failure = Some((sequence, error));
        Ok(())
    }

    fn accept_slot(&mut self, at: usize, lines: &mut [Line]) -> Result<()> {
        let job = self.job;
        for seat in 0..self.slots[at].seats.len() {
            let slot = &mut self.slots[at];
            let line = slot.seats[seat].line;
            if lines[line].finish.is_some() {
                continue;
            }
            if let Some(failure) = slot.failure.take() {
                return Err(failure);
            }
            if slot.row.ended {
                if self.given.is_some() {
                    return Err(given::no_row(self.source.name(), slot.sequence, slot.step));
                }
                lines[line].finish = Some(Finish::Length);
                continue;
            }
            if self.checked != Some(slot.vocab) {
                let history = !self.draw.skips_unknown_ids();
                job.check_ids(self.source.name(), slot.vocab, history)?;
                self.checked = Some(slot.vocab);
            }
            let Some(pick) = slot.seats[seat].pick else { continue };
            if self.trace.wants().stages && self.draw.filters() {
                let (place, sample) = (Place::row(slot.sequence, slot.step), slot.seats[seat].sample);
                let stages = self.draw.stages(&slot.turn(lines, job), seat);
                self.trace.event(&TraceEvent::Filters { place, sample, stages: &stages });
            }
            if self.trace.wants().odds {
                let (place, sample) = (Place::row(slot.sequence, slot.step), slot.seats[seat].sample);
                let known = slot.races.get_mut(seat).map(std::mem::take);
                let turn = slot.turn(lines, job);
                let support = self.draw.filters().then(|| self.draw.support(&turn, seat));
                let race = known.unwrap_or_else(|| self.draw.race(&turn, seat));
                self.trace.event(&TraceEvent::Odds { place, sample, support, race });
            }
            if self.trace.wants().draws {
                let (place, sample) = (Place::row(slot.sequence, slot.step), slot.seats[seat].sample);
                let candidates = &slot.candidates;
                self.trace.event(&TraceEvent::Draw { place, sample, pick: &pick, candidates });
            }
            let id = match &mut self.given {
                None => pick.id,
                Some(given) => {
                    let mut turn = slot.turn(lines, job);
                    given.take(self.source.name(), &lines[line], job, &mut turn, seat, &pick, self.draw)?
                }
            };
            self.draw.accept(&mut slot.turn(lines, job), seat, id);
            let (sequence, step, logprobs) = (slot.sequence, slot.step, slot.logprobs[seat]);
            if job.steps {
                self.tokens.push(Token { sequence, sample: lines[line].sample, step, id });
            }
            lines[line].push(id, logprobs, job);
            if let Some(given) = &self.given {
                given.end(&mut lines[line], job);
            }
        }
        Ok(())
    }
}

/// The next slot to use, cleared.
fn next<'s>(slots: &'s mut Vec<Slot>, used: &mut usize, sequence: usize, step: usize) -> &'s mut Slot {
    if *used == slots.len() {
        slots.push(Slot::default());
    }
    let slot = &mut slots[*used];
    *used += 1;
    (slot.sequence, slot.step) = (sequence, step);
    slot.seats.clear();
    slot.races.clear();
    slot.failure = None;
    slot
}
