use serde_json::{Value, json};

use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::{Result, TokenId};

/// Minimum of new tokens: masks the end tokens while fewer than m tokens have been generated.
///
/// An end token can be token number m + 1 at the earliest. transformers 5, `MinNewTokensLengthLogitsProcessor`.
///
/// - `value`: m; disabling value 0. `eos_token_id`: an id or a list.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![5.0, 1.0]), 0, 0)?;
/// let cx = Context { context: &[1, 1], prompt_len: 1, sequence: 0, step: 1, coins: &0.0 };
/// settings::chain(r#"[{"min_new_tokens":{"value":2,"eos_token_id":0}}]"#)?.apply(&mut c, &cx)?;
/// assert_eq!(c.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinNewTokens {
    value: usize,
    eos_token_id: Vec<TokenId>,
}

pub(super) static INFO: Info = Info {
    name: "min_new_tokens",
    kind: Kind::Constraint,
    flag: "--min-new-tokens",
    off: "0",
    summary: "forbids the end tokens until so many tokens have been generated",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read("min_new_tokens", "value", form)?;
        Ok(Box::new(MinNewTokens::new(p.value, p.eos_token_id.sorted())))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    value: usize,
    eos_token_id: param::Ids,
}

impl MinNewTokens {
    /// No end token among the first `value` generated ones.
    pub fn new(value: usize, eos_token_id: Vec<TokenId>) -> Self {
        MinNewTokens { value, eos_token_id: param::sorted(eos_token_id) }
    }
}

impl Processor for MinNewTokens {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!({"value": self.value, "eos_token_id": self.eos_token_id})
    }

    fn is_off(&self) -> bool {
        self.value == 0
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside("min_new_tokens", &self.eos_token_id, c.vocab())?;
        if cx.generated().len() < self.value {
            c.mask_each(&self.eos_token_id);
        }
        Ok(())
    }
}
