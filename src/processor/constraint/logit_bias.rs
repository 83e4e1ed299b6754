use std::sync::Arc;

use serde_json::{Value, json};

use super::bias::{Bias, add_biases};
use crate::processor::{Candidates, Context, Flag, Info, Part, Places, Processor, Stage, Written, param};
use crate::{Result, TokenId};

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
    let biases = biases.iter().map(|&(id, bias)| Ok((id, Bias::new(bias)?))).collect::<Result<_>>()?;
    Ok(Arc::new(LogitBias { biases }))
}

pub(in crate::processor) static INFO: Info = Info {
    name: "logit_bias",
    summary: "adds a number to the logits of given tokens",
    source: "OpenAI API",
    off: "[]",
    flags: &[Flag::value("logit-bias", Written::Bias)],
    places: Places { hf: (Part::GuestLogits, 0), llama_cpp: (Part::Logits, 0), vllm: (Part::Logits, 3) },
    parse: |form| {
        let p: param::Lone<Vec<(TokenId, Bias)>> = param::read(&INFO, form)?;
        Ok(Arc::new(LogitBias { biases: p.value }))
    },
    ..Info::CONSTRAINT
};

struct LogitBias {
    biases: Vec<(TokenId, Bias)>,
}

impl Processor for LogitBias {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!(self.biases)
    }

    fn is_off(&self) -> bool {
        self.biases.is_empty()
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        for (id, _) in &self.biases {
            param::inside(INFO.name, &[*id], c.vocab())?;
        }
        add_biases(c, self.biases.iter().map(|&(id, bias)| (id, bias.value())));
        Ok(())
    }
}
