use super::threshold::Threshold;
use crate::processor::method::*;

/// Top-nσ: keeps the tokens whose logit is at most n standard deviations below the largest.
///
/// `kept = { x : score(x) ≥ max − n·σ }`, σ the population standard deviation over the scores of the candidates. Tang et al. 2024,
/// *Top-nσ: Not All Logits Are You Need*. Temperature before it changes nothing.
///
/// - `value`: n; disabling value 0, and, as in llama.cpp, everything below it. The authors use 1.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Masked and removed tokens are left out of mean and σ. Equality stays, with a slack of 1e-6 nats. llama.cpp (0c1e570) does the
/// same in f32; other implementations use the sample standard deviation, which divides by count − 1.
///
/// ```
/// use tokpick::processor::{Chain, top_n_sigma};
///
/// let p: [f32; 4] = [0.1, 0.2, 0.3, 0.4];
/// let kept = Chain::new([top_n_sigma(1.0, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.members().map(|m| m.0).collect::<Vec<_>>(), [2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// NaN or infinity.
pub fn top_n_sigma(n: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(n, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "top_n_sigma",
    summary: "keeps the logits at most n standard deviations below the largest",
    source: "Tang et al. 2024",
    off: Off::AtMost(0.0),
    flags: &[Flag::value("top-n-sigma", Number).also(&["top-nsigma"])],
    places: Places { llama_cpp: (Sampling, 0), ..Places::GUEST_SAMPLING },
    parse: |form| RULE.read(form),
    ..Info::TRUNCATION
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (f64::is_finite, "a finite number"),
    keep: |c, n, least| {
        let (best, count) = (c.max_score(), c.count() as f64);
        let below = |(_, score): (_, f64)| best - score;
        let mean = c.members().map(below).sum::<f64>() / count;
        let variance = c.members().map(below).map(|b| (b - mean) * (b - mean)).sum::<f64>() / count;
        c.keep_cut(c.cut_below_best(n * variance.sqrt() + slack::LOGIT), least);
    },
};
