//! How the value of a processor flag is written, and what it is in JSON.

use serde_json::{Value, json};
use tokpick::{Error, Result};

use crate::cli::ids;

/// The ways in which values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A whole number, 0 or more.
    Count,
    /// A whole number.
    Integer,
    /// A bare word.
    Word,
    /// A path.
    File,
    /// Nothing: the flag alone.
    Switch,
    /// A list of ids.
    Ids,
    /// Lists of ids: JSON, or separated by `;`.
    IdLists,
    /// `id=bias` pairs, or JSON.
    Bias,
    /// `start,factor`.
    StartFactor,
    /// JSON.
    Json,
}

impl Kind {
    /// What `--help` shows in place of the value.
    pub fn value_name(self) -> &'static str {
        match self {
            Kind::Number => "X",
            Kind::Count | Kind::Integer => "N",
            Kind::Word => "NAME",
            Kind::File => "FILE",
            Kind::Switch => "",
            Kind::Ids => "IDS",
            Kind::IdLists => "IDS;IDS",
            Kind::Bias => "ID=BIAS,…",
            Kind::StartFactor => "START,FACTOR",
            Kind::Json => "JSON",
        }
    }

    /// The value in JSON. A whole number stays one, so that a processor can refuse 1.5 tokens.
    ///
    /// # Errors
    /// Names the flag and says how its value is written.
    pub fn read(self, flag: &str, text: &str) -> Result<Value> {
        let bad = |what: &str| Error::setting(format!("--{flag}"), text, what);
        match self {
            Kind::Number => number(text).ok_or_else(|| bad("must be a finite number")),
            Kind::Count => match text.trim().parse::<u64>() {
                Ok(n) => Ok(n.into()),
                Err(_) => Err(bad("must be a whole number, 0 or more")),
            },
            Kind::Integer => {
                let n: i64 = text.trim().parse().map_err(|_| bad("must be a whole number"))?;
                Ok(n.into())
            }
            Kind::Word | Kind::File => Ok(text.into()),
            Kind::Switch => Ok(true.into()),
            Kind::Ids => Ok(json!(ids::parse::<ids::Ids>(text).map_err(|e| bad(&e))?.0)),
            Kind::IdLists if is_json(text) => from_json(text).map_err(|e| bad(&e)),
            Kind::IdLists => Ok(json!(ids::parse::<ids::IdLists>(text).map_err(|e| bad(&e))?.0)),
            Kind::Bias if is_json(text) => from_json(text).map_err(|e| bad(&e)),
            Kind::Bias => text
                .split([',', ' '])
                .filter(|pair| !pair.is_empty())
                .map(|pair| bias(pair).ok_or_else(|| bad("must be id=bias pairs (5=-1.5,7=-inf), or JSON")))
                .collect::<Result<Vec<_>>>()
                .map(Value::from),
            Kind::StartFactor => {
                let pair = text
                    .split_once(',')
                    .and_then(|(s, f)| Some(json!([s.trim().parse::<u64>().ok()?, number(f)?])));
                pair.ok_or_else(|| {
                    bad("must be start,factor: a number of new tokens, and the growth per token")
                })
            }
            Kind::Json => from_json(text).map_err(|e| bad(&e)),
        }
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('[')
}

fn from_json(text: &str) -> std::result::Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("must be JSON: {e}"))
}

fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(n) => Some(n.into()),
        Err(_) => text.parse::<f64>().ok().filter(|x| x.is_finite()).map(Value::from),
    }
}

/// `id=bias`; an infinite bias is a string, as JSON has no such number.
fn bias(pair: &str) -> Option<Value> {
    let (id, bias) = pair.split_once('=')?;
    let id: u32 = id.trim().parse().ok()?;
    match bias.trim() {
        "-inf" | "-Infinity" => Some(json!([id, "-inf"])),
        bias => Some(json!([id, number(bias)?])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_json() {
        for (kind, text, value) in [
            (Kind::Number, "0.9", "0.9"),
            (Kind::Number, "-1", "-1"),
            (Kind::Number, "1e-3", "0.001"),
            (Kind::Ids, "3, 4 5", "[3,4,5]"),
            (Kind::IdLists, "1 2;3", "[[1,2],[3]]"),
            (Kind::IdLists, "[[1,2],[3]]", "[[1,2],[3]]"),
            (Kind::Bias, "5=-1.5,7=-inf", r#"[[5,-1.5],[7,"-inf"]]"#),
            (Kind::StartFactor, "5,1.5", "[5,1.5]"),
            (Kind::Switch, "", "true"),
        ] {
            assert_eq!(kind.read("f", text).map(|v| v.to_string()).ok().as_deref(), Some(value), "{text}");
        }
        for (kind, text) in [
            (Kind::Number, "inf"),
            (Kind::Number, "NaN"),
            (Kind::Number, "--top-p"),
            (Kind::Count, "-1"),
            (Kind::Count, "1.5"),
            (Kind::Bias, "5"),
            (Kind::Bias, "x=1"),
            (Kind::StartFactor, "5"),
            (Kind::Json, "[1"),
        ] {
            let error = kind.read("f", text).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.starts_with(&format!("--f {text}: must be ")), "{error}");
        }
    }
}
