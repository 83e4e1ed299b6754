//! A decoded sequence.

use crate::TokenId;

/// Why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// Its last token is an end token.
    Eos,
    /// Its text has reached a stop string.
    Stop,
    /// It goes round in circles: it ends with the same ids several times in a row.
    Repetition,
    /// The limit of new tokens, or the end of the input.
    Length,
}

/// A decoded sequence: ids, their log-probabilities, score, why it ended.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Hypothesis {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Number of the sample, or rank among the returned beams; 0 is the first.
    pub sample: usize,
    /// The generated ids, the end token included.
    pub ids: Vec<TokenId>,
    /// Log-probability of each id in the raw row, in nats; `None` where the raw row masks it. Empty if they were not asked for.
    pub logprobs: Vec<Option<f64>>,
    /// Log-probability of each id in the distribution drawn from (in beam search the scores that were summed, which processors
    /// leave unnormalised). Empty if they were not asked for.
    pub processed_logprobs: Vec<Option<f64>>,
    /// Σ `logprobs`; `None` if one of them is, or if they were not asked for.
    pub logprob: Option<f64>,
    /// Beam search: Σ processed log-probabilities (stochastic: `perturbed`) / length ^ length penalty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Stochastic beam search: the perturbed log-probability that it was found by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perturbed: Option<f64>,
    /// Exact search that its node budget ended: no sequence that was not returned has a larger score than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// Why it ended.
    pub finish_reason: Finish,
}
