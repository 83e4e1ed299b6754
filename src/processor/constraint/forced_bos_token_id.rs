use crate::processor::method::*;

/// Forced first token: where prompt and generated ids are one, this token is certain (score 0, everything else −∞).
///
/// For encoder-decoder models, whose decoder starts from one token and must go on with that of the target language. transformers
/// 5, `ForcedBOSTokenLogitsProcessor`.
///
/// - `id`: the token. It is forced even where the row or a processor before masks it.
///
/// ```
/// use tokpick::processor::{Chain, Context, forced_bos_token_id};
///
/// let cx = Context { context: &[0], prompt_len: 1, ..Context::default() };
/// let kept = Chain::new([forced_bos_token_id(1)?]).after(&cx, &[5.0, 1.0])?;
/// assert_eq!(kept.members().collect::<Vec<_>>(), [(1, 0.0)]);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn forced_bos_token_id(id: TokenId) -> Result<Stage> {
    stage(ForcedBosTokenId { id })
}

pub(super) static INFO: Info = Info {
    name: "forced_bos_token_id",
    summary: "makes a token certain after the first one",
    source: "transformers 5",
    flags: &[Flag::of("forced-bos-token-id", "id", Count, "")],
    needs: Needs::HISTORY,
    takes_first: true,
    places: Places { hf: (Logits, 9), llama_cpp: (GuestLogits, 70), vllm: (GuestLogits, 70) },
    config: Config::Value,
    parse: read::<ForcedBosTokenId>,
    ..Info::CONSTRAINT
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForcedBosTokenId {
    id: TokenId,
}

impl Method for ForcedBosTokenId {
    const INFO: &'static Info = &INFO;

    fn forces(&self, cx: &Context<'_>) -> bool {
        cx.context.len() == 1
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &[self.id], c.vocab())?;
        if self.forces(cx) {
            c.force(&[(self.id, 0.0)]);
        }
        Ok(())
    }
}
