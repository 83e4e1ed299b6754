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
/// use tokpick::prelude::*;
/// let mut steps = Open::new("a.json").read(&b"[[0.5, 2.0, 1.0], [3.0, 3.0, 1.0]]"[..])?;
/// let found = Greedy.decode(steps.as_mut(), &Job::new(&Chain::default()))?;
/// assert_eq!(found[0].ids, [1, 0]);
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
