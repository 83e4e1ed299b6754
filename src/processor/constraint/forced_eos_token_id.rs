use crate::processor::method::*;

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
    stage(ForcedEosTokenId { max_length, eos_token_id: param::sorted(eos_token_id) })
}

pub(super) static INFO: Info = Info {
    name: "forced_eos_token_id",
    summary: "makes the end tokens certain at the last place before the maximum length",
    source: "transformers 5",
    flags: &[Flag::of("forced-eos-token-id", "eos_token_id", Ids, "")],
    needs: Needs::HISTORY,
    facts: &[Fact::MaxLength],
    places: Places { hf: (Logits, 10), llama_cpp: (GuestLogits, 70), vllm: (GuestLogits, 70) },
    config: Config::Parameter("eos_token_id"),
    parse: read::<ForcedEosTokenId>,
    ..Info::CONSTRAINT
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForcedEosTokenId {
    max_length: usize,
    #[serde(deserialize_with = "param::ids")]
    eos_token_id: Vec<TokenId>,
}

impl Method for ForcedEosTokenId {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let some = !self.eos_token_id.is_empty();
        param::check("forced_eos_token_id max_length", self.max_length, self.max_length > 0, "1 or more")?;
        param::check("forced_eos_token_id eos_token_id", "[]", some, "at least one id")
    }

    fn forces(&self, cx: &Context<'_>) -> bool {
        cx.context.len() + 1 == self.max_length
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &self.eos_token_id, c.vocab())?;
        if self.forces(cx) {
            let certain: Vec<_> = self.eos_token_id.iter().map(|&id| (id, 0.0)).collect();
            c.force(&certain);
        }
        Ok(())
    }
}
