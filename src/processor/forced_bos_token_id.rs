use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::{Result, TokenId};

/// Forced first token: where prompt and generated ids are one, this token is certain (score 0, everything else −∞).
///
/// For encoder-decoder models, whose decoder starts from one token and must go on with that of the target language. transformers
/// 5, `ForcedBOSTokenLogitsProcessor`.
///
/// - `id`: the token. It is forced even where the row or a processor before masks it.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![5.0, 1.0]), 0, 0)?;
/// let cx = Context { context: &[0], prompt_len: 1, sequence: 0, step: 0, coins: &0.0 };
/// settings::chain("forced_bos_token_id=1")?.apply(&mut c, &cx)?;
/// assert_eq!(c.members().collect::<Vec<_>>(), [(1, 0.0)]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForcedBosTokenId {
    id: TokenId,
}

const NAME: &str = "forced_bos_token_id";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--forced-bos-token-id",
    off: "not set",
    summary: "makes a token certain after the first one",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "id", form)?;
        Ok(Box::new(ForcedBosTokenId::new(p.id)))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    id: TokenId,
}

impl ForcedBosTokenId {
    /// This token follows the first one.
    pub fn new(id: TokenId) -> Self {
        ForcedBosTokenId { id }
    }
}

impl Processor for ForcedBosTokenId {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.id.into()
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(NAME, &[self.id], c.vocab())?;
        if cx.context.len() == 1 {
            c.force(&[(self.id, 0.0)]);
        }
        Ok(())
    }
}
