use super::bias::{Bias, add_biases};
use crate::processor::method::*;

/// Logit bias: adds a number to the scores of given tokens.
///
/// `score ← score + bias`; −∞ forbids a token. OpenAI API (which allows −100 to 100).
///
/// - one value, a list of `[id, bias]`; a bias is a finite number or `"-inf"`; disabling value the empty list. Ids that come
///   twice add up.
///
/// A masked token stays masked. llama.cpp adds up ids that come twice only while no sampler has moved the candidates, and
/// otherwise takes the first; vLLM clamps to ±100.
///
/// ```
/// use tokpick::processor::{Chain, logit_bias};
///
/// let bias = logit_bias(&[(0, 0.5), (0, 1.0), (2, f64::NEG_INFINITY)])?;
/// let kept = Chain::new([bias]).on(&[1.0, 2.0, 3.0])?;
/// assert_eq!(kept.members().collect::<Vec<_>>(), [(0, 2.5), (1, 2.0)]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// NaN or +∞.
pub fn logit_bias(biases: &[(TokenId, f64)]) -> Result<Stage> {
    let value = biases.iter().map(|&(id, bias)| Ok((id, Bias::new(bias)?))).collect::<Result<_>>()?;
    stage(LogitBias { value })
}

pub(super) static INFO: Info = Info {
    name: "logit_bias",
    summary: "adds a number to the logits of given tokens",
    source: "OpenAI API",
    off: Off::Empty,
    flags: &[Flag::value("logit-bias", Biases)],
    places: Places { hf: (GuestLogits, 0), llama_cpp: (Logits, 0), vllm: (Logits, 3) },
    parse: read::<LogitBias>,
    ..Info::CONSTRAINT
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogitBias {
    value: Vec<(TokenId, Bias)>,
}

impl Method for LogitBias {
    const INFO: &'static Info = &INFO;

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        for (id, _) in &self.value {
            param::inside(INFO.name, &[*id], c.vocab())?;
        }
        add_biases(c, self.value.iter().map(|&(id, bias)| (id, bias.value())));
        Ok(())
    }
}
