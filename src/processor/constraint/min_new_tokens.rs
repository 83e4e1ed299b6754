use super::minimum::Minimum;
use crate::processor::method::*;

/// Minimum of new tokens: masks the end tokens while fewer than m tokens have been generated.
///
/// An end token can be token number m + 1 at the earliest. transformers 5, `MinNewTokensLengthLogitsProcessor`.
///
/// - `value`: m; disabling value 0. `eos_token_id`: an id or a list.
///
/// ```
/// use tokpick::processor::{Chain, Context, min_new_tokens};
///
/// let cx = Context { context: &[1, 1], prompt_len: 1, ..Context::default() };
/// let kept = Chain::new([min_new_tokens(2, vec![0])]).after(&cx, &[5.0, 1.0])?;
/// assert_eq!(kept.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn min_new_tokens(m: usize, eos_token_id: Vec<TokenId>) -> Stage {
    METHOD.stage(m, eos_token_id)
}

pub(super) static INFO: Info = Info {
    name: "min_new_tokens",
    summary: "forbids the end tokens until so many tokens have been generated",
    source: "transformers 5",
    off: Off::Number(0.0),
    flags: &[Flag::value("min-new-tokens", Count)],
    needs: Needs::HISTORY,
    facts: &[Fact::Eos],
    places: Places { hf: (Logits, 7), vllm: (Logits, 2), ..Places::GUEST_LOGITS },
    config: Config::Value,
    parse: |form| METHOD.read(form),
    ..Info::CONSTRAINT
};

static METHOD: Minimum = Minimum { info: &INFO, length: |cx| cx.generated().len() };
