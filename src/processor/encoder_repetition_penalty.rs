use serde_json::{Value, json};

use super::repetition_penalty::penalised;
use super::{Candidates, Context, Info, Kind, Processor, param};
use crate::{Result, TokenId};

/// Encoder repetition penalty: makes the tokens of the encoder's input more probable, against hallucination.
///
/// For each distinct id that the encoder read: `score ← score / r` where the score is negative, `score · r` otherwise: the
/// repetition penalty with 1/r. transformers 5, `EncoderRepetitionPenaltyLogitsProcessor`.
///
/// - `value`: r > 0; disabling value 1; below 1 makes them less probable.
/// - `encoder_ids`: the ids that the encoder read.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![2.0, -2.0, 1.0]), 0, 0)?;
/// settings::chain("encoder-repetition-penalty(value=2,encoder-ids=[0,1,0])")?.apply_alone(&mut c)?;
/// assert_eq!(c.members().map(|m| m.1).collect::<Vec<_>>(), [4.0, -1.0, 1.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderRepetitionPenalty {
    value: f64,
    encoder_ids: Vec<TokenId>,
    distinct: Vec<TokenId>,
}

const NAME: &str = "encoder_repetition_penalty";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::History,
    flag: "--encoder-repetition-penalty",
    off: "1",
    summary: "raises tokens that the encoder read",
    source: "transformers 5",
    parse: |form| {
        let p: Parameters = param::read(NAME, "value", form)?;
        Ok(Box::new(EncoderRepetitionPenalty::new(p.value, p.encoder_ids)?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    value: f64,
    encoder_ids: Vec<TokenId>,
}

impl EncoderRepetitionPenalty {
    /// The penalty r > 0, turned around, for the ids of the encoder's input.
    ///
    /// # Errors
    /// r that is not a positive finite number.
    pub fn new(value: f64, encoder_ids: Vec<TokenId>) -> Result<Self> {
        param::check(NAME, value, value > 0.0 && value.is_finite(), "a finite number above 0 (1 is off)")?;
        let distinct = param::sorted(encoder_ids.clone());
        Ok(EncoderRepetitionPenalty { value, encoder_ids, distinct })
    }
}

impl Processor for EncoderRepetitionPenalty {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!({"value": self.value, "encoder_ids": self.encoder_ids})
    }

    fn is_off(&self) -> bool {
        self.value == 1.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(NAME, &self.distinct, c.vocab())?;
        c.edit_each(&self.distinct, |_, s| penalised(s, 1.0 / self.value, self.value));
        Ok(())
    }
}
