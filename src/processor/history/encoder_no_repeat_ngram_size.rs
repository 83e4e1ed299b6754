use super::encoder::ENCODER_IDS;
use super::no_repeat_ngram_size::mask_completions;
use crate::processor::method::*;

/// No n-gram of the encoder's input: masks every token that would complete an n-gram which the encoder's input holds.
///
/// For each n-gram of the encoder's ids whose first n − 1 ids equal the last n − 1 of the context, its last id gets −∞. Rule of
/// transformers 5, `EncoderNoRepeatNGramLogitsProcessor`; for encoder-decoder models that must not copy.
///
/// - `value`: n; disabling value 0. n = 1 masks every id of the encoder's input. A context shorter than n − 1 masks nothing.
/// - `encoder_ids`: the ids that the encoder read.
///
/// ```
/// use tokpick::processor::{Chain, Context, encoder_no_repeat_ngram_size};
///
/// let chain = Chain::new([encoder_no_repeat_ngram_size(2, vec![1, 3, 2])?]);
/// let cx = Context { context: &[1], ..Context::default() };
/// assert!(!chain.after(&cx, &[0.0; 4])?.contains(3));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn encoder_no_repeat_ngram_size(n: usize, encoder_ids: Vec<TokenId>) -> Result<Stage> {
    stage(EncoderNoRepeatNgramSize { value: n, encoder_ids })
}

pub(super) static INFO: Info = Info {
    name: "encoder_no_repeat_ngram_size",
    summary: "forbids tokens that would repeat an n-gram of the encoder's input",
    source: "transformers 5",
    off: Off::Number(0.0),
    flags: &[Flag::value("encoder-no-repeat-ngram-size", Count)],
    shared: &[&ENCODER_IDS],
    facts: &[Fact::EncoderIds],
    places: Places { hf: (Logits, 4), ..Places::GUEST_LOGITS },
    config: Config::Value,
    parse: read::<EncoderNoRepeatNgramSize>,
    ..Info::HISTORY
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncoderNoRepeatNgramSize {
    value: usize,
    encoder_ids: Vec<TokenId>,
}

impl Method for EncoderNoRepeatNgramSize {
    const INFO: &'static Info = &INFO;

    fn needs(&self) -> Needs {
        Needs { history: self.value > 1, ..Needs::NOTHING }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &self.encoder_ids, c.vocab())?;
        mask_completions(c, &self.encoder_ids, cx.context, self.value);
        Ok(())
    }
}
