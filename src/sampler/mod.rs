//! Decoding strategies, through one trait.
//!
//! A [`Sampler`] runs the loop of the whole program: it asks a source for rows, lets the chain work on them, chooses, and asks
//! again one token later. What is common to all strategies is in the [`Job`]; what is a strategy's own is in its struct.

mod along;
mod beam;
mod exact;
mod given;
mod greedy;
mod lines;
mod row_job;
mod sample;
mod scores;
mod slot;
mod steps;
mod walk;

pub use along::along;
pub use beam::{Beam, EarlyStopping, LengthNorm, Variant};
pub use exact::{Exact, Outcome};
pub use given::Taken;
pub use greedy::Greedy;
pub(crate) use row_job::load;
pub use sample::Sample;
pub use walk::{Visit, walk};

use crate::hypothesis::Hypothesis;
use crate::processor::Chain;
use crate::source::{LogitsSource, Shape};
use crate::trace::Trace;
use crate::{Error, Place, Result, TokenId};

/// When decoding stops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// At most so many new tokens (the prefix does not count); `None`: until the input ends.
    pub max_new_tokens: Option<usize>,
    /// A sequence ends with any of these tokens; ascending.
    pub eos: Vec<TokenId>,
}

impl Limits {
    /// The limits that hold for a source: one that follows the prefix never ends by itself, so that 20 tokens are the limit
    /// unless another is given.
    pub fn of(&self, shape: &Shape) -> Limits {
        let mut limits = self.clone();
        if shape.follows_prefix {
            limits.max_new_tokens.get_or_insert(20);
        }
        limits
    }
}

/// What every strategy is asked to do.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The prompt.
    pub prompt: &'a [TokenId],
    /// What was generated before the input's first step: it counts as generated for processors and opens every table lookup, but
    /// not for output, the limit of new tokens and the length of a beam.
    pub prefix: &'a [TokenId],
    /// The processors.
    pub chain: &'a Chain,
    /// When to stop.
    pub limits: &'a Limits,
    /// Seed of the processors' coins.
    pub seed: u64,
    /// Whether the hypotheses carry log-probabilities.
    pub logprobs: bool,
    /// Whether rows may be decoded on several threads (of the current rayon pool). It never changes the result.
    pub parallel: bool,
}

impl Job<'_> {
    /// Tells the source what the chain can do with its rows.
    fn prepare(&self, source: &mut dyn LogitsSource) {
        if self.chain.needs().invalid {
            source.accept_invalid();
        }
    }

    /// Prompt and prefix: the history before the first row.
    fn history(&self) -> Vec<TokenId> {
        [self.prompt, self.prefix].concat()
    }

    /// Refuses ids outside a vocabulary of `vocab` tokens.
    fn check_ids(&self, source: &str, vocab: usize) -> Result<()> {
        let named =
            [("prompt", self.prompt), ("prefix", self.prefix), ("end token", self.limits.eos.as_slice())];
        for (name, ids) in named {
            if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab) {
                let what = format!("the {name} id {id} is outside the vocabulary of {vocab} tokens");
                return Err(Error::input(source, Place::default(), what));
            }
        }
        Ok(())
    }
}

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
/// use tokpick::sampler::{Event, Greedy, Job, Limits, Sampler};
/// use tokpick::{processor::Chain, source::Steps};
///
/// let mut source = Steps::new("example", &[2, 2], None, vec![0.1, 2.0, 3.0, 1.0])?;
/// let (chain, limits) = (Chain::default(), Limits::default());
/// let job = Job { prompt: &[], prefix: &[], chain: &chain, limits: &limits, seed: 0, logprobs: false, parallel: false };
/// let mut ids = Vec::new();
/// Greedy.run(&mut source, &job, &mut (), &mut |event| {
///     if let Event::Done(hypothesis) = event {
///         ids = hypothesis.ids;
///     }
///     Ok(())
/// })?;
/// assert_eq!(ids, [1, 0]);
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
