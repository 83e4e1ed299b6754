use super::penalty::{LAST_N, Penalty, SCOPE};
use super::{Scope, Window};
use crate::processor::method::*;

/// Repetition penalty: makes every token that already occurred less probable.
///
/// For each distinct id of the context, once: `score ← score · r` where the score is negative, `score / r` otherwise. Keskar et
/// al. 2019, *CTRL*.
///
/// - `value`: r > 0; disabling value 1; below 1 rewards.
/// - `last_n`: how many of the newest ids count; −1 (default) all, 0 none.
/// - `scope`: `"all"` (default: prompt and generated ids, as transformers and vLLM count) or `"generated"`.
///
/// It isn't shift-invariant, so it belongs before everything else, on raw logits. In beam search it meets log-probabilities, as in
/// transformers. llama.cpp multiplies a score of exactly 0, transformers divides it: both leave 0.
///
/// ```
/// use tokpick::processor::{Chain, Context, Scope, Window, repetition_penalty};
///
/// let chain = Chain::new([repetition_penalty(2.0, Window::new(-1, Scope::All)?)?]);
/// let cx = Context { context: &[0, 1, 0], prompt_len: 1, ..Context::default() };
/// let kept = chain.after(&cx, &[2.0, -2.0, 1.0])?;
/// assert_eq!(kept.members().map(|m| m.1).collect::<Vec<_>>(), [1.0, -4.0, 1.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// r that is not a positive finite number.
pub fn repetition_penalty(r: f64, window: Window) -> Result<Stage> {
    METHOD.stage(r, window)
}

pub(super) static INFO: Info = Info {
    name: "repetition_penalty",
    summary: "divides positive and multiplies negative logits of tokens that already occurred",
    source: "Keskar et al. 2019 (CTRL)",
    off: Off::Number(1.0),
    flags: &[Flag::value("repetition-penalty", Number).also(&[
        "repeat-penalty",
        "rep-penalty",
        "repetition_penalty",
    ])],
    shared: &[&LAST_N, &SCOPE],
    places: Places { hf: (Logits, 2), llama_cpp: (Logits, 1), vllm: (Logits, 4) },
    config: Config::Value,
    parse: |form| METHOD.read(form),
    ..Info::HISTORY
};

static METHOD: Penalty = Penalty {
    info: &INFO,
    range: (|r| r > 0.0 && r.is_finite(), "a finite number above 0"),
    scope: Scope::All,
    apply: |c, tally, window, r| {
        tally.distinct(window, c.vocab());
        let inverse = param::finite(1.0 / r);
        c.edit_each(&tally.ids, |_, score| penalised(score, r, inverse));
    },
};

/// The penalty r on a score: a choice of the factor, which costs no branch. Both are finite, as a score of 0 stays 0.
pub(super) fn penalised(score: f64, r: f64, inverse: f64) -> f64 {
    param::finite(score * if score < 0.0 { r } else { inverse })
}
