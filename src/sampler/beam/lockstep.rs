//! The searches of several sequences, step by step.

use super::Beam;
use super::search::{Now, Search};
use crate::Result;
use crate::sampler::Job;
use crate::source::{LogitsSource, Query, Row, Shape};
use crate::trace::Trace;

/// Runs searches to their ends.
pub(super) fn run(
    searches: &mut [Search<'_>],
    source: &mut dyn LogitsSource,
    (beam, job): (&Beam, &Job<'_>),
    mut unchecked: bool,
    trace: &mut dyn Trace,
) -> Result<()> {
    let shape = source.shape();
    let first = job.first_step(&shape);
    let limit = job.most_tokens(&shape);
    if limit == Some(0) {
        searches.iter_mut().for_each(Search::end_here);
        return Ok(());
    }
    // rows that don't follow the prefix can be looked at before their turn: the end of a stream must be known one step ahead
    let peeks = limit.is_none_or(|m| shape.end_step.is_none() && m > 1) && !shape.follows_prefix;
    let (mut rows, mut ahead) = (Rows::default(), Rows::default());
    let mut step = first;
    rows.fetch(searches, source, &shape, (beam, job), step)?;
    for len in 1.. {
        let at_limit = limit == Some(len);
        if peeks && !at_limit {
            ahead.fetch(searches, source, &shape, (beam, job), step + 1)?;
        }
        if unchecked && let Some(row) = rows.rows.iter().find(|r| !r.ended) {
            job.check_ids(source.name(), row.vocab, true)?;
            beam.check_ids(source.name(), row.vocab)?;
            unchecked = false;
        }
        for (at, search) in searches.iter_mut().enumerate().filter(|(_, s)| s.is_live()) {
            if rows.have_ended(at) {
                search.end_here();
                continue;
            }
            let last = at_limit || peeks && ahead.have_ended(at);
            let now = Now { step, last, limit, name: source.name() };
            search.advance(rows.of(at), &now, trace)?;
        }
        step += 1;
        if !searches.iter().any(Search::is_live) {
            break;
        }
        if peeks && !at_limit {
            std::mem::swap(&mut rows, &mut ahead);
        } else {
            rows.fetch(searches, source, &shape, (beam, job), step)?;
        }
    }
    Ok(())
}

/// The rows of one step: for each live search one row, or one for each of its beams where rows follow the prefix. The buffers are
/// reused from step to step.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    /// Where the rows of each search begin, and one past the last.
    starts: Vec<usize>,
}

impl Rows {
    fn fetch(
        &mut self,
        searches: &[Search<'_>],
        source: &mut dyn LogitsSource,
        shape: &Shape,
        (beam, job): (&Beam, &Job<'_>),
        step: usize,
    ) -> Result<()> {
        let mut queries = Vec::new();
        self.starts.clear();
        self.starts.push(0);
        for search in searches {
            let asked = if shape.follows_prefix { usize::MAX } else { 1 };
            let (sequence, prompt_len) = (search.sequence, job.prompt.len());
            let contexts = search.contexts().take(asked);
            queries.extend(contexts.map(|context| Query { sequence, step, context, prompt_len }));
            self.starts.push(queries.len());
        }
        let new = queries.len().saturating_sub(self.rows.len());
        let row = shape.vocab.unwrap_or(0).checked_mul(size_of::<f32>());
        beam.check_room(row.and_then(|row| row.checked_add(size_of::<Row>())?.checked_mul(new)))?;
        source.rows(&queries, &mut self.rows)
    }

    fn of(&mut self, search: usize) -> &mut [Row] {
        &mut self.rows[self.starts[search]..self.starts[search + 1]]
    }

    fn have_ended(&mut self, search: usize) -> bool {
        self.of(search).iter().any(|row| row.ended)
    }
}
