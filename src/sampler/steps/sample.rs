use super::run::run;
use crate::Result;
use crate::draw::Draw;
use crate::sampler::{Emit, Job, Sampler};
use crate::source::LogitsSource;
use crate::trace::Trace;

/// Sampling: each token is drawn from the processed distribution.
pub struct Sample {
    /// How a token is drawn.
    pub draw: Box<dyn Draw>,
    /// How many independent samples of each sequence are drawn.
    pub samples: usize,
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
