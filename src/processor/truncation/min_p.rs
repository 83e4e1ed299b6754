use super::threshold::Threshold;
use crate::processor::method::*;

/// Min-p: keeps the tokens that are at least m times as probable as the best one.
///
/// `kept = { x : p(x) ≥ m · max p }`, compared in logits: `score ≥ max score + ln m`. Nguyen et al. 2024, *Turning Up the Heat:
/// Min-p Sampling for Creative and Coherent LLM Outputs*.
///
/// - `value`: m in [0, 1]; disabling value 0; m = 1 keeps the best token and its ties.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at m · (1 − 1e-6). transformers compares f32 probabilities; llama.cpp compares f32 logits, and takes m above 1
/// as 1.
///
/// ```
/// use tokpick::processor::{Chain, min_p};
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let kept = Chain::new([min_p(0.6, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// m outside [0, 1].
pub fn min_p(m: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(m, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "min_p",
    summary: "keeps the tokens at least m times as probable as the best one",
    source: "Nguyen et al. 2024",
    off: Off::Number(0.0),
    flags: &[Flag::value("min-p", Number).also(&["minp", "min_p"])],
    places: Places { hf: (Sampling, 4), llama_cpp: (Sampling, 4), vllm: (Sampling, 1) },
    config: Config::Value,
    parse: |form| RULE.read(form),
    ..Info::WARPER
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (|m| (0.0..=1.0).contains(&m), "from 0 to 1"),
    keep: |c, m, least| c.keep_cut(c.cut_below_best(-kernel::ln(slack::at_least(m))), least),
};
