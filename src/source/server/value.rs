//! JSON of any shape, as Python writes it, too: what servers answer is known only when it is there.

use jiter::{Jiter, JiterErrorType, JsonErrorType, Peek};

use crate::TokenId;

/// How deep a value may be nested: answers need eight levels.
const DEEPEST: usize = 64;

/// The most values of one document: answers are a hundred times smaller, and none may take all the memory there is.
const MOST: usize = 1 << 26;

/// A JSON value; keys stand in the order of the text, and may come twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    List(Vec<Value>),
    Object(Vec<(Box<str>, Value)>),
}

/// Why a text is no value.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub what: String,
    /// Where, in bytes.
    pub at: usize,
    /// It ended in the middle.
    pub cut_off: bool,
}

impl Value {
    /// Reads the first value of a text, and tells where it ends.
    pub fn first(text: &[u8]) -> Result<(Value, usize), Fault> {
        let mut json = Jiter::new(text).with_allow_inf_nan();
        let peek = json.peek().map_err(fault)?;
        let mut left = MOST;
        let value = read(&mut json, peek, text, 0, &mut left)?;
        Ok((value, json.current_index()))
    }

    /// What stands under a key; null where nothing does.
    pub fn get(&self, key: &str) -> &Value {
        match self {
            Value::Object(entries) => {
                entries.iter().rev().find(|(k, _)| **k == *key).map_or(&Value::Null, |(_, value)| value)
            }
            _ => &Value::Null,
        }
    }

    /// What stands under the first of these keys that is there.
    pub fn any(&self, keys: &[&str]) -> &Value {
        keys.iter().map(|key| self.get(key)).find(|value| !value.is_null()).unwrap_or(&Value::Null)
    }

    pub fn is_null(&self) -> bool {
        *self == Value::Null
    }

    /// True for a key that stands, be it with null.
    pub fn has(&self, key: &str) -> bool {
        matches!(self, Value::Object(entries) if entries.iter().any(|(k, _)| **k == *key))
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(x) => Some(*x as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    pub fn int(&self) -> Option<i64> {
        match self {
            Value::Int(x) => Some(*x),
            _ => None,
        }
    }

    pub fn id(&self) -> Option<TokenId> {
        self.int()?.try_into().ok()
    }

    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The entries of an object.
    pub fn entries(&self) -> &[(Box<str>, Value)] {
        match self {
            Value::Object(entries) => entries,
            _ => &[],
        }
    }

    pub fn is_object(&self) -> bool {
        matches!(self, Value::Object(_))
    }

    /// A list of ids.
    pub fn ids(&self) -> Option<Vec<TokenId>> {
        self.list()?.iter().map(Value::id).collect()
    }

    /// A list of bytes.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.list()?.iter().map(|b| b.int()?.try_into().ok()).collect()
    }

    /// How it is called where another was expected.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

fn fault(e: jiter::JiterError) -> Fault {
    let (what, cut_off) = match &e.error_type {
        JiterErrorType::JsonError(kind) => {
            use JsonErrorType as J;
            let ends = matches!(
                kind,
                J::EofWhileParsingList
                    | J::EofWhileParsingObject
                    | J::EofWhileParsingString
                    | J::EofWhileParsingValue
            );
            let what = if ends {
                "truncated: the JSON text ends in the middle".into()
            } else {
                format!("not JSON: {kind}")
            };
            (what, ends)
        }
        wrong => (format!("not JSON: {wrong}"), false),
    };
    Fault { what, at: e.index, cut_off }
}

/// Reads a value of which `peek` is the beginning; `left` values may come.
fn read(
    json: &mut Jiter<'_>,
    peek: Peek,
    text: &[u8],
    depth: usize,
    left: &mut usize,
) -> Result<Value, Fault> {
    *left = left.checked_sub(1).ok_or_else(|| {
        let what = format!("more than {MOST} JSON values: no server's answer is so large; cut it into parts");
        Fault { what, at: json.current_index(), cut_off: false }
    })?;
    if depth > DEEPEST {
        let what = format!("nested deeper than {DEEPEST}: no server's answer is");
        return Err(Fault { what, at: json.current_index(), cut_off: false });
    }
    match peek {
        Peek::Null => json.known_null().map(|()| Value::Null).map_err(fault),
        Peek::True | Peek::False => json.known_bool(peek).map(Value::Bool).map_err(fault),
        Peek::String => json.known_str().map(|s| Value::Text(s.into())).map_err(fault),
        Peek::Array => {
            let mut list = Vec::new();
            let mut next = json.known_array().map_err(fault)?;
            while let Some(peek) = next {
                list.push(read(json, peek, text, depth + 1, left)?);
                next = json.array_step().map_err(fault)?;
            }
            Ok(Value::List(list))
        }
        Peek::Object => {
            let mut entries = Vec::new();
            let mut key = json.known_object().map_err(fault)?.map(Box::<str>::from);
            while let Some(name) = key {
                let peek = json.peek().map_err(fault)?;
                entries.push((name, read(json, peek, text, depth + 1, left)?));
                key = json.next_key().map_err(fault)?.map(Box::from);
            }
            Ok(Value::Object(entries))
        }
        _ => {
            let start = json.current_index();
            let wide = json.known_float(peek).map_err(fault)?;
            let digits = text.get(start..json.current_index()).and_then(|t| std::str::from_utf8(t).ok());
            // whole numbers beyond 2^53 are exact only as such
            Ok(match digits.and_then(|digits| digits.trim().parse().ok()) {
                Some(int) => Value::Int(int),
                None => Value::Float(wide),
            })
        }
    }
}
