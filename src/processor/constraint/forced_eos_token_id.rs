use std::sync::Arc;

use serde_json::Value;

use crate::processor::{
    Candidates, Config, Context, Fact, Flag, Info, Needs, Part, Places, Processor, Stage, Written, param,
};
use crate::{Result, TokenId};

/// Forced last token: one token before the maximum length, the end tokens are certain (score 0 each, everything else −∞).
///
/// transformers 5, `ForcedEOSTokenLogitsProcessor`.
///
/// - `max_length`: at least 1; prompt and generated ids together. Where they are `max_length` − 1, the end is forced.
/// - `eos_token_id`: an id or a list (equally probable). They are forced even where the row or a processor before masks them.
///
/// ```
/// use tokpick::processor::{Chain, Context, forced_eos_token_id};
///
/// let cx = Context { context: &[0, 0], prompt_len: 1, ..Context::default() };
/// let kept = Chain::new([forced_eos_token_id(3, vec![1])?]).after(&cx, &[5.0, 1.0])?;
/// assert_eq!(kept.members().collect::<Vec<_>>(), [(1, 0.0)]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A maximum length of 0, or no end token.
pub fn forced_eos_token_id(max_length: usize, eos_token_id: Vec<TokenId>) -> Result<Stage> {
    ForcedEosTokenId { max_length, eos_token_id: param::sorted(eos_token_id) }.stage()
}

pub(in crate::processor) static INFO: Info = Info {
    name: "forced_eos_token_id",
    summary: "makes the end tokens certain at the last place before the maximum length",
    source: "transformers 5",
    off: "not set",
    flags: &[Flag::of("forced-eos-token-id", "eos_token_id", Written::Ids, "")],
    needs: Needs::HISTORY,
    facts: &[Fact::MaxLength],
    places: Places {
        hf: (Part::Logits, 10),
        llama_cpp: (Part::GuestLogits, 70),
        vllm: (Part::GuestLogits, 70),
    },
    config: Config::Parameter("eos_token_id"),
    parse: |form| param::read::<ForcedEosTokenId>(&INFO, form)?.stage(),
    ..Info::CONSTRAINT
};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ForcedEosTokenId {
    max_length: usize,
    #[serde(deserialize_with = "param::ids")]
    eos_token_id: Vec<TokenId>,
}

impl ForcedEosTokenId {
    fn stage(self) -> Result<Stage> {
        let name = INFO.name;
        param::check(&format!("{name} max_length"), self.max_length, self.max_length > 0, "1 or more")?;
        let some = !self.eos_token_id.is_empty();
        param::check(&format!("{name} eos_token_id"), "[]", some, "at least one id")?;
        Ok(Arc::new(self))
    }
}

impl Processor for ForcedEosTokenId {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::object(self)
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &self.eos_token_id, c.vocab())?;
        if cx.context.len() + 1 == self.max_length {
            let certain: Vec<_> = self.eos_token_id.iter().map(|&id| (id, 0.0)).collect();
            c.force(&certain);
        }
        Ok(())
    }
}
