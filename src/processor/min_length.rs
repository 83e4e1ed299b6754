use serde_json::{Value, json};

use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::{Result, TokenId};

/// Minimum length: masks the end tokens while prompt and generated ids together are fewer than m.
///
/// transformers 5, `MinLengthLogitsProcessor`. [`MinNewTokens`](super::MinNewTokens) doesn't count the prompt.
///
/// - `value`: m; disabling value 0. `eos_token_id`: an id or a list.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![5.0, 1.0]), 0, 0)?;
/// let cx = Context { context: &[1, 1], prompt_len: 1, sequence: 0, step: 0, coins: &0.0 };
/// settings::chain(r#"[{"min_length":{"value":3,"eos_token_id":0}}]"#)?.apply(&mut c, &cx)?;
/// assert_eq!(c.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinLength {
    value: usize,
    eos_token_id: Vec<TokenId>,
}

const NAME: &str = "min_length";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--min-length",
    off: "0",
    summary: "forbids the end tokens until prompt and generated ids are so many",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "value", form)?;
        Ok(Box::new(MinLength::new(p.value, p.eos_token_id.sorted())))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    value: usize,
    eos_token_id: param::Ids,
}

impl MinLength {
    /// No end token before `value` ids, the prompt counted.
    pub fn new(value: usize, eos_token_id: Vec<TokenId>) -> Self {
        MinLength { value, eos_token_id: param::sorted(eos_token_id) }
    }
}

impl Processor for MinLength {
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
        param::inside(NAME, &self.eos_token_id, c.vocab())?;
        if cx.context.len() < self.value {
            c.mask_each(&self.eos_token_id);
        }
        Ok(())
    }
}
