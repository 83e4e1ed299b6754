use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Needs, Processor, param, window};
use crate::{Result, TokenId};

/// No repeated n-grams: masks every token that would complete an n-gram that the context already holds.
///
/// For each n-gram of prompt and generated ids whose first n − 1 ids equal the last n − 1 of the context, its last id gets −∞.
/// Paulus, Xiong & Socher 2017; rule of transformers 5.
///
/// - `value`: n; disabling value 0. n = 1 masks every id of the context. A context shorter than n masks nothing.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![0.0; 4]), 0, 0)?;
/// let cx = Context { context: &[1, 2, 3, 1], prompt_len: 0, sequence: 0, step: 4, coins: &0.0 };
/// settings::chain("no_repeat_ngram_size=2")?.apply(&mut c, &cx)?;
/// assert!(!c.contains(2));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRepeatNgramSize {
    value: usize,
}

pub(super) static INFO: Info = Info {
    name: "no_repeat_ngram_size",
    kind: Kind::History,
    flag: "--no-repeat-ngram-size",
    off: "0",
    summary: "forbids tokens that would repeat an n-gram of prompt and generated ids",
    source: "Paulus, Xiong & Socher 2017",
    parse: |form| {
        let p: Plain = param::read("no_repeat_ngram_size", "value", form)?;
        Ok(Box::new(NoRepeatNgramSize::new(p.value)))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    value: usize,
}

impl NoRepeatNgramSize {
    /// No n-gram of this size comes twice.
    pub fn new(value: usize) -> Self {
        NoRepeatNgramSize { value }
    }
}

/// The ids that follow, in `text`, a copy of the last n − 1 ids of `context`; ascending, each once.
pub(super) fn completions(text: &[TokenId], context: &[TokenId], n: usize) -> Vec<TokenId> {
    let Some(tail) = n.checked_sub(1).and_then(|m| context.len().checked_sub(m)).map(|from| &context[from..])
    else {
        return Vec::new();
    };
    let last: Vec<TokenId> =
        text.windows(n).filter(|gram| gram[..n - 1] == *tail).map(|gram| gram[n - 1]).collect();
    window::distinct(&last)
}

impl Processor for NoRepeatNgramSize {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.value.into()
    }

    fn is_off(&self) -> bool {
        self.value == 0
    }

    fn needs(&self) -> Needs {
        Needs { history: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        c.mask_each(&completions(cx.context, cx.context, self.value));
        Ok(())
    }
}
