//! Decoding strategies, through one trait.
//!
//! A [`Sampler`] runs the loop of the whole program: it asks a source for rows, lets the chain work on them, chooses, and asks
//! again one token later. What is common to all strategies is in the [`Job`]; what is a strategy's own is in its struct.

mod beam;
mod exact;
mod job;
mod row_job;
mod scores;
mod steps;

pub use beam::{Beam, EarlyStopping, LengthNorm, Phrase, Variant};
pub use exact::{Exact, Outcome};
pub use job::{Job, Limits};
pub(crate) use row_job::load;
pub use steps::{Greedy, Sample, Taken, Visit, along, walk};

use crate::hypothesis::Hypothesis;
use crate::source::LogitsSource;
use crate::trace::Trace;
use crate::{Result, TokenId};

/// One chosen token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Number of the sample.
    pub sample: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// The token.
    pub id: TokenId,
}

/// A result, handed out as soon as it stands.
#[derive(Debug)]
pub enum Event<'a> {
    /// The tokens of one step: one for each sequence and sample that goes on, in that order.
    Step(&'a [Token]),
    /// A whole sequence: by sequence, then by sample or rank.
    Done(Hypothesis),
}

/// Where results go.
pub type Emit<'a> = dyn FnMut(Event<'_>) -> Result<()> + 'a;

/// A decoding strategy; see the [module](self).
///
/// ```
/// use tokpick::sampler::{Greedy, Job, Sampler};
/// use tokpick::{processor::Chain, source::Steps};
///
/// let mut source = Steps::new("example", &[2, 2], None, vec![0.1, 2.0, 3.0, 1.0])?;
/// let chain = Chain::default();
/// let found = Greedy.decode(&mut source, &Job::new(&chain))?;
/// assert_eq!(found[0].ids, [1, 0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub trait Sampler {
    /// Decodes every sequence of the source.
    ///
    /// # Errors
    /// Those of the source, of the chain and of the draw, naming sequence and step; whatever `emit` returns.
    fn run(
        &mut self,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        trace: &mut dyn Trace,
        emit: &mut Emit<'_>,
    ) -> Result<()>;

    /// The hypotheses of every sequence, collected: by sequence, then by sample or rank.
    ///
    /// # Errors
    /// Those of [`run`](Self::run); what was decoded before is dropped.
    fn decode(&mut self, source: &mut dyn LogitsSource, job: &Job<'_>) -> Result<Vec<Hypothesis>> {
        self.decode_under(source, job, &mut ())
    }

    /// As [`decode`](Self::decode), while a trace watches.
    ///
    /// # Errors
    /// Those of [`run`](Self::run); what was decoded before is dropped.
    fn decode_under(
        &mut self,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        trace: &mut dyn Trace,
    ) -> Result<Vec<Hypothesis>> {
        let (mut all, job) = (Vec::new(), &job.kept(true));
        self.run(source, job, trace, &mut |event| {
            if let Event::Done(hypothesis) = event {
                all.push(hypothesis);
            }
            Ok(())
        })?;
        Ok(all)
    }
}

impl<S: Sampler + ?Sized> Sampler for &mut S {
    fn run(
        &mut self,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        trace: &mut dyn Trace,
        emit: &mut Emit<'_>,
    ) -> Result<()> {
        (**self).run(source, job, trace, emit)
    }
}
