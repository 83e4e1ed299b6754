use serde_json::{Value, json};

use super::no_repeat_ngram_size::mask_completions;
use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::{Result, TokenId};

/// No n-gram of the encoder's input: masks every token that would complete an n-gram which the encoder's input holds.
///
/// For each n-gram of the encoder's ids whose first n − 1 ids equal the last n − 1 of the context, its last id gets −∞. Rule of
/// transformers 5, `EncoderNoRepeatNGramLogitsProcessor`; for encoder-decoder models that must not copy.
///
/// - `value`: n; disabling value 0. n = 1 masks every id of the encoder's input. A context shorter than n − 1 masks nothing.
/// - `encoder_ids`: the ids that the encoder read.
///
/// ```
/// use tokpick::{processor::{Candidates, Context}, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![0.0; 4]), 0, 0)?;
/// let cx = Context { context: &[1], prompt_len: 0, sequence: 0, step: 1, coins: &0.0 };
/// settings::chain("encoder-no-repeat-ngram-size(value=2,encoder-ids=[1,3,2])")?.apply(&mut c, &cx)?;
/// assert!(!c.contains(3));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderNoRepeatNgramSize {
    value: usize,
    encoder_ids: Vec<TokenId>,
}

const NAME: &str = "encoder_no_repeat_ngram_size";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::History,
    flag: "--encoder-no-repeat-ngram-size",
    off: "0",
    summary: "forbids tokens that would repeat an n-gram of the encoder's input",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "value", form)?;
        Ok(Box::new(EncoderNoRepeatNgramSize::new(p.value, p.encoder_ids)))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    value: usize,
    encoder_ids: Vec<TokenId>,
}

impl EncoderNoRepeatNgramSize {
    /// No n-gram of `encoder_ids` is completed.
    pub fn new(value: usize, encoder_ids: Vec<TokenId>) -> Self {
        EncoderNoRepeatNgramSize { value, encoder_ids }
    }
}

impl Processor for EncoderNoRepeatNgramSize {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!({"value": self.value, "encoder_ids": self.encoder_ids})
    }

    fn is_off(&self) -> bool {
        self.value == 0
    }

    fn needs(&self) -> Needs {
        Needs { history: self.value > 1, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(NAME, &self.encoder_ids, c.vocab())?;
        mask_completions(c, &self.encoder_ids, cx.context, self.value);
        Ok(())
    }
}
