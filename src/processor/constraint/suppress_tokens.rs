use super::id_list::IdList;
use crate::TokenId;
use crate::processor::{Candidates, Config, Flag, Info, Part, Places, Stage, Written};

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

pub(in crate::processor) static INFO: Info = Info {
    name: "suppress_tokens",
    summary: "forbids the given tokens",
    source: "transformers 5",
    off: "[]",
    flags: &[Flag::of("suppress-tokens", "ids", Written::Ids, "")],
    places: Places {
        hf: (Part::Logits, 14),
        llama_cpp: (Part::GuestLogits, 70),
        vllm: (Part::GuestLogits, 70),
    },
    config: Config::Ids,
    parse: |form| Ok(METHOD.stage(METHOD.read(form)?)),
    ..Info::CONSTRAINT
};

static METHOD: IdList = IdList { info: &INFO, apply: Candidates::mask_each };
