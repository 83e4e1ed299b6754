//! Many samples of one token from one row: their ids stand in one list, and none has a line, a seat or a list of its own.

use super::line;
use crate::candidates::Candidates;
use crate::draw::{DrawRow, Turn};
use crate::sampler::row_job::{RowJob, at};
use crate::sampler::{Emit, Event, Job, Singles};
use crate::source::{Query, ReadAt, Shape};
use crate::{Result, TokenId};

/// As many are drawn together: few, so that what belongs to them stays in the cache.
const GROUP: usize = 1 << 12;

/// What all of a run's rows have in common.
pub(super) struct Run<'a> {
    pub source: &'a dyn ReadAt,
    /// The input's name in messages.
    pub name: &'a str,
    pub shape: &'a Shape,
    pub job: &'a Job<'a>,
    pub draw: &'a dyn DrawRow,
    /// Whether ids of the history are looked at.
    pub history: bool,
    pub samples: usize,
}

impl Run<'_> {
    /// Draws from the first row of every sequence.
    pub fn run(&self, emit: &mut Emit<'_>) -> Result<()> {
        let (mut candidates, mut ids) = (Candidates::default(), Vec::new());
        for sequence in self.shape.sequences.clone() {
            self.sequence(sequence, &mut candidates, &mut ids, emit)?;
        }
        Ok(())
    }

    fn sequence(
        &self,
        sequence: usize,
        candidates: &mut Candidates,
        ids: &mut Vec<TokenId>,
        emit: &mut Emit<'_>,
    ) -> Result<()> {
        let &Run { source, name, job, samples, .. } = self;
        let (step, context, prompt_len) = (job.first_step(self.shape), &*job.history(), job.prompt.len());
        let mut row = candidates.take_row();
        source.read(&Query { sequence, step, context, prompt_len }, &mut row)?;
        if row.ended {
            return line::finish(line::begin(sequence..sequence + 1, 0..samples, job, 0)?, job, emit);
        }
        let row_job = RowJob { job, name, sequence, step, sample: 0, lane: 0, context };
        row_job.load(candidates, row, &mut ())?;
        row_job.process(candidates, &mut ()).map_err(|e| at(e, name))?;
        let mut first = 0;
        while first < samples {
            let numbers = first..samples.min(first + GROUP);
            ids.clear();
            let mut turn = Turn { sequence, step, context, prompt_len, candidates, seats: &mut [] };
            self.draw.samples(&mut turn, numbers.clone(), ids).map_err(|e| at(e, name))?;
            if first == 0 {
                job.check_ids(name, candidates.vocab(), self.history)?;
            }
            emit(Event::Singles(Singles { sequence, sample: first, ids, eos: &job.limits.eos }))?;
            first = numbers.end;
        }
        Ok(())
    }
}
