use super::run::run;
use crate::Result;
use crate::draw::Draw;
use crate::sampler::{Emit, Job, Sampler};
use crate::source::LogitsSource;
use crate::trace::Trace;

/// Sampling: each token is drawn from the processed distribution.
///
/// ```
/// use tokpick::prelude::*;
///
/// let mut source = Steps::from(ndarray::array![[0.1, 2.0], [3.0, f32::NEG_INFINITY]]);
/// let found = Sample::new(Addressed::new(7)).decode(&mut source, &Job::new(&Chain::default()))?;
/// assert_eq!(found[0].ids[1], 0);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub struct Sample {
    /// How a token is drawn.
    pub draw: Box<dyn Draw>,
    /// How many independent samples of each sequence are drawn.
    pub samples: usize,
}

impl Sample {
    /// One sample of each sequence.
    pub fn new(draw: impl Draw + 'static) -> Self {
        Sample { draw: Box::new(draw), samples: 1 }
    }
}

impl Sampler for Sample {
    fn run(
        &mut self,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        trace: &mut dyn Trace,
        emit: &mut Emit<'_>,
    ) -> Result<()> {
        run(source, job, self.draw.as_mut(), self.samples, None, trace, emit)
    }
}
