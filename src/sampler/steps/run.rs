use super::batch::{Batch, ROWS_PER_THREAD, shares_rows, walks_batch};
use super::given::Given;
use super::line;
use super::singles;
use crate::Result;
use crate::draw::Draw;
use crate::hypothesis::Hypothesis;
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
    let in_groups = samples > GROUP_OF_ONE
        && !job.steps
        && given.is_none()
        && draw.shared().is_some()
        && source.shared().is_some()
        && shares_rows(&shape, job, draw, trace);
    if job.kept {
        line::room(shape.sequences.len(), samples, job, size_of::<Hypothesis>())?;
    }
    let one = job.most_tokens(&shape) == Some(1);
    if in_groups
        && one
        && job.singles
        && !job.logprobs
        && job.stop.is_none()
        && let (Some(rows), Some(shared)) = (source.shared(), draw.shared())
    {
        let (name, history) = (source.name(), !draw.skips_unknown_ids());
        return singles::Run { source: rows, name, shape: &shape, job, draw: shared, history, samples }
            .run(emit);
    }
    let group = if one { GROUP_OF_ONE } else { GROUP };
    let (at_once, group) = if in_groups { (1, group) } else { (at_once, samples) };
    let mut slots = Vec::new();
    let mut from = shape.sequences.start;
    while from < shape.sequences.end {
        let to = shape.sequences.end.min(from.saturating_add(at_once));
        let mut sample = 0;
        while sample < samples {
            let numbers = sample..samples.min(sample + group);
            sample = numbers.end;
            let given = given.as_deref_mut();
            let mut batch = Batch::new(source, job, draw, trace, &shape, given, slots);
            let mut lines = batch.decode(from..to, numbers, emit)?;
            let failure = batch.failure;
            slots = batch.slots;
            if let Some((sequence, _)) = failure {
                lines.retain(|line| line.sequence < sequence);
            }
            line::finish(lines, job, emit)?;
            if let Some((_, error)) = failure {
                return Err(error);
            }
        }
        from = to;
    }
    Ok(())
}

/// How many samples of a sequence are drawn together where steps aren't handed out: each group reads the rows again, and what is
/// drawn takes the memory of one group.
const GROUP: usize = 1 << 14;

/// As many where there is one row, which stands from group to group: few, so that they stay in the cache.
const GROUP_OF_ONE: usize = 1 << 11;

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
