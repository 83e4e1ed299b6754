use std::sync::Arc;

use serde_json::Value;

use crate::processor::{
    Candidates, Config, Context, Fact, Flag, Info, Needs, Part, Places, Processor, Stage, Written, param,
};
use crate::{Result, TokenId};

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
/// let kept = Chain::new([begin_suppress_tokens(vec![0], None)]).after(&cx, &[5.0, 1.0])?;
/// assert_eq!(kept.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn begin_suppress_tokens(ids: Vec<TokenId>, begin_index: Option<usize>) -> Stage {
    Arc::new(BeginSuppressTokens { ids: param::sorted(ids), begin_index })
}

pub(in crate::processor) static INFO: Info = Info {
    name: "begin_suppress_tokens",
    summary: "forbids the given tokens at the first generated place",
    source: "transformers 5",
    off: "[]",
    flags: &[Flag::of("begin-suppress-tokens", "ids", Written::Ids, "")],
    needs: Needs::HISTORY,
    facts: &[Fact::BeginIndex],
    places: Places {
        hf: (Part::Logits, 15),
        llama_cpp: (Part::GuestLogits, 70),
        vllm: (Part::GuestLogits, 70),
    },
    config: Config::Ids,
    parse: |form| Ok(Arc::new(param::read::<BeginSuppressTokens>(&INFO, form)?)),
    ..Info::CONSTRAINT
};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginSuppressTokens {
    #[serde(deserialize_with = "param::ids")]
    ids: Vec<TokenId>,
    begin_index: Option<usize>,
}

impl Processor for BeginSuppressTokens {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        if self.begin_index.is_none() { self.ids.clone().into() } else { param::object(self) }
    }

    fn is_off(&self) -> bool {
        self.ids.is_empty()
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &self.ids, c.vocab())?;
        if cx.context.len() == self.begin_index.unwrap_or(cx.prompt_len) {
            c.mask_each(&self.ids);
        }
        Ok(())
    }
}
