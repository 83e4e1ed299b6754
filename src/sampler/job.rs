use crate::processor::Chain;
use crate::source::{LogitsSource, Shape};
use crate::text::Stop;
use crate::{Error, Place, Result, TokenId};

/// When decoding stops.
///
/// ```
/// use tokpick::sampler::Limits;
/// let limits = Limits::new(20).with_eos([7, 2]);
/// assert_eq!((limits.max_new_tokens, limits.eos), (Some(20), vec![2, 7]));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// At most so many new tokens (the prefix does not count); `None`: until the input ends.
    pub max_new_tokens: Option<usize>,
    /// A sequence ends with any of these tokens; ascending.
    pub eos: Vec<TokenId>,
}

/// Until the input ends.
static NO_LIMITS: Limits = Limits { max_new_tokens: None, eos: Vec::new() };

impl Limits {
    /// At most `max_new_tokens`, and no end token.
    pub fn new(max_new_tokens: usize) -> Limits {
        Limits { max_new_tokens: Some(max_new_tokens), eos: Vec::new() }
    }

    /// The tokens that end a sequence, in any order.
    pub fn with_eos(mut self, eos: impl IntoIterator<Item = TokenId>) -> Limits {
        self.eos = eos.into_iter().collect();
        self.eos.sort_unstable();
        self.eos.dedup();
        self
    }

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

/// What every strategy is asked to do: a chain, and what is set beside it.
///
/// ```
/// use tokpick::processor::Chain;
/// use tokpick::sampler::{Job, Limits};
///
/// let (chain, limits) = (Chain::default(), Limits::new(8));
/// let job = Job::new(&chain).prompt(&[1, 5]).limits(&limits).seed(7);
/// assert!(job.prefix.is_empty() && !job.logprobs);
/// ```
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
    /// Stop strings and loops that end a sequence, too.
    pub stop: Option<&'a Stop>,
    /// Seed of the processors' coins, and of searches that draw.
    pub seed: u64,
    /// Whether the hypotheses carry log-probabilities.
    pub logprobs: bool,
    /// Whether rows may be decoded on several threads (of the current rayon pool). It never changes the result.
    pub parallel: bool,
    /// Whether the tokens of each step are handed out, too ([`Event::Step`](super::Event::Step)). Without them, many samples of a row
    /// are drawn in groups, and each hypothesis is handed out as soon as its group is done.
    pub steps: bool,
    /// Whether whoever runs it keeps every hypothesis: then memory for all samples is asked for before the first is drawn, not group
    /// by group.
    pub kept: bool,
    /// Whether many samples of a row that have one token each, and no log-probabilities, are handed out in groups
    /// ([`Event::Singles`](super::Event::Singles)), where `steps` aren't: sooner than a hypothesis for each.
    pub singles: bool,
}

impl<'a> Job<'a> {
    /// A job without prompt, prefix and limits, with seed 0, without log-probabilities, on one thread, with steps and without singles.
    pub fn new(chain: &'a Chain) -> Self {
        let limits = &NO_LIMITS;
        Job {
            prompt: &[],
            prefix: &[],
            chain,
            limits,
            stop: None,
            seed: 0,
            logprobs: false,
            parallel: false,
            steps: true,
            kept: false,
            singles: false,
        }
    }

    /// Sets [`prompt`](Self::prompt).
    pub fn prompt(self, prompt: &'a [TokenId]) -> Self {
        Job { prompt, ..self }
    }

    /// Sets [`prefix`](Self::prefix).
    pub fn prefix(self, prefix: &'a [TokenId]) -> Self {
        Job { prefix, ..self }
    }

    /// Sets [`limits`](Self::limits).
    pub fn limits(self, limits: &'a Limits) -> Self {
        Job { limits, ..self }
    }

    /// Sets [`stop`](Self::stop).
    pub fn stop(self, stop: &'a Stop) -> Self {
        Job { stop: Some(stop), ..self }
    }

    /// Sets [`seed`](Self::seed).
    pub fn seed(self, seed: u64) -> Self {
        Job { seed, ..self }
    }

    /// Sets [`logprobs`](Self::logprobs).
    pub fn logprobs(self, logprobs: bool) -> Self {
        Job { logprobs, ..self }
    }

    /// Sets [`parallel`](Self::parallel).
    pub fn parallel(self, parallel: bool) -> Self {
        Job { parallel, ..self }
    }

    /// Sets [`steps`](Self::steps).
    pub fn steps(self, steps: bool) -> Self {
        Job { steps, ..self }
    }

    /// Sets [`kept`](Self::kept).
    pub fn kept(self, kept: bool) -> Self {
        Job { kept, ..self }
    }

    /// Sets [`singles`](Self::singles).
    pub fn singles(self, singles: bool) -> Self {
        Job { singles, ..self }
    }

    /// The number of the first row that is asked for: a source that follows the prefix counts the tokens generated before it.
    pub fn first_step(&self, shape: &Shape) -> usize {
        if shape.follows_prefix { self.prefix.len() } else { shape.first_step }
    }

    /// How many tokens a sequence can get at most; `None` where only the end of a stream tells.
    pub(super) fn most_tokens(&self, shape: &Shape) -> Option<usize> {
        let of_input = shape.end_step.map(|end| end.saturating_sub(self.first_step(shape)));
        self.limits.max_new_tokens.into_iter().chain(of_input).min()
    }

    /// Tells the source what the chain can do with its rows, and how many threads there are.
    pub(super) fn prepare(&self, source: &mut dyn LogitsSource) {
        if self.parallel {
            source.read_ahead(rayon::current_num_threads());
        }
        if self.chain.needs().invalid {
            source.accept_invalid();
        }
    }

    /// Prompt and prefix: the history before the first row.
    pub(super) fn history(&self) -> Vec<TokenId> {
        [self.prompt, self.prefix].concat()
    }

    /// Refuses end tokens outside a vocabulary of `vocab` tokens, and such ids of the `history` where it matters.
    pub(super) fn check_ids(&self, source: &str, vocab: usize, history: bool) -> Result<()> {
        let ends = ("end token", self.limits.eos.as_slice());
        let named = [("prompt", self.prompt), ("prefix", self.prefix), ends];
        for (name, ids) in named.into_iter().skip(if history { 0 } else { 2 }) {
            if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab) {
                let what = format!("the {name} id {id} is outside the vocabulary of {vocab} tokens");
                return Err(Error::input(source, Place::default(), what));
            }
        }
        Ok(())
    }
}
