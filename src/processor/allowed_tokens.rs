use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param};
use crate::{Result, TokenId};

/// Allowed tokens: nothing else is ever chosen; all other scores become −∞.
///
/// vLLM's `allowed_token_ids`.
///
/// - one value, a list of `ids` with at least one id.
///
/// A token that the row masks stays masked; if no allowed token is left, that is an error.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![5.0, 1.0, 2.0]), 0, 0)?;
/// settings::chain("allowed_tokens=[1,2]")?.apply_alone(&mut c)?;
/// assert_eq!(c.argmax(), Some(2));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedTokens {
    ids: Vec<TokenId>,
}

const NAME: &str = "allowed_tokens";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--allowed-tokens",
    off: "not set",
    summary: "allows nothing but the given tokens",
    source: "vLLM",
    parse: |form| {
        let p: Parameters = param::read(NAME, "ids", form)?;
        Ok(Box::new(AllowedTokens::new(p.ids.sorted())?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    ids: param::Ids,
}

impl AllowedTokens {
    /// Nothing but these tokens is ever chosen.
    ///
    /// # Errors
    /// An empty list: nothing could be chosen.
    pub fn new(ids: Vec<TokenId>) -> Result<Self> {
        param::check(
            NAME,
            "[]",
            !ids.is_empty(),
            "a list of at least one id: an empty one forbids everything",
        )?;
        Ok(AllowedTokens { ids: param::sorted(ids) })
    }
}

impl Processor for AllowedTokens {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.ids.clone().into()
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(NAME, &self.ids, c.vocab())?;
        c.keep_ids(&self.ids);
        Ok(())
    }
}
