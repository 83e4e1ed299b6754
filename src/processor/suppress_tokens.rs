use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param};
use crate::{Result, TokenId};

/// Suppressed tokens: never chosen; their scores become −∞.
///
/// transformers 5, `SuppressTokensLogitsProcessor` (Whisper's non-speech tokens).
///
/// - one value, a list of `ids`; disabling value the empty list.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![5.0, 1.0]), 0, 0)?;
/// settings::chain("suppress_tokens=[0]")?.apply_alone(&mut c)?;
/// assert_eq!(c.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressTokens {
    ids: Vec<TokenId>,
}

const NAME: &str = "suppress_tokens";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--suppress-tokens",
    off: "[]",
    summary: "forbids the given tokens",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "ids", form)?;
        Ok(Box::new(SuppressTokens::new(p.ids.sorted())))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    ids: param::Ids,
}

impl SuppressTokens {
    /// These tokens are never chosen.
    pub fn new(ids: Vec<TokenId>) -> Self {
        SuppressTokens { ids: param::sorted(ids) }
    }
}

impl Processor for SuppressTokens {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.ids.clone().into()
    }

    fn is_off(&self) -> bool {
        self.ids.is_empty()
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(NAME, &self.ids, c.vocab())?;
        c.mask_each(&self.ids);
        Ok(())
    }
}
