use super::threshold::Threshold;
use crate::processor::method::*;

/// Top-a: keeps the tokens of at least a times the square of the largest probability.
///
/// `kept = { x : p(x) ≥ a · (max p)² }`: strict where the model is sure, lenient where it isn't. BlinkDL, RWKV-LM.
///
/// - `value`: a in [0, 1]; disabling value 0. The author uses 0.2.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at a · (1 − 1e-6). KoboldAI and text-generation-webui compare f32 probabilities.
///
/// ```
/// use tokpick::processor::{Chain, top_a};
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let kept = Chain::new([top_a(0.8, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// a outside [0, 1].
pub fn top_a(a: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(a, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "top_a",
    summary: "keeps the tokens of at least a times the square of the largest probability",
    source: "BlinkDL (RWKV-LM)",
    off: Off::Number(0.0),
    flags: &[Flag::value("top-a", Number)],
    parse: |form| RULE.read(form),
    ..Info::TRUNCATION
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (|a| (0.0..=1.0).contains(&a), "from 0 to 1"),
    keep: |c, a, least| {
        // max p = 1 / mass, where a weight of 1 is the best token's
        let largest = -kernel::ln(c.mass());
        let cut = c.cut_below_best(-kernel::ln(slack::at_least(a)) - largest);
        c.keep_cut(cut, least);
    },
};
