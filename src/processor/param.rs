//! Reading and checking the parameters of processors.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Info;
use crate::{Error, Result, TokenId};

/// Reads a processor's JSON form: the value, or an object of its parameters.
///
/// # Errors
/// An unknown parameter, a missing one, or a value of the wrong type; the message names the processor.
pub fn read<T: DeserializeOwned>(info: &Info, form: &Value) -> Result<T> {
    let object = Value::Object(info.parameters(whole(form.clone())));
    serde_json::from_value(object).map_err(|e| Error::setting(info.name, form, e.to_string()))
}

/// Writes a processor's parameters as they are named.
pub fn object(parameters: &impl Serialize) -> Value {
    serde_json::to_value(parameters).unwrap_or_default()
}

/// The same JSON with whole numbers written without a point: other programs write counts and ids as `1.0`.
pub fn whole(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(x) if !number.is_i64() && !number.is_u64() && x.fract() == 0.0 && x.abs() < MOST_EXACT => {
                (x as i64).into()
            }
            _ => Value::Number(number),
        },
        Value::Array(values) => values.into_iter().map(whole).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, whole(value))).collect(),
        other => other,
    }
}

/// Up to here an f64 holds every whole number.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Refuses a value that does not lie where it must.
///
/// # Errors
/// Names the parameter, the value and the range.
pub fn check(name: &str, value: impl Display, holds: bool, range: impl Range) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::setting(name, value, format!("must be {}", range.words()))) }
}

/// A range in words.
pub trait Range {
    /// The words.
    fn words(self) -> String;
}

impl Range for &str {
    fn words(self) -> String {
        self.to_string()
    }
}

impl<F: FnOnce() -> String> Range for F {
    fn words(self) -> String {
        self()
    }
}

/// The default of `min_tokens_to_keep`.
pub fn one() -> usize {
    1
}

/// Whether it is the default.
pub fn is_one(least: &usize) -> bool {
    *least == 1
}

/// A lone value.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lone<T> {
    pub value: T,
}

/// On or off, also written 1 or 0.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(try_from = "Value")]
pub struct Switch(pub bool);

impl TryFrom<Value> for Switch {
    type Error = &'static str;

    fn try_from(written: Value) -> std::result::Result<Self, &'static str> {
        match (written.as_bool(), written.as_f64()) {
            (Some(on), _) => Ok(Switch(on)),
            (_, Some(0.0)) => Ok(Switch(false)),
            (_, Some(1.0)) => Ok(Switch(true)),
            _ => Err("must be true or false: the method has no parameter"),
        }
    }
}

impl From<Switch> for Value {
    fn from(switch: Switch) -> Value {
        switch.0.into()
    }
}

impl Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The default of exponents and factors.
pub fn unit() -> f64 {
    1.0
}

/// One id or a list of them, as `eos_token_id` is written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged, expecting = "must be a token id (a whole number from 0), or a list of them")]
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

/// Reads an id or a list of them, as `eos_token_id` is written: ascending, each once.
pub fn ids<'de, D: serde::Deserializer<'de>>(written: D) -> std::result::Result<Vec<TokenId>, D::Error> {
    Ok(<Ids as serde::Deserialize>::deserialize(written)?.sorted())
}

/// Reads lists of ids, ascending.
pub fn lists<'de, D: serde::Deserializer<'de>>(
    written: D,
) -> std::result::Result<Vec<Vec<TokenId>>, D::Error> {
    let mut lists = <Vec<Vec<TokenId>> as serde::Deserialize>::deserialize(written)?;
    lists.sort();
    Ok(lists)
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
