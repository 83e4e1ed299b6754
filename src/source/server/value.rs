//! JSON of any shape, as Python writes it, too: what servers answer is known only when it is there.

use std::collections::HashSet;
use std::sync::Arc;

use jiter::{Jiter, JiterErrorType, JsonErrorType, Peek};

use crate::TokenId;

/// How deep a value may be nested: answers need eight levels.
const DEEPEST: usize = 64;

/// The most memory that the values of one document take, in bytes: answers are a hundred times smaller.
const MOST: usize = 1 << 30;

/// What a value, and a key beside it, take in memory; of a text, a list or an object what its own place on the heap adds.
const VALUE: usize = size_of::<Value>();
const KEY: usize = size_of::<Arc<str>>();
const HEAP: usize = 16;

/// A JSON value; keys stand in the order of the text, and may come twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number that is beyond `Int`.
    Large(u64),
    Float(f64),
    Text(Box<str>),
    List(Box<[Value]>),
    /// A key is held once for all objects of a document.
    Object(Box<[(Arc<str>, Value)]>),
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
        let mut reading = Reading { json, text, left: MOST, keys: HashSet::new() };
        let value = reading.value(peek, 0)?;
        Ok((value, reading.json.current_index()))
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
        self.first_of(keys).1
    }

    /// The same, and the key.
    fn first_of<'k>(&self, keys: &[&'k str]) -> (&'k str, &Value) {
        let all = keys.iter().map(|key| (*key, self.get(key)));
        all.into_iter().find(|(_, value)| !value.is_null()).unwrap_or(("", &Value::Null))
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
            Value::Large(x) => Some(*x as f64),
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

    /// The list under the first of these keys that is there; empty where none is.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn list_of(&self, keys: &[&str]) -> Result<&[Value], String> {
        let (key, value) = self.first_of(keys);
        value.as_list(|| format!("{key:?}"))
    }

    /// The same for what stands beside `tokens` tokens: there is nothing at all, or something for each.
    ///
    /// # Errors
    /// Something else than a list, a list of another length.
    pub fn lists_beside(&self, keys: &[&str], tokens: usize) -> Result<&[Value], String> {
        let list = self.list_of(keys)?;
        if list.is_empty() || list.len() == tokens {
            return Ok(list);
        }
        let (key, n) = (self.first_of(keys).0, list.len());
        let entries = if n == 1 { "entry" } else { "entries" };
        Err(format!("{key:?} has {n} {entries} beside {}", counted(tokens, "token")))
    }

    /// The list at a place of such a list, which `key` names; empty where there is none.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn list_at<'v>(lists: &'v [Value], at: usize, key: &str) -> Result<&'v [Value], String> {
        lists.get(at).unwrap_or(&Value::Null).as_list(|| format!("entry {at} of {key:?}"))
    }

    /// The list that a value is; empty for null.
    ///
    /// # Errors
    /// It is something else; `what` names it.
    pub fn as_list(&self, what: impl Fn() -> String) -> Result<&[Value], String> {
        match self {
            Value::List(list) => Ok(list),
            Value::Null => Ok(&[]),
            other => Err(format!("{} is {}, no list", what(), other.kind())),
        }
    }

    /// The entries of an object.
    pub fn entries(&self) -> &[(Arc<str>, Value)] {
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
            Value::Int(_) | Value::Large(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

/// `1 token`, `2 tokens`.
pub(super) fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
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

/// A text that is being read.
struct Reading<'t> {
    json: Jiter<'t>,
    text: &'t [u8],
    /// Bytes of memory that values may still take.
    left: usize,
    /// The keys so far.
    keys: HashSet<Arc<str>>,
}

impl Reading<'_> {
    /// Reads a value of which `peek` is the beginning.
    fn value(&mut self, peek: Peek, depth: usize) -> Result<Value, Fault> {
        self.take(VALUE)?;
        if depth > DEEPEST {
            return Err(self.refuse(format!("nested deeper than {DEEPEST}: no server's answer is")));
        }
        match peek {
            Peek::Null => self.json.known_null().map(|()| Value::Null).map_err(fault),
            Peek::True | Peek::False => self.json.known_bool(peek).map(Value::Bool).map_err(fault),
            Peek::String => {
                let text: Box<str> = self.json.known_str().map_err(fault)?.into();
                self.take(HEAP + text.len())?;
                Ok(Value::Text(text))
            }
            Peek::Array => {
                self.take(HEAP)?;
                let mut list = Vec::new();
                let mut next = self.json.known_array().map_err(fault)?;
                while let Some(peek) = next {
                    list.push(self.value(peek, depth + 1)?);
                    next = self.json.array_step().map_err(fault)?;
                }
                Ok(Value::List(list.into()))
            }
            Peek::Object => {
                self.take(HEAP)?;
                let mut entries = Vec::new();
                let first = self.json.known_object().map_err(fault)?;
                let mut key = first.map(|key| (self.keys.get(key).cloned(), key)).map(held);
                while let Some(name) = key {
                    let name = self.keep(name)?;
                    let peek = self.json.peek().map_err(fault)?;
                    entries.push((name, self.value(peek, depth + 1)?));
                    let next = self.json.next_key().map_err(fault)?;
                    key = next.map(|key| (self.keys.get(key).cloned(), key)).map(held);
                }
                Ok(Value::Object(entries.into()))
            }
            _ => self.number(peek),
        }
    }

    fn number(&mut self, peek: Peek) -> Result<Value, Fault> {
        let start = self.json.current_index();
        let wide = self.json.known_float(peek).map_err(fault)?;
        let digits =
            self.text.get(start..self.json.current_index()).and_then(|t| std::str::from_utf8(t).ok());
        let digits = digits.unwrap_or_default().trim();
        // whole numbers beyond 2^53 are exact only as such
        Ok(match (digits.parse(), digits.parse()) {
            (Ok(int), _) => Value::Int(int),
            (_, Ok(large)) => Value::Large(large),
            _ => Value::Float(wide),
        })
    }

    /// Counts the memory of a key, and holds a new one.
    fn keep(&mut self, key: Key) -> Result<Arc<str>, Fault> {
        self.take(KEY)?;
        match key {
            Key::Known(key) => Ok(key),
            Key::New(key) => {
                // beside the text its place in the set
                self.take(2 * (KEY + HEAP) + key.len())?;
                self.keys.insert(key.clone());
                Ok(key)
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), Fault> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let what = format!(
                "its JSON values take more than {} MiB of memory: no server's answer is so large; cut it into parts",
                MOST >> 20
            );
            self.refuse(what)
        })?;
        Ok(())
    }

    fn refuse(&self, what: String) -> Fault {
        Fault { what, at: self.json.current_index(), cut_off: false }
    }
}

/// The key of an entry, without the parser's borrow.
enum Key {
    Known(Arc<str>),
    New(Arc<str>),
}

fn held((known, key): (Option<Arc<str>>, &str)) -> Key {
    known.map_or_else(|| Key::New(key.into()), Key::Known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted() {
        assert_eq!(VALUE, 24);
        let reading = |text: &'static str| {
            let mut json = Jiter::new(text.as_bytes());
            let peek = json.peek().unwrap();
            let mut reading = Reading { json, text: text.as_bytes(), left: 1000, keys: HashSet::new() };
            reading.value(peek, 0).map(|_| 1000 - reading.left).map_err(|fault| fault.what)
        };
        assert_eq!(reading("[0,0]"), Ok(3 * VALUE + HEAP));
        assert_eq!(reading(r#"["ab"]"#), Ok(2 * VALUE + 2 * HEAP + 2));
        // the second "a" is the first one
        let once = reading(r#"[{"a":0}]"#).unwrap();
        assert_eq!(reading(r#"[{"a":0},{"a":0}]"#), Ok(once + 2 * VALUE + HEAP + KEY));
        let long: &'static str = format!("[{}0]", "0,".repeat(50)).leak();
        assert!(reading(long).unwrap_err().contains("cut it into parts"));
    }

    #[test]
    fn whole_numbers_are_exact() {
        for (text, value) in [
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("18446744073709551615", Value::Large(u64::MAX)),
            ("1.5", Value::Float(1.5)),
            ("36893488147419103232", Value::Float(36_893_488_147_419_103_232.0)),
        ] {
            assert_eq!(Value::first(text.as_bytes()).unwrap().0, value);
        }
    }
}
