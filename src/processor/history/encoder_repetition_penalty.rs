use std::sync::Arc;

use serde_json::Value;

use super::encoder::ENCODER_IDS;
use super::repetition_penalty::penalised;
use crate::processor::{
    Candidates, Config, Context, Fact, Flag, Info, Needs, Part, Places, Processor, Stage, Written, param,
};
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
/// use tokpick::processor::{Chain, encoder_repetition_penalty};
///
/// let kept = Chain::new([encoder_repetition_penalty(2.0, vec![0, 1, 0])?]).on(&[2.0, -2.0, 1.0])?;
/// assert_eq!(kept.members().map(|m| m.1).collect::<Vec<_>>(), [4.0, -1.0, 1.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// r that is not a positive finite number.
pub fn encoder_repetition_penalty(r: f64, encoder_ids: Vec<TokenId>) -> Result<Stage> {
    EncoderRepetitionPenalty { value: r, encoder_ids }.stage()
}

pub(in crate::processor) static INFO: Info = Info {
    name: "encoder_repetition_penalty",
    summary: "raises tokens that the encoder read",
    source: "transformers 5",
    off: "1",
    flags: &[Flag::value("encoder-repetition-penalty", Written::Number)],
    shared: &[&ENCODER_IDS],
    needs: Needs::NOTHING,
    facts: &[Fact::EncoderIds],
    places: Places { hf: (Part::Logits, 1), ..Places::GUEST_LOGITS },
    config: Config::Value,
    parse: |form| param::read::<EncoderRepetitionPenalty>(&INFO, form)?.stage(),
    ..Info::HISTORY
};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct EncoderRepetitionPenalty {
    value: f64,
    encoder_ids: Vec<TokenId>,
}

impl EncoderRepetitionPenalty {
    fn stage(self) -> Result<Stage> {
        let fits = self.value > 0.0 && self.value.is_finite();
        param::check(INFO.name, self.value, fits, "a finite number above 0 (1 is off)")?;
        let distinct = param::sorted(self.encoder_ids.clone());
        Ok(Arc::new(Distinct { method: self, distinct }))
    }
}

/// The method with the ids that it counts once each.
struct Distinct {
    method: EncoderRepetitionPenalty,
    distinct: Vec<TokenId>,
}

impl Processor for Distinct {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::object(&self.method)
    }

    fn is_off(&self) -> bool {
        self.method.value == 1.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &self.distinct, c.vocab())?;
        let r = self.method.value;
        c.edit_each(&self.distinct, |_, score| penalised(score, 1.0 / r, r));
        Ok(())
    }
}
