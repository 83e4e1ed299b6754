use serde_json::{Value, json};

use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
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
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![5.0, 1.0]), 0, 0)?;
/// let cx = Context { context: &[1, 1], prompt_len: 2, sequence: 0, step: 0, coins: &0.0 };
/// settings::chain("begin_suppress_tokens=[0]")?.apply(&mut c, &cx)?;
/// assert_eq!(c.argmax(), Some(1));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginSuppressTokens {
    ids: Vec<TokenId>,
    begin_index: Option<usize>,
}

const NAME: &str = "begin_suppress_tokens";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--begin-suppress-tokens",
    off: "[]",
    summary: "forbids the given tokens at the first generated place",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "ids", form)?;
        Ok(Box::new(BeginSuppressTokens::new(p.ids.sorted(), p.begin_index)))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    ids: param::Ids,
    begin_index: Option<usize>,
}

impl BeginSuppressTokens {
    /// These tokens don't follow the first `begin_index` ids (the prompt, if it is not given).
    pub fn new(ids: Vec<TokenId>, begin_index: Option<usize>) -> Self {
        BeginSuppressTokens { ids: param::sorted(ids), begin_index }
    }
}

impl Processor for BeginSuppressTokens {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        match self.begin_index {
            Some(begin_index) => json!({"ids": self.ids, "begin_index": begin_index}),
            None => self.ids.clone().into(),
        }
    }

    fn is_off(&self) -> bool {
        self.ids.is_empty()
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(NAME, &self.ids, c.vocab())?;
        if cx.context.len() == self.begin_index.unwrap_or(cx.prompt_len) {
            c.mask_each(&self.ids);
        }
        Ok(())
    }
}
