use super::minimum::Minimum;
use crate::processor::method::*;

/// Minimum length: masks the end tokens while prompt and generated ids together are fewer than m.
///
/// transformers 5.24, `MinLengthLogitsProcessor`. [`min_new_tokens`](super::min_new_tokens()) doesn't count the prompt, and takes its
/// place where settings name both.
///
/// - `value`: m; disabling value 0. `eos_token_id`: an id or a list.
///
/// ```
/// use tokpick::processor::{Chain, Context, min_length};
///
/// let cx = Context { context: &[1, 1], prompt_len: 1, ..Context::default() };
/// let kept = Chain::new([min_length(3, vec![0])]).after(&cx, &[5.0, 1.0])?;
/// assert_eq!(kept.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn min_length(m: usize, eos_token_id: Vec<TokenId>) -> Stage {
    METHOD.stage(m, eos_token_id)
}

pub(super) static INFO: Info = Info {
    name: "min_length",
    summary: "forbids the end tokens until prompt and generated ids are so many",
    source: "transformers 5",
    off: Off::Number(0.0),
    flags: &[Flag::value("min-length", Count)],
    needs: Needs::HISTORY,
    facts: &[Fact::Eos],
    gives_way_to: Some("min_new_tokens"),
    places: Places { hf: (Logits, 6), ..Places::GUEST_LOGITS },
    config: Config::Value,
    parse: |form| METHOD.read(form),
    ..Info::CONSTRAINT
};

static METHOD: Minimum = Minimum { info: &INFO, length: |cx| cx.context.len() };
