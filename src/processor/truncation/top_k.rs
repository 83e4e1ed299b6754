use super::threshold::Threshold;
use crate::processor::method::*;

/// Top-k: keeps the k best tokens, and all that tie with the k-th.
///
/// Fan, Lewis & Dauphin 2018, *Hierarchical Neural Story Generation*.
///
/// - `value`: k; disabling value 0; larger than the vocabulary keeps all.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Ties with the k-th best all stay, as in transformers and vLLM; llama.cpp and candle keep exactly k.
///
/// ```
/// use tokpick::processor::{Chain, top_k};
///
/// let kept = Chain::new([top_k(2, 1)?]).on(&[1.0, 3.0, 2.0, 2.0])?;
/// assert_eq!(kept.members().map(|m| m.0).collect::<Vec<_>>(), [1, 2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn top_k(k: usize, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(k, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "top_k",
    summary: "keeps the k most probable tokens",
    source: "Fan, Lewis & Dauphin 2018",
    off: Off::Number(0.0),
    flags: &[Flag { short: Some('k'), ..Flag::value("top-k", Count).also(&["topk", "top_k"]) }],
    places: Places { hf: (Sampling, 2), llama_cpp: (Sampling, 1), vllm: (Sampling, 2) },
    config: Config::Value,
    parse: |form| RULE.read(form),
    ..Info::WARPER
};

static RULE: Threshold<usize> = Threshold {
    info: &INFO,
    range: (|_| true, "a whole number, 0 or more"),
    keep: |c, k, least| c.keep_best(k.max(least)),
};
