use super::threshold::Threshold;
use crate::processor::method::*;

/// Top-p (nucleus): keeps the smallest set of best tokens whose mass reaches p.
///
/// `kept = { x : mass of the tokens strictly better than x < p }`, over the renormalised candidates. Holtzman et al. 2020, *The
/// Curious Case of Neural Text Degeneration*.
///
/// - `value`: p in [0, 1]; disabling value 1; p = 0 keeps the best token and its ties.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Tokens tied with the last kept one are kept. The mass counts as reached at `p − 1e-6·p·(1 − p)`, what a change of 1e-6 in the
/// logits can do, so that probabilities .5 .3 .1 .1 and p = 0.8 keep two. transformers sums from the small end in f32 and splits
/// ties; llama.cpp sums from the large end and splits ties; candle does not renormalise after top-k.
///
/// ```
/// use tokpick::processor::{Chain, top_p};
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let kept = Chain::new([top_p(0.8, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// p outside [0, 1].
pub fn top_p(p: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(p, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "top_p",
    summary: "keeps the smallest set of best tokens whose probability reaches p",
    source: "Holtzman et al. 2020",
    off: Off::Number(1.0),
    flags: &[Flag { short: Some('p'), ..Flag::value("top-p", Number).also(&["topp", "top_p"]) }],
    places: Places { hf: (Sampling, 3), llama_cpp: (Sampling, 3), vllm: (Sampling, 3) },
    config: Config::ValueUnless(|p| p >= 1.0),
    parse: |form| RULE.read(form),
    ..Info::WARPER
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (|p| (0.0..=1.0).contains(&p), "from 0 to 1"),
    keep: |c, p, least| {
        if let Some(cut) = c.nucleus(slack::mass(p)) {
            c.keep_cut(cut, least);
        }
    },
};
