//! Reading and checking the parameters of processors.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Candidates;
use super::scratch::{self, Scratch};
use crate::{Error, Result, TokenId};

/// Reads a processor's JSON form: a lone value counts as the object `{key: value}`.
///
/// # Errors
/// An unknown parameter, a missing one, or a value of the wrong type; the message names the processor.
pub fn read<T: DeserializeOwned>(name: &str, key: &str, form: &Value) -> Result<T> {
    let object = match form {
        Value::Object(_) => form.clone(),
        lone => Value::Object(Map::from_iter([(key.to_string(), lone.clone())])),
    };
    serde_json::from_value(object).map_err(|e| Error::setting(name, form, e.to_string()))
}

/// Writes a processor's JSON form: the lone value where the other parameters stand at their defaults.
pub fn write(value: impl Into<Value>, min_tokens_to_keep: usize) -> Value {
    match min_tokens_to_keep {
        1 => value.into(),
        m => json!({"value": value.into(), "min_tokens_to_keep": m}),
    }
}

/// The value, if it lies where it must.
///
/// # Errors
/// Names the parameter, the value and the range.
pub fn check<T: Display + Copy>(name: &str, value: T, holds: bool, range: &str) -> Result<T> {
    if holds { Ok(value) } else { Err(Error::setting(name, value, format!("must be {range}"))) }
}

/// A truncation's parameters: one number, and how many tokens stay at least.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold<T> {
    pub value: T,
    #[serde(default = "one")]
    pub min_tokens_to_keep: usize,
}

/// The default of `min_tokens_to_keep`.
pub fn one() -> usize {
    1
}

/// A lone number.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    pub value: f64,
}

/// On or off.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    pub value: bool,
}

/// The default of exponents and factors.
pub fn unit() -> f64 {
    1.0
}

/// One id or a list of them, as `eos_token_id` is written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged)]
pub enum Ids {
    /// A lone id.
    One(TokenId),
    /// A list.
    Many(Vec<TokenId>),
}

impl Ids {
    /// The ids, ascending, each once.
    pub fn sorted(self) -> Vec<TokenId> {
        sorted(match self {
            Ids::One(id) => vec![id],
            Ids::Many(ids) => ids,
        })
    }
}

/// The ids, ascending, each once.
pub fn sorted(mut ids: Vec<TokenId>) -> Vec<TokenId> {
    sort(&mut ids);
    ids
}

/// Puts ids in ascending order, each once.
pub fn sort(ids: &mut Vec<TokenId>) {
    ids.sort_unstable();
    ids.dedup();
}

/// Refuses ids outside the vocabulary: `name` is the processor whose parameters they are.
///
/// # Errors
/// Names the processor, the first such id and the vocabulary size.
pub fn inside(name: &str, ids: &[TokenId], vocab: usize) -> Result<()> {
    match ids.iter().find(|&&id| id as usize >= vocab) {
        None => Ok(()),
        Some(id) => {
            let what = format!(
                "the id is outside the vocabulary of {vocab} tokens (0 to {}): correct it, or leave it out",
                vocab.saturating_sub(1)
            );
            Err(Error::setting(name, format!("id {id}"), what))
        }
    }
}

/// A bias as it is written: a finite number, or −∞ as the string `"-inf"`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Bias(f64);

impl Bias {
    /// A finite bias, or −∞, which forbids a token.
    ///
    /// # Errors
    /// NaN or +∞.
    pub fn new(value: f64) -> Result<Self> {
        check("bias", value, value < f64::INFINITY, "a finite number or \"-inf\"")?;
        Ok(Bias(value))
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
pub fn add_biases(c: &mut Candidates, given: impl Iterator<Item = (TokenId, f64)>) {
    scratch::with(|Scratch { biases, ids, scores, .. }| {
        biases.clear();
        biases.extend(given.enumerate().map(|(at, (id, bias))| (id, at, bias)));
        // added up in the order in which they are given; a stable sort would take memory
        biases.sort_unstable_by_key(|&(id, at, _)| (id, at));
        biases.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same {
                first.2 += next.2;
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

/// A number that is not infinite: a score of −∞ would mask.
pub fn finite(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
}

/// base^n by repeated squaring: the same number on every platform, and never infinite.
pub fn power(base: f64, mut n: u64) -> f64 {
    let (mut square, mut product) = (base, 1.0);
    while n > 0 {
        if n & 1 == 1 {
            product *= square;
        }
        square *= square;
        n >>= 1;
    }
    finite(product)
}
