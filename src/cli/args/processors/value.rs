//! How the value of a processor flag is written, and what it is in JSON.

use serde_json::{Value, json};
use tokpick::processor::Written;
use tokpick::render::Tokens;
use tokpick::{Error, Result};

use crate::cli::named::{Named, NamedLists, parse};

/// The value in JSON. A whole number stays one, so that a processor can refuse 1.5 tokens. `tokens` are the strings that ids may be
/// named by.
///
/// # Errors
/// Names the flag and says how its value is written.
pub fn read(written: Written, flag: &str, text: &str, tokens: Option<&Tokens>) -> Result<Value> {
    let named = format!("--{flag}");
    let bad = |what: &str| Error::setting(format!("--{flag}"), text, what);
    match written {
        Written::Number => number(text).ok_or_else(|| bad("must be a finite number")),
        Written::Count => match text.trim().parse::<u64>() {
            Ok(n) => Ok(n.into()),
            Err(_) => Err(bad("must be a whole number, 0 or more")),
        },
        Written::Integer => {
            let n: i64 = text.trim().parse().map_err(|_| bad("must be a whole number"))?;
            Ok(n.into())
        }
        Written::Word | Written::File => Ok(text.into()),
        Written::Switch => Ok(true.into()),
        Written::Ids => {
            let ids = parse::<Named>(text).map_err(|e| bad(&e))?;
            Ok(json!(ids.resolve(&named, tokens)?))
        }
        Written::IdLists => {
            let lists = parse::<NamedLists>(text).map_err(|e| bad(&e))?;
            Ok(json!(lists.resolve(&named, tokens)?))
        }
        Written::Bias if is_json(text) => from_json(text).map_err(|e| bad(&e)),
        Written::Bias => text
            .split([',', ' '])
            .filter(|pair| !pair.is_empty())
            .map(|pair| bias(pair).ok_or_else(|| bad("must be id=bias pairs (5=-1.5,7=-inf), or JSON")))
            .collect::<Result<Vec<_>>>()
            .map(Value::from),
        Written::Pair(first, second) => {
            let pair = text
                .split_once(',')
                .and_then(|(s, f)| Some(json!([s.trim().parse::<u64>().ok()?, number(f)?])));
            pair.ok_or_else(|| {
                bad(&format!("must be {first},{second}: a whole number, 0 or more, and a number"))
            })
        }
        Written::Json => from_json(text).map_err(|e| bad(&e)),
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
        for (written, text, value) in [
            (Written::Number, "0.9", "0.9"),
            (Written::Number, "-1", "-1"),
            (Written::Number, "1e-3", "0.001"),
            (Written::Ids, "3, 4 5", "[3,4,5]"),
            (Written::IdLists, "1 2;3", "[[1,2],[3]]"),
            (Written::IdLists, "[[1,2],[3]]", "[[1,2],[3]]"),
            (Written::Bias, "5=-1.5,7=-inf", r#"[[5,-1.5],[7,"-inf"]]"#),
            (Written::Pair("start", "factor"), "5,1.5", "[5,1.5]"),
            (Written::Switch, "", "true"),
        ] {
            assert_eq!(
                read(written, "f", text, None).map(|v| v.to_string()).ok().as_deref(),
                Some(value),
                "{text}"
            );
        }
        for (written, text) in [
            (Written::Number, "inf"),
            (Written::Number, "NaN"),
            (Written::Number, "--top-p"),
            (Written::Count, "-1"),
            (Written::Count, "1.5"),
            (Written::Bias, "5"),
            (Written::Bias, "x=1"),
            (Written::Pair("start", "factor"), "5"),
            (Written::Json, "[1"),
        ] {
            let error = read(written, "f", text, None).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.starts_with(&format!("--f {text}: must be ")), "{error}");
        }
    }
}
