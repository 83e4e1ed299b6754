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

use crate::hypothesis::{Finish, Hypothesis};
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
    /// Whole sequences of one token each, in the place of as many [`Done`](Self::Done); only where [`Job::singles`] asks for them.
    Singles(Singles<'a>),
}

/// Samples of one token each, one after the other, of the same sequence and without log-probabilities.
///
/// ```
/// use tokpick::prelude::*;
/// use tokpick::sampler::Event;
///
/// let mut source = Steps::from(ndarray::array![[0.1, 2.0, 1.0]]);
/// let chain = Chain::default();
/// let mut drawn = Vec::new();
/// let job = Job::new(&chain).steps(false).singles(true);
/// let mut sample = Sample { samples: 5_000, ..Sample::new(Addressed::new(7)) };
/// sample.run(&mut source, &job, &mut (), &mut |event| {
///     match event {
///         Event::Step(_) => {}
///         Event::Done(hypothesis) => drawn.push(hypothesis.ids),
///         Event::Singles(singles) => drawn.extend(singles.ids.iter().map(|id| vec![*id])),
///     }
///     Ok(())
/// })?;
/// assert_eq!(drawn.len(), 5_000);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Singles<'a> {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Number of the first of these samples.
    pub sample: usize,
    /// The token of each.
    pub ids: &'a [TokenId],
    /// The tokens that end a sequence; ascending.
    eos: &'a [TokenId],
}

impl Singles<'_> {
    /// The same as hypotheses.
    pub fn hypotheses(&self) -> impl Iterator<Item = Hypothesis> + '_ {
        self.ids.iter().enumerate().map(|(at, &id)| Hypothesis {
            sequence: self.sequence,
            sample: self.sample + at,
            ids: vec![id],
            logprobs: Vec::new(),
            processed_logprobs: Vec::new(),
            logprob: None,
            score: None,
            perturbed: None,
            bound: None,
            finish_reason: match self.eos.binary_search(&id) {
                Ok(_) => Finish::Eos,
                Err(_) => Finish::Length,
            },
        })
    }
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
            match event {
                Event::Step(_) => {}
                Event::Done(hypothesis) => all.push(hypothesis),
                Event::Singles(singles) => all.extend(singles.hypotheses()),
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
