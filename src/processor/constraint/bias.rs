//! Numbers that are added to the scores of tokens.

use crate::processor::method::*;

/// A bias as it is written: a finite number, or −∞ as the string `"-inf"`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub(super) struct Bias(f64);

/// The lowest numbers of f64, f32, bf16 and f16.
const LOWEST: [f64; 4] = [f64::MIN, f32::MIN as f64, -3.389_531_389_251_535_5e38, -65504.0];

impl Bias {
    /// A finite bias, or −∞, which forbids a token; so does the lowest number of a type, which programs write for it.
    ///
    /// # Errors
    /// NaN or +∞.
    pub fn new(value: f64) -> Result<Self> {
        param::check("bias", value, value < f64::INFINITY, "a finite number or \"-inf\"")?;
        Ok(Bias(if LOWEST.contains(&value) { f64::NEG_INFINITY } else { value }))
    }

    /// The number that is added.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<Value> for Bias {
    type Error = Error;

    fn try_from(written: Value) -> Result<Self> {
        match &written {
            Value::Number(number) => Bias::new(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) if matches!(text.as_str(), "-inf" | "-Infinity") => {
                Ok(Bias(f64::NEG_INFINITY))
            }
            _ => Err(Error::setting("bias", &written, "must be a finite number or \"-inf\"")),
        }
    }
}

impl From<Bias> for Value {
    fn from(bias: Bias) -> Value {
        if bias.0.is_finite() { bias.0.into() } else { "-inf".into() }
    }
}

/// Adds biases to the scores of tokens; what names one token adds up.
pub(super) fn add_biases(c: &mut Candidates, given: impl Iterator<Item = (TokenId, f64)>) {
    scratch::with(|Scratch { biases, ids, scores, .. }| {
        biases.clear();
        biases.extend(given.enumerate().map(|(at, (id, bias))| (id, at, bias)));
        // added up in the order in which they are given; a stable sort would take memory
        biases.sort_unstable_by_key(|&(id, at, _)| (id, at));
        biases.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same {
                first.2 = sum(first.2, next.2);
            }
            same
        });
        ids.clear();
        ids.extend(biases.iter().map(|b| b.0));
        scores.clear();
        scores.extend(biases.iter().map(|b| b.2));
        c.edit_with(ids, scores, |bias, s| s + bias);
    });
}

/// The sum of two biases: −∞ if one of them is, else finite.
fn sum(a: f64, b: f64) -> f64 {
    let forbids = a.min(b) == f64::NEG_INFINITY;
    if forbids { f64::NEG_INFINITY } else { param::finite(a + b) }
}
