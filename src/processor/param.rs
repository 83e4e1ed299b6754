//! Reading and checking the parameters of processors.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Error, Result};

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
#[derive(serde::Deserialize)]
#[serde(untagged)]
pub enum Ids {
    /// A lone id.
    One(crate::TokenId),
    /// A list.
    Many(Vec<crate::TokenId>),
}

impl Ids {
    /// The ids, ascending, each once.
    pub fn sorted(self) -> Vec<crate::TokenId> {
        let mut ids = match self {
            Ids::One(id) => vec![id],
            Ids::Many(ids) => ids,
        };
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
