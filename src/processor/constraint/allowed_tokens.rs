use super::id_list::IdList;
use crate::processor::method::*;

/// Allowed tokens: nothing else is ever chosen; all other scores become −∞.
///
/// vLLM's `allowed_token_ids`.
///
/// - one value, a list of `ids` with at least one id.
///
/// A token that the row masks stays masked; if no allowed token is left, that is an error.
///
/// ```
/// use tokpick::processor::{Chain, allowed_tokens};
///
/// let kept = Chain::new([allowed_tokens(vec![1, 2])?]).on(&[5.0, 1.0, 2.0])?;
/// assert_eq!(kept.argmax(), Some(2));
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// An empty list: nothing could be chosen.
pub fn allowed_tokens(ids: Vec<TokenId>) -> Result<Stage> {
    let range = "a list of at least one id: an empty one forbids everything";
    param::check(INFO.name, "[]", !ids.is_empty(), range)?;
    Ok(METHOD.stage(ids))
}

pub(super) static INFO: Info = Info {
    name: "allowed_tokens",
    summary: "allows nothing but the given tokens",
    source: "vLLM",
    flags: &[Flag::of("allowed-tokens", "ids", Ids, "")],
    places: Places { llama_cpp: (GuestLogits, 70), vllm: (Logits, 0), ..Places::GUEST_LOGITS },
    parse: |form| allowed_tokens(METHOD.read(form)?),
    ..Info::CONSTRAINT
};

static METHOD: IdList = IdList { info: &INFO, apply: Candidates::keep_ids };
