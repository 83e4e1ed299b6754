use super::run::run;
use crate::Result;
use crate::draw::Argmax;
use crate::sampler::{Emit, Job, Sampler};
use crate::source::LogitsSource;
use crate::trace::Trace;

/// Greedy search: the most probable token of every step, the lowest id among equals.
///
/// It takes the argmax of the processed logits, not of log-probabilities, whose rounding makes ties.
///
/// ```
/// use tokpick::processor::Chain;
/// use tokpick::sampler::{Greedy, Job, Sampler};
/// use tokpick::source::Open;
///
/// let mut source = Open::new("a.jsonl").read(&b"[0.5, 2.0]\n[1.5, 1.5]\n"[..])?;
/// let chain = Chain::default();
/// assert_eq!(Greedy.decode(source.as_mut(), &Job::new(&chain))?[0].ids, [1, 0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Greedy;

impl Sampler for Greedy {
    fn run(
        &mut self,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        trace: &mut dyn Trace,
        emit: &mut Emit<'_>,
    ) -> Result<()> {
        run(source, job, &mut Argmax, 1, None, trace, emit)
    }
}
