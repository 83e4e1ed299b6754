//! Beam search, as transformers 5 does it, and its published variants.

mod constrained;
mod expand;
mod finished;
mod group;
mod lockstep;
mod norm;
mod search;
mod stochastic;
mod tree;
mod variant;

pub use constrained::Phrase;
pub use norm::LengthNorm;
pub use variant::Variant;

use super::{Emit, Event, Job, Sampler};
use crate::source::{Access, LogitsSource};
use crate::trace::Trace;
use crate::{Error, Place, Result, TokenId};
use search::Search;

/// When a beam search whose finished list is full stops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EarlyStopping {
    /// At once.
    True,
    /// As soon as the best live beam, scored at its present length, is not better than the worst finished hypothesis.
    #[default]
    False,
    /// As soon as the best live beam, scored at the greatest length where the length penalty is positive and else at its present
    /// one, is not better than the worst finished hypothesis: nothing can be missed.
    Never,
}

/// Beam search: keeps the `num_beams` best prefixes of each step.
///
/// Rules of transformers 5.24:
///
/// 1. Scores of a step are log-probabilities, then the chain works on them; they are not normalised again. A beam's sum adds them
///    up.
/// 2. Of all continuations of the live beams, the `max(2, 1 + number of end tokens) · num_beams` best by sum are considered.
/// 3. A continuation ends with an end token, or at the greatest length. It enters the finished list if it is among the first
///    `num_beams`; the others that ended are lost. Its score is `sum / len ^ length_penalty`, where len counts the generated tokens,
///    the end token included, the prompt excluded. The list keeps the `num_beams` best.
/// 4. The `num_beams` best that did not end are the next live beams.
/// 5. Once the list is full, [`EarlyStopping`] decides whether the search goes on; equality stops. Where fewer continuations than beams
///    are left, transformers fills its list with candidates of −1e9, and stops at once where `early_stopping` is true; they don't count
///    here, so that the search goes on and returns what really ended, be it less than was asked for.
///
/// The search starts with one live beam, so that there are no duplicates, and a beam wider than the vocabulary works. Among equal
/// sums the continuation of the better parent comes first, then the lower id (transformers leaves the order of ties to
/// `torch.topk`, undefined). Sums are f64 here, f32 there: scores differ by about 1e-5.
///
/// A length penalty of 0 is neutral; the default, 1, is the mean log-probability; larger favours longer hypotheses, because scores
/// are negative; [`LengthNorm`] has the other formula. [`Variant`] draws, diversifies or constrains the beams. On a file of steps the
/// search decodes the position-only lattice and ends with the file.
///
/// ```
/// use tokpick::sampler::{Beam, Job, Sampler};
/// use tokpick::{processor::Chain, source::Steps};
///
/// let mut source = Steps::new("example", &[2, 2], None, vec![0.1, 2.0, 3.0, 1.0])?;
/// let chain = Chain::default();
/// let mut beam = Beam { num_return_sequences: 2, ..Beam::new(2)? };
/// let found = beam.decode(&mut source, &Job::new(&chain))?;
/// assert_eq!([&found[0].ids, &found[1].ids], [&[1, 0], &[0, 0]]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Beam {
    /// How many prefixes live on; 1 or more.
    pub num_beams: usize,
    /// Exponent of the length in the score; any finite number.
    pub length_penalty: f64,
    /// When to stop.
    pub early_stopping: EarlyStopping,
    /// How many hypotheses are returned, or fewer where the search finds no more; at most `num_beams`.
    pub num_return_sequences: usize,
    /// The form in which the length enters the score.
    pub length_norm: LengthNorm,
    /// Continuations whose sum is more than this (in nats, 0 or more) below the best one of their step are pruned, those that
    /// ended too (absolute threshold pruning, Freitag & Al-Onaizan 2017); `None` prunes none.
    pub beam_margin: Option<f64>,
    /// What continuations are ranked by, and which of them live on.
    pub variant: Variant,
}

impl Beam {
    /// A beam search of this width, with transformers' defaults: length penalty 1, early stopping false, one result.
    ///
    /// # Errors
    /// `num_beams` 0.
    pub fn new(num_beams: usize) -> Result<Self> {
        let beam = Beam {
            num_beams,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::False,
            num_return_sequences: 1,
            length_norm: LengthNorm::Hf,
            beam_margin: None,
            variant: Variant::Plain,
        };
        beam.check(&[])?;
        Ok(beam)
    }

    /// How many prefixes of a group live on.
    fn width(&self) -> usize {
        self.num_beams / self.variant.groups()
    }

    /// The score of a hypothesis.
    fn score(&self, worth: f64, len: usize) -> f64 {
        self.length_norm.score(worth, len, self.length_penalty)
    }

    /// Refuses phrases outside a vocabulary of `vocab` tokens.
    fn check_ids(&self, source: &str, vocab: usize) -> Result<()> {
        match self.variant.phrases().ids().find(|&id| id as usize >= vocab) {
            Some(id) => {
                let what = format!("the forced id {id} is outside the vocabulary of {vocab} tokens");
                Err(Error::input(source, Place::default(), what))
            }
            None => Ok(()),
        }
    }

    /// Refuses a width for which the memory is not there: so many bytes are asked for, and given back.
    fn check_room(&self, bytes: Option<usize>) -> Result<()> {
        // what is small is there
        if bytes.is_some_and(|bytes| bytes < 1 << 26 || Vec::<u8>::new().try_reserve_exact(bytes).is_ok()) {
            return Ok(());
        }
        let what = match bytes {
            Some(bytes) => {
                format!("its beams need {} MB more than there is memory for: lower it", bytes >> 20)
            }
            None => "more beams than any memory holds: lower it".to_string(),
        };
        Err(Error::setting("num_beams", self.num_beams, what))
    }

    /// Refuses what makes no sense.
    fn check(&self, eos: &[TokenId]) -> Result<()> {
        if self.num_beams == 0 {
            return Err(Error::setting("num_beams", 0, "must be 1 or more"));
        }
        if !(1..=self.num_beams).contains(&self.num_return_sequences) {
            let what = format!("must be from 1 to num_beams ({})", self.num_beams);
            return Err(Error::setting("num_return_sequences", self.num_return_sequences, what));
        }
        if !self.length_penalty.is_finite() {
            return Err(Error::setting("length_penalty", self.length_penalty, "must be a finite number"));
        }
        if let Some(margin) = self.beam_margin.filter(|m| m.is_nan() || *m < 0.0) {
            return Err(Error::setting("beam_margin", margin, "must be 0 or more"));
        }
        self.variant.check(self.num_beams, eos)
    }
}

impl Sampler for Beam {
    fn run(
        &mut self,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        trace: &mut dyn Trace,
        emit: &mut Emit<'_>,
    ) -> Result<()> {
        self.check(&job.limits.eos)?;
        let shape = source.shape();
        let limits = job.limits.of(&shape);
        let job = &Job { limits: &limits, ..*job };
        job.prepare(source);
        let reads = shape.follows_prefix || job.chain.needs().history || trace.wants().any();
        let together = if shape.access == Access::ByStep { shape.sequences.len() } else { 1 };
        let sequences: Vec<usize> = shape.sequences.clone().collect();
        for (round, group) in sequences.chunks(together.max(1)).enumerate() {
            let mut searches =
                group.iter().map(|&s| Search::new(s, self, job, reads)).collect::<Result<Vec<_>>>()?;
            lockstep::run(&mut searches, source, (self, job), round == 0, trace)?;
            for search in searches {
                for found in search.results()? {
                    emit(Event::Done(found))?;
                }
            }
        }
        Ok(())
    }
}
