use super::threshold::Threshold;
use crate::processor::method::*;

/// Typical-p (locally typical sampling): keeps the tokens whose surprise is nearest to the entropy, until their mass reaches p.
///
/// `d(x) = |−ln p(x) − H|`; the kept set is the smallest `{ x : d(x) ≤ D }` of mass at least p. Meister et al. 2023, *Locally
/// Typical Sampling*. The best token may go.
///
/// - `value`: p in [0, 1]; disabling value 1; p = 0 keeps the most typical token and its ties.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1), the most typical ones.
///
/// Tokens as typical as the last kept one are kept: d within 1e-6, on both sides of H. The mass counts as reached at
/// `p − 1e-6·p·(1 − p)`. transformers sums in f32 and keeps equal d; llama.cpp wants a mass strictly above p and splits ties.
///
/// ```
/// use tokpick::processor::{Chain, typical_p};
///
/// let p: [f32; 4] = [0.4, 0.2, 0.2, 0.2];
/// let kept = Chain::new([typical_p(0.5, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.members().map(|m| m.0).collect::<Vec<_>>(), [1, 2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// p outside [0, 1].
pub fn typical_p(p: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(p, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "typical_p",
    summary: "keeps the tokens whose surprise is nearest to the entropy, until their probability reaches p",
    source: "Meister et al. 2023",
    off: Off::Number(1.0),
    flags: &[Flag::value("typical-p", Number).also(&["typical", "typ-p", "typical_p"])],
    keeps_the_best: false,
    places: Places { hf: (Sampling, 5), llama_cpp: (Sampling, 2), ..Places::GUEST_SAMPLING },
    config: Config::ValueUnless(|p| p >= 1.0),
    parse: |form| RULE.read(form),
    ..Info::WARPER
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (|p| (0.0..=1.0).contains(&p), "from 0 to 1"),
    keep: |c, p, least| {
        if let Some((low, high)) = c.typical(slack::mass(p), slack::LOGIT, least) {
            c.keep_band(low, high);
        }
    },
};
