use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param};
use crate::Result;

/// Top-k: keeps the k best tokens, and all that tie with the k-th.
///
/// Fan, Lewis & Dauphin 2018, *Hierarchical Neural Story Generation*.
///
/// - `value`: k; disabling value 0; larger than the vocabulary keeps all.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Ties with the k-th best all stay, as in transformers and vLLM; llama.cpp and candle keep exactly k.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![1.0, 3.0, 2.0, 2.0]), 0, 0)?;
/// settings::chain("top_k=2")?.apply_alone(&mut c)?;
/// assert_eq!(c.members().map(|m| m.0).collect::<Vec<_>>(), [1, 2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopK {
    value: usize,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "top_k",
    kind: Kind::Truncation,
    flag: "--top-k",
    off: "0",
    summary: "keeps the k most probable tokens",
    source: "Fan, Lewis & Dauphin 2018",
    parse: |form| {
        let p: param::Threshold<usize> = param::read("top_k", "value", form)?;
        Ok(Box::new(TopK::new(p.value, p.min_tokens_to_keep)))
    },
};

impl TopK {
    /// The k best tokens, and at least `min_tokens_to_keep`.
    pub fn new(value: usize, min_tokens_to_keep: usize) -> Self {
        TopK { value, min_tokens_to_keep }
    }
}

impl Processor for TopK {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::write(self.value, self.min_tokens_to_keep)
    }

    fn is_off(&self) -> bool {
        self.value == 0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        c.keep_best(self.value.max(self.min_tokens_to_keep));
        Ok(())
    }
}
