use crate::processor::method::*;

/// Tokens suppressed at the beginning: they are not the first that is generated; their scores become −∞ there.
///
/// transformers 5, `SuppressTokensAtBeginLogitsProcessor` (Whisper).
///
/// - `ids`: a list; disabling value the empty list.
/// - `begin_index`: the length of prompt and generated ids at which they are suppressed; default: that of the prompt, so that the
///   first generated token is meant. (transformers sets it so itself, one later where `forced_bos_token_id` takes the first place.)
///
/// ```
/// use tokpick::processor::{Chain, Context, begin_suppress_tokens};
///
/// let cx = Context { context: &[1, 1], prompt_len: 2, ..Context::default() };
/// let kept = Chain::new([begin_suppress_tokens(vec![0], None)?]).after(&cx, &[5.0, 1.0])?;
/// assert_eq!(kept.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn begin_suppress_tokens(ids: Vec<TokenId>, begin_index: Option<usize>) -> Result<Stage> {
    stage(BeginSuppressTokens { ids: param::sorted(ids), begin_index })
}

pub(super) static INFO: Info = Info {
    name: "begin_suppress_tokens",
    summary: "forbids the given tokens at the first generated place",
    source: "transformers 5",
    off: Off::Empty,
    flags: &[Flag::of("begin-suppress-tokens", "ids", Ids, "")],
    needs: Needs::HISTORY,
    facts: &[Fact::BeginIndex],
    places: Places { hf: (Logits, 15), llama_cpp: (GuestLogits, 70), vllm: (GuestLogits, 70) },
    config: Config::Ids,
    parse: read::<BeginSuppressTokens>,
    ..Info::CONSTRAINT
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginSuppressTokens {
    #[serde(deserialize_with = "param::ids")]
    ids: Vec<TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    begin_index: Option<usize>,
}

impl Method for BeginSuppressTokens {
    const INFO: &'static Info = &INFO;

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &self.ids, c.vocab())?;
        if cx.context.len() == self.begin_index.unwrap_or(cx.prompt_len) {
            c.mask_each(&self.ids);
        }
        Ok(())
    }
}
