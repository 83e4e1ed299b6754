//! The loop of the strategies that take one token at a time: greedy search and sampling.
//!
//! Decoding is lockstep over a batch: step by step, row by row within a step. Where draws and rows don't depend on each other, the
//! rows of a step run in parallel; where not even the history matters, so do several steps at once.

use std::ops::Range;

use rayon::prelude::*;

use super::given::{self, Given};
use super::lines::{self, Line};
use super::slot::{self, Round, Slot};
use super::{Emit, Event, Job, Token};
use crate::Place;
use crate::Result;
use crate::draw::{Draw, Seat};
use crate::hypothesis::Finish;
use crate::source::{Access, LogitsSource, Query, Row, Shape};
use crate::trace::{Trace, TraceEvent};

/// Rows that are decoded at once, for each thread, where they are independent.
const ROWS_PER_THREAD: usize = 8;

/// The same in a long sequence: each round is twice the last one, as threads are only woken and waited for once a round, and a
/// sequence that may end soon is not decoded far ahead.
const MOST_ROWS_PER_THREAD: usize = 64;

/// Decodes every sequence of the source, `samples` times each; along given ids, if there are any.
pub(super) fn run(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    draw: &mut dyn Draw,
    samples: usize,
    mut given: Option<&mut Given<'_>>,
    trace: &mut dyn Trace,
    emit: &mut Emit<'_>,
) -> Result<()> {
    let shape = source.shape();
    let limits = job.limits.of(&shape);
    let job = &Job { limits: &limits, ..*job };
    job.prepare(source);
    let at_once = batch(&shape, draw, job);
    let mut slots = Vec::new();
    let mut from = shape.sequences.start;
    while from < shape.sequences.end {
        let to = shape.sequences.end.min(from.saturating_add(at_once));
        let given = given.as_deref_mut();
        let mut batch = Batch { source, job, draw, trace, slots, shape: &shape, given, tokens: Vec::new() };
        let lines = batch.decode(from..to, samples, from == shape.sequences.start, emit)?;
        slots = batch.slots;
        lines::finish(lines, job, emit)?;
        from = to;
    }
    Ok(())
}

/// How many sequences go in lockstep.
fn batch(shape: &Shape, draw: &dyn Draw, job: &Job<'_>) -> usize {
    match shape.access {
        // a generator that walks the batch needs all of it
        _ if walks_batch(draw) => usize::MAX,
        Access::ByStep => usize::MAX,
        Access::BySequence => 1,
        Access::Random if job.parallel => ROWS_PER_THREAD * rayon::current_num_threads(),
        Access::Random => 1,
    }
}

/// Whether the draws of different lines depend on each other.
fn walks_batch(draw: &dyn Draw) -> bool {
    draw.shared().is_none() && !draw.by_line()
}

/// Sequences that are decoded in lockstep.
struct Batch<'a, 'b, 'c> {
    source: &'a mut dyn LogitsSource,
    job: &'a Job<'b>,
    draw: &'a mut dyn Draw,
    trace: &'a mut dyn Trace,
    shape: &'a Shape,
    slots: Vec<Slot>,
    given: Option<&'a mut Given<'c>>,
    tokens: Vec<Token>,
}

impl Batch<'_, '_, '_> {
    fn decode(
        &mut self,
        sequences: Range<usize>,
        samples: usize,
        first: bool,
        emit: &mut Emit<'_>,
    ) -> Result<Vec<Line>> {
        let needs = self.job.chain.needs();
        // samples share a row and its candidates where neither depends on what they drew before
        let shared = !self.shape.follows_prefix
            && !needs.history
            && !needs.coin
            && !self.trace.wants().any()
            && !self.draw.by_line();
        let independent = shared
            && self.job.parallel
            && self.draw.shared().is_some()
            && self.source.shared().is_some()
            && self.shape.end_step.is_some();
        let at_once = |rows: usize| (rows * rayon::current_num_threads()).div_ceil(sequences.len().max(1));
        let mut ahead = if independent { at_once(ROWS_PER_THREAD) } else { 1 };
        // where given ids are followed, every row of a round stays in memory
        let most = if independent && self.given.is_none() { at_once(MOST_ROWS_PER_THREAD) } else { ahead };
        let seats = most.min(self.shape.end_step.map_or(1, |end| end.saturating_sub(self.shape.first_step)));
        let mut lines = lines::begin(sequences.clone(), samples, self.job, seats * size_of::<Seat>())?;
        if let Some(given) = &self.given {
            let base = (sequences.start - self.shape.sequences.start) * samples;
            lines.iter_mut().enumerate().for_each(|(at, line)| given.start(base + at, line));
        }
        let mut step = if self.shape.follows_prefix { self.job.prefix.len() } else { self.shape.first_step };
        let mut unchecked = first;
        while lines.iter().any(|line| line.finish.is_none()) {
            let end = self.shape.end_step.unwrap_or(usize::MAX).max(step + 1);
            let steps = step..end.min(step + ahead);
            self.seat(&lines, sequences.clone(), steps.clone(), samples, shared);
            self.round(&lines)?;
            if unchecked && let Some(slot) = self.slots.iter().find(|s| !s.row.ended && s.failure.is_none()) {
                self.job.check_ids(self.source.name(), slot.vocab)?;
                unchecked = false;
            }
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

    /// Fills every slot: rows, chain, draw.
    fn round(&mut self, lines: &[Line]) -> Result<()> {
        if self.source.shared().is_none() {
            self.fetch(lines)?;
        }
        let (source, job, name) = (self.source.shared(), self.job, self.source.name());
        let round = Round { source, lines, job, name };
        let Some(draw) = self.draw.shared() else {
            for slot in &mut self.slots {
                slot.prepare(&round, self.trace)?;
            }
            let going = self.slots.iter_mut().filter(|s| !s.row.ended);
            let mut turns: Vec<_> = going.map(|s| s.turn(lines, job)).collect();
            self.draw.step(&mut turns).map_err(|e| slot::at(e, name))?;
            let filters = self.draw.filters();
            self.slots.iter_mut().for_each(|s| s.settle(job, filters));
            return Ok(());
        };
        if job.parallel && self.slots.len() > 1 && !self.trace.wants().any() {
            // a draw that can be shared has no state, so nothing but a visitor of given ids looks at the candidates again
            let pass = source.is_some() && self.given.is_none();
            self.slots.par_iter_mut().with_max_len(1).for_each(|slot| match pass {
                true => slot.decode_and_release(&round, draw),
                false => slot.decode(&round, draw, &mut ()),
            });
        } else {
            self.slots.iter_mut().for_each(|slot| slot.decode(&round, draw, self.trace));
        }
        Ok(())
    }

    /// Asks a source that answers a batch at a time.
    fn fetch(&mut self, lines: &[Line]) -> Result<()> {
        let queries: Vec<Query<'_>> = self.slots.iter().map(|s| s.query(lines, self.job)).collect();
        let mut rows: Vec<Row> = self.slots.iter_mut().map(|s| std::mem::take(&mut s.row)).collect();
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
                self.accept_slot(at, lines)?;
            }
            if !self.tokens.is_empty() {
                emit(Event::Step(&self.tokens))?;
            }
            done += of_step;
        }
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
            let Some(pick) = slot.seats[seat].pick else { continue };
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
            self.tokens.push(Token { sequence, sample: lines[line].sample, step, id });
            lines[line].push(id, logprobs, job);
            if let Some(given) = &self.given {
                given.end(&mut lines[line], job);
            }
        }
        self.slots[at].release();
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
    slot.failure = None;
    slot
}
