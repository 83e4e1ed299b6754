use serde_json::{Value, json};

use super::param::Bias;
use super::{Candidates, Context, Info, Kind, Processor, param};
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
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![1.0, 2.0, 3.0]), 0, 0)?;
/// settings::chain(r#"logit_bias=[[0,0.5],[0,1],[2,"-inf"]]"#)?.apply_alone(&mut c)?;
/// assert_eq!(c.members().collect::<Vec<_>>(), [(0, 2.5), (1, 2.0)]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogitBias {
    biases: Vec<(TokenId, Bias)>,
}

const NAME: &str = "logit_bias";

pub(super) static INFO: Info = Info {
    name: NAME,
    kind: Kind::Constraint,
    flag: "--logit-bias",
    off: "[]",
    summary: "adds a number to the logits of given tokens",
    source: "OpenAI API",
    parse: |form| {
        let p: Parameters = param::read(NAME, "value", form)?;
        Ok(Box::new(LogitBias { biases: p.value }))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    value: Vec<(TokenId, Bias)>,
}

impl LogitBias {
    /// These biases, finite or −∞.
    ///
    /// # Errors
    /// NaN or +∞.
    pub fn new(biases: &[(TokenId, f64)]) -> Result<Self> {
        let biases = biases.iter().map(|&(id, bias)| Ok((id, Bias::new(bias)?))).collect::<Result<_>>()?;
        Ok(LogitBias { biases })
    }
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
            param::inside(NAME, &[*id], c.vocab())?;
        }
        param::add_biases(c, self.biases.iter().map(|&(id, bias)| (id, bias.value())));
        Ok(())
    }
}
