use super::encoder::ENCODER_IDS;
use super::repetition_penalty::penalised;
use crate::processor::method::*;

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
    stage(EncoderRepetitionPenalty { value: r, encoder_ids })
}

pub(super) static INFO: Info = Info {
    name: "encoder_repetition_penalty",
    summary: "raises tokens that the encoder read",
    source: "transformers 5",
    off: Off::Number(1.0),
    flags: &[Flag::value("encoder-repetition-penalty", Number)],
    shared: &[&ENCODER_IDS],
    needs: Needs::NOTHING,
    facts: &[Fact::EncoderIds],
    places: Places { hf: (Logits, 1), ..Places::GUEST_LOGITS },
    config: Config::Value,
    parse: read::<EncoderRepetitionPenalty>,
    ..Info::HISTORY
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncoderRepetitionPenalty {
    value: f64,
    encoder_ids: Vec<TokenId>,
}

impl Method for EncoderRepetitionPenalty {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let fits = self.value > 0.0 && self.value.is_finite();
        param::check(INFO.name, self.value, fits, "a finite number above 0 (1 is off)")
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &self.encoder_ids, c.vocab())?;
        scratch::with(|Scratch { tally, .. }| {
            tally.distinct(&self.encoder_ids, c.vocab());
            let inverse = param::finite(1.0 / self.value);
            c.edit_each(&tally.ids, |_, score| penalised(score, inverse, self.value));
        });
        Ok(())
    }
}
