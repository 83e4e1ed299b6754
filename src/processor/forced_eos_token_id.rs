use serde_json::{Value, json};

use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::{Result, TokenId};

/// Forced last token: one token before the maximum length, the end tokens are certain (score 0 each, everything else −∞).
///
/// transformers 5, `ForcedEOSTokenLogitsProcessor`.
///
/// - `max_length`: at least 1; prompt and generated ids together. Where they are `max_length` − 1, the end is forced.
/// - `eos_token_id`: an id or a list (equally probable). They are forced even where the row or a processor before masks them.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![5.0, 1.0]), 0, 0)?;
/// let cx = Context { context: &[0, 0], prompt_len: 1, sequence: 0, step: 0, coins: &0.0 };
/// settings::chain("forced_eos_token_id(max_length=3,eos_token_id=1)")?.apply(&mut c, &cx)?;
/// assert_eq!(c.members().collect::<Vec<_>>(), [(1, 0.0)]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForcedEosTokenId {
    max_length: usize,
    eos_token_id: Vec<TokenId>,
}

const NAME: &str = "forced_eos_token_id";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--forced-eos-token-id",
    off: "not set",
    summary: "makes the end tokens certain at the last place before the maximum length",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "eos_token_id", form)?;
        Ok(Box::new(ForcedEosTokenId::new(p.max_length, p.eos_token_id.sorted())?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    max_length: usize,
    eos_token_id: param::Ids,
}

impl ForcedEosTokenId {
    /// The token number `max_length`, the prompt counted, is an end token.
    ///
    /// # Errors
    /// A maximum length of 0, or no end token.
    pub fn new(max_length: usize, eos_token_id: Vec<TokenId>) -> Result<Self> {
        param::check(&format!("{NAME} max_length"), max_length, max_length > 0, "1 or more")?;
        param::check(&format!("{NAME} eos_token_id"), "[]", !eos_token_id.is_empty(), "at least one id")?;
        Ok(ForcedEosTokenId { max_length, eos_token_id: param::sorted(eos_token_id) })
    }
}

impl Processor for ForcedEosTokenId {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!({"max_length": self.max_length, "eos_token_id": self.eos_token_id})
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(NAME, &self.eos_token_id, c.vocab())?;
        if cx.context.len() + 1 == self.max_length {
            let certain: Vec<_> = self.eos_token_id.iter().map(|&id| (id, 0.0)).collect();
            c.force(&certain);
        }
        Ok(())
    }
}
