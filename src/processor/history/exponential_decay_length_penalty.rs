use crate::processor::method::*;

/// Exponential decay length penalty: from a length on, the end tokens get more probable with every token.
///
/// With n = generated tokens − start > 0: `score ← score + |score| · (factor^n − 1)` for the end tokens. transformers 5,
/// `ExponentialDecayLengthPenalty`.
///
/// - `start`: so many tokens are generated without it.
/// - `factor`: above 0; disabling value 1; below 1 makes the end less probable.
/// - `eos_token_id`: an id or a list.
///
/// A masked end token stays masked, and a score of 0 stays 0 whatever the factor.
///
/// ```
/// use tokpick::processor::{Chain, Context, exponential_decay_length_penalty};
///
/// let cx = Context { context: &[1, 1, 1, 1], prompt_len: 1, ..Context::default() };
/// let kept = Chain::new([exponential_decay_length_penalty(1, 2.0, vec![0])?]).after(&cx, &[-2.0, 0.0])?;
/// assert_eq!(kept.score(0), Some(4.0)); // −2 + 2 · (2² − 1)
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A factor that is not a positive finite number.
pub fn exponential_decay_length_penalty(
    start: usize,
    factor: f64,
    eos_token_id: Vec<TokenId>,
) -> Result<Stage> {
    stage(Decay { start, factor, eos_token_id: param::sorted(eos_token_id) })
}

pub(super) static INFO: Info = Info {
    name: "exponential_decay_length_penalty",
    summary: "raises the end tokens by a factor that grows with every token after the start",
    source: "transformers 5",
    off: Off::All(&[("factor", 1.0)]),
    flags: &[Flag::of("exponential-decay-length-penalty", "start,factor", Pair("start", "factor"), "")],
    lone: Some("factor"),
    facts: &[Fact::Eos],
    places: Places { hf: (Logits, 13), llama_cpp: (GuestLogits, 60), vllm: (GuestLogits, 60) },
    config: Config::Pair("start", "factor"),
    parse: read::<Decay>,
    ..Info::HISTORY
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decay {
    start: usize,
    factor: f64,
    #[serde(deserialize_with = "param::ids")]
    eos_token_id: Vec<TokenId>,
}

impl Method for Decay {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let fits = self.factor > 0.0 && self.factor.is_finite();
        let range = "a finite number above 0 (1 is off)";
        param::check("exponential_decay_length_penalty factor", self.factor, fits, range)
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        param::inside(INFO.name, &self.eos_token_id, c.vocab())?;
        let beyond = cx.generated().len().saturating_sub(self.start);
        if beyond > 0 {
            let grown = param::power(self.factor, beyond as u64) - 1.0;
            c.edit_each(&self.eos_token_id, |_, s| s + s.abs() * grown);
        }
        Ok(())
    }
}
