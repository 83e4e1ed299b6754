use super::id_list::IdList;
use crate::processor::method::*;

/// Suppressed tokens: never chosen; their scores become −∞.
///
/// transformers 5, `SuppressTokensLogitsProcessor` (Whisper's non-speech tokens).
///
/// - one value, a list of `ids`; disabling value the empty list.
///
/// ```
/// use tokpick::processor::{Chain, suppress_tokens};
///
/// let kept = Chain::new([suppress_tokens(vec![0])]).on(&[5.0, 1.0])?;
/// assert_eq!(kept.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn suppress_tokens(ids: Vec<TokenId>) -> Stage {
    METHOD.stage(ids)
}

pub(super) static INFO: Info = Info {
    name: "suppress_tokens",
    summary: "forbids the given tokens",
    source: "transformers 5",
    off: Off::Empty,
    flags: &[Flag::of("suppress-tokens", "ids", Ids, "")],
    places: Places { hf: (Logits, 14), llama_cpp: (GuestLogits, 70), vllm: (GuestLogits, 70) },
    config: Config::Ids,
    parse: |form| Ok(METHOD.stage(METHOD.read(form)?)),
    ..Info::CONSTRAINT
};

static METHOD: IdList = IdList { info: &INFO, apply: Candidates::mask_each };
