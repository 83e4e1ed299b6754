//! Logits processors: one step's candidates in, changed candidates out.
//!
//! A processor is pure: what it does depends on the [`Candidates`] and the [`Context`] alone. It never draws; the one coin that a
//! method needs (XTC) is handed in by address. Each processor is one file here; [`INFOS`] lists them all.

mod allowed_tokens;
mod bad_words_ids;
mod begin_suppress_tokens;
mod chain;
mod companion;
mod contrastive;
mod dry;
mod dynamic_temperature;
mod encoder_no_repeat_ngram_size;
mod encoder_repetition_penalty;
mod epsilon_cutoff;
mod eta_cutoff;
mod exponential_decay_length_penalty;
mod forced_bos_token_id;
mod forced_eos_token_id;
mod frequency_penalty;
mod guidance_scale;
mod logit_bias;
mod min_length;
mod min_new_tokens;
mod min_p;
mod no_repeat_ngram_size;
mod p_less;
pub(crate) mod param;
mod prefix_constraint;
mod presence_penalty;
mod remove_invalid_values;
mod renormalize_logits;
mod repetition_penalty;
mod scratch;
mod sequence_bias;
pub(crate) mod slack;
mod smoothing;
mod softcap;
mod suppress_tokens;
mod tail_free;
mod tally;
mod temperature;
mod top_a;
mod top_h;
mod top_k;
mod top_n_sigma;
mod top_p;
mod typical_p;
mod window;
mod xtc;

pub use crate::candidates::{Candidates, Cut, Normalizer};
pub use allowed_tokens::AllowedTokens;
pub use bad_words_ids::BadWordsIds;
pub use begin_suppress_tokens::BeginSuppressTokens;
pub use chain::Chain;
pub use contrastive::Contrastive;
pub use dry::Dry;
pub use dynamic_temperature::DynamicTemperature;
pub use encoder_no_repeat_ngram_size::EncoderNoRepeatNgramSize;
pub use encoder_repetition_penalty::EncoderRepetitionPenalty;
pub use epsilon_cutoff::EpsilonCutoff;
pub use eta_cutoff::EtaCutoff;
pub use exponential_decay_length_penalty::ExponentialDecayLengthPenalty;
pub use forced_bos_token_id::ForcedBosTokenId;
pub use forced_eos_token_id::ForcedEosTokenId;
pub use frequency_penalty::FrequencyPenalty;
pub use guidance_scale::{Form, GuidanceScale};
pub use logit_bias::LogitBias;
pub use min_length::MinLength;
pub use min_new_tokens::MinNewTokens;
pub use min_p::MinP;
pub use no_repeat_ngram_size::NoRepeatNgramSize;
pub use p_less::PLess;
pub use prefix_constraint::{Missing, PrefixConstraint};
pub use presence_penalty::PresencePenalty;
pub use remove_invalid_values::RemoveInvalidValues;
pub use renormalize_logits::RenormalizeLogits;
pub use repetition_penalty::RepetitionPenalty;
pub use sequence_bias::SequenceBias;
pub use smoothing::Smoothing;
pub use softcap::Softcap;
pub use suppress_tokens::SuppressTokens;
pub use tail_free::TailFree;
pub use temperature::Temperature;
pub use top_a::TopA;
pub use top_h::TopH;
pub use top_k::TopK;
pub use top_n_sigma::TopNSigma;
pub use top_p::TopP;
pub use typical_p::TypicalP;
pub use window::{Scope, Window};
pub use xtc::Xtc;

use crate::{Result, TokenId};

/// What a processor may look at besides the candidates.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Prompt and generated ids, oldest first.
    pub context: &'a [TokenId],
    /// How many of `context` are the prompt.
    pub prompt_len: usize,
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// The coins of this step, by the processor's position in the chain.
    pub coins: &'a dyn Coins,
}

impl<'a> Context<'a> {
    /// The ids generated so far.
    pub fn generated(&self) -> &'a [TokenId] {
        &self.context[self.prompt_len.min(self.context.len())..]
    }
}

/// Uniform numbers in [0, 1) for processors that toss a coin, addressed by the processor's position in the chain, so that one
/// processor's coin never shifts another's.
pub trait Coins: Sync {
    /// The coin of the processor at `position`, in [0, 1).
    fn coin(&self, position: usize) -> f64;
}

/// Always the same number: for tests, and where no processor of the chain tosses a coin.
impl Coins for f64 {
    fn coin(&self, _position: usize) -> f64 {
        *self
    }
}

/// What a processor needs to know, so that a run can skip what nobody asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The ids of prompt or generated tokens, or their number: rows can't be decoded out of order.
    pub history: bool,
    /// A coin: the result differs from sample to sample.
    pub coin: bool,
    /// It stands NaN and infinities in the row, and repairs them ([`Candidates::load_to_repair`]).
    pub invalid: bool,
}

impl Needs {
    /// The needs of both.
    pub fn and(self, other: Needs) -> Needs {
        Needs {
            history: self.history || other.history,
            coin: self.coin || other.coin,
            invalid: self.invalid || other.invalid,
        }
    }
}

/// What a processor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes the shape of the distribution and removes nothing.
    Shape,
    /// Removes improbable (or all too probable) tokens.
    Truncation,
    /// Looks at the tokens so far.
    History,
    /// Allows, forbids or forces given tokens.
    Constraint,
    /// Needs the logits of a second model.
    TwoModel,
}

/// What is known of a processor without building one.
pub struct Info {
    /// Its name in chains and JSON: Hugging Face's, or that of the engine that introduced it.
    pub name: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// Its flag on the command line.
    pub flag: &'static str,
    /// The value at which it does nothing.
    pub off: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The paper or engine that it comes from.
    pub source: &'static str,
    /// Reads its parameters from their JSON form: the value, or an object of its parameters.
    pub parse: fn(&serde_json::Value) -> Result<Box<dyn Processor>>,
}

/// A logits processor; see the [module](self).
pub trait Processor: Send + Sync {
    /// What is known of this kind of processor.
    fn info(&self) -> &'static Info;

    /// Its parameters as JSON: what [`Info::parse`] reads.
    fn json(&self) -> serde_json::Value;

    /// True at its disabling value: the chain passes over it.
    fn is_off(&self) -> bool {
        false
    }

    /// What it looks at.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Changes the candidates.
    ///
    /// # Errors
    /// Parameters that do not fit the row (an id outside the vocabulary).
    fn apply(&self, candidates: &mut Candidates, context: &Context<'_>, position: usize) -> Result<()>;
}

/// Every processor, by name.
pub static INFOS: &[&Info] = &[
    // two models
    &contrastive::INFO,
    &guidance_scale::INFO,
    // shape
    &dynamic_temperature::INFO,
    &renormalize_logits::INFO,
    &smoothing::INFO,
    &softcap::INFO,
    &temperature::INFO,
    // truncation
    &epsilon_cutoff::INFO,
    &eta_cutoff::INFO,
    &min_p::INFO,
    &p_less::INFO,
    &tail_free::INFO,
    &top_a::INFO,
    &top_h::INFO,
    &top_k::INFO,
    &top_n_sigma::INFO,
    &top_p::INFO,
    &typical_p::INFO,
    &xtc::INFO,
    // history
    &dry::INFO,
    &encoder_no_repeat_ngram_size::INFO,
    &encoder_repetition_penalty::INFO,
    &exponential_decay_length_penalty::INFO,
    &frequency_penalty::INFO,
    &no_repeat_ngram_size::INFO,
    &presence_penalty::INFO,
    &repetition_penalty::INFO,
    // constraints
    &allowed_tokens::INFO,
    &bad_words_ids::INFO,
    &begin_suppress_tokens::INFO,
    &forced_bos_token_id::INFO,
    &forced_eos_token_id::INFO,
    &logit_bias::INFO,
    &min_length::INFO,
    &min_new_tokens::INFO,
    &prefix_constraint::INFO,
    &remove_invalid_values::INFO,
    &sequence_bias::INFO,
    &suppress_tokens::INFO,
];
