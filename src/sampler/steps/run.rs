use super::batch::{Batch, ROWS_PER_THREAD, walks_batch};
use super::given::Given;
use super::line;
use crate::Result;
use crate::draw::Draw;
use crate::sampler::{Emit, Job};
use crate::source::{Access, LogitsSource, Shape};
use crate::trace::Trace;

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
    let at_once = sequences_at_once(&shape, draw, job);
    let mut slots = Vec::new();
    let mut from = shape.sequences.start;
    while from < shape.sequences.end {
        let to = shape.sequences.end.min(from.saturating_add(at_once));
        let given = given.as_deref_mut();
        let mut batch = Batch::new(source, job, draw, trace, &shape, given, slots);
        let mut lines = batch.decode(from..to, samples, emit)?;
        let failure = batch.failure;
        slots = batch.slots;
        if let Some((sequence, _)) = failure {
            lines.retain(|line| line.sequence < sequence);
        }
        line::finish(lines, job, emit)?;
        if let Some((_, error)) = failure {
            return Err(error);
        }
        from = to;
    }
    Ok(())
}

/// How many sequences go in lockstep: all of them where rows come by step or a generator walks the batch, else one or, for
/// several threads, more. That the number depends on the threads must not be seen: see [`Batch::failure`].
fn sequences_at_once(shape: &Shape, draw: &dyn Draw, job: &Job<'_>) -> usize {
    match shape.access {
        _ if walks_batch(draw) => usize::MAX,
        Access::ByStep => usize::MAX,
        Access::BySequence => 1,
        Access::Random if job.parallel => ROWS_PER_THREAD * rayon::current_num_threads(),
        Access::Random => 1,
    }
}
