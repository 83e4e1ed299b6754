use super::threshold::Threshold;
use crate::processor::method::*;

/// P-less: keeps the tokens at least as probable as two draws are to agree.
///
/// `kept = { x : p(x) ≥ Σ p² }`: the threshold comes from the whole distribution (its collision probability), never exceeds the
/// largest probability, and needs no parameter. Tan, Wu & Howard 2025, *p-less Sampling: A Robust Hyperparameter-Free Approach for
/// LLM Decoding*.
///
/// - `value`: `true`, or `false` (also 1 and 0); disabling value `false`.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at Σ p² · (1 − 1e-6): equal probabilities all stay.
///
/// ```
/// use tokpick::processor::{Chain, p_less};
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let kept = Chain::new([p_less(true, 1)?]).on(&p.map(f32::ln))?; // Σ p² = 0.36
/// assert_eq!(kept.count(), 1);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn p_less(on: bool, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(param::Switch(on), min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "p_less",
    summary: "keeps the tokens at least as probable as two draws are to agree",
    source: "Tan, Wu & Howard 2025",
    off: Off::False,
    flags: &[Flag::value("p-less", Switch)],
    parse: |form| RULE.read(form),
    ..Info::TRUNCATION
};

static RULE: Threshold<param::Switch> = Threshold {
    info: &INFO,
    range: (|_| true, "true or false"),
    keep: |c, _, least| {
        let threshold = slack::at_least(c.collision());
        let cut = c.cut_at_probability(threshold);
        c.keep_cut(cut, least);
    },
};
