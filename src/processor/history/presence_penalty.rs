use super::penalty::{LAST_N, Penalty, SCOPE};
use super::{Scope, Window};
use crate::processor::method::*;

/// Presence penalty: every token that was generated already gets less probable, however often it came.
///
/// `score ← score − p` for each distinct id of the window, once. OpenAI API; vLLM.
///
/// - `value`: p, finite (the OpenAI API allows −2 to 2); disabling value 0; below 0 rewards.
/// - `last_n`: how many of the newest ids count; −1 (default) all, 0 none.
/// - `scope`: `"generated"` (default, as in the OpenAI API and vLLM) or `"all"`: the prompt counts too.
///
/// llama.cpp and mlx count the prompt too, in a window of the newest 64 or 20 ids.
///
/// ```
/// use tokpick::processor::{Chain, Context, Scope, Window, presence_penalty};
///
/// let chain = Chain::new([presence_penalty(0.5, Window::new(-1, Scope::Generated)?)?]);
/// let cx = Context { context: &[2, 1, 0, 1], prompt_len: 1, ..Context::default() };
/// let kept = chain.after(&cx, &[2.0, 2.0, 1.0])?;
/// assert_eq!(kept.members().map(|m| m.1).collect::<Vec<_>>(), [1.5, 1.5, 1.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// NaN or infinity.
pub fn presence_penalty(penalty: f64, window: Window) -> Result<Stage> {
    METHOD.stage(penalty, window)
}

pub(super) static INFO: Info = Info {
    name: "presence_penalty",
    summary: "subtracts the penalty once from every token that was generated",
    source: "OpenAI API",
    off: Off::Number(0.0),
    flags: &[Flag::value("presence-penalty", Number).also(&["presence_penalty"])],
    shared: &[&LAST_N, &SCOPE],
    places: Places { llama_cpp: (Logits, 3), vllm: (Logits, 6), ..Places::GUEST_LOGITS },
    parse: |form| METHOD.read(form),
    ..Info::HISTORY
};

static METHOD: Penalty = Penalty {
    info: &INFO,
    range: (f64::is_finite, "a finite number, below 0 a reward"),
    scope: Scope::Generated,
    apply: |c, tally, window, penalty| {
        tally.distinct(window, c.vocab());
        c.edit_each(&tally.ids, |_, score| score - penalty);
    },
};
