//! Reading records: a file that is damaged is told by the field that is missing or wrong.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FORMAT, Record, VERSION, Word, unknown};
use crate::check::Digest;
use crate::hypothesis::Finish;
use crate::source::text::lines;
use crate::source::text::unique::unique;
use crate::{Error, Place, Result, TokenId};

/// A field of a record, a file or a line in it.
struct Field {
    name: &'static str,
    /// What its value must be, in words.
    must_be: &'static str,
    fits: fn(&Value) -> bool,
}

fn is<T: DeserializeOwned>(value: &Value) -> bool {
    T::deserialize(value).is_ok()
}

const fn field(name: &'static str, must_be: &'static str, fits: fn(&Value) -> bool) -> Field {
    Field { name, must_be, fits }
}

const TEXT: &str = "a text";
const COUNT: &str = "a whole number from 0";
const LOGPROBS: &str = "a list of numbers";

/// What every record has; `directory` and `engine` may be missing.
const RECORD: [Field; 13] = [
    field("format", TEXT, is::<String>),
    field("version", COUNT, is::<u64>),
    field("tokpick", TEXT, is::<String>),
    field("command", "a list of words", is::<Vec<Word>>),
    field("chain", "a list of processors", Value::is_array),
    field("draw", "a text or null", is::<Option<String>>),
    field("seed", "a number, a text or null", |v| v.is_number() || v.is_string() || v.is_null()),
    field("input", "an object", Value::is_object),
    field("shape", "a list of three numbers or nulls", is::<[Option<usize>; 3]>),
    field("companions", "a list of objects", Value::is_array),
    field("vocabulary", "a digest or null", is::<Option<Digest>>),
    field("platform", TEXT, is::<String>),
    field("sequences", "a list of objects", Value::is_array),
];

const OPTIONAL: [Field; 2] =
    [field("directory", "a path", is::<Option<Word>>), field("engine", "a text", is::<Option<String>>)];

/// A file that the run read.
const FILE: [Field; 4] = [
    field("role", TEXT, is::<String>),
    field("path", "a path", is::<Word>),
    field("sha256", "a digest", is::<Digest>),
    field("bytes", COUNT, is::<u64>),
];

const LINE: [Field; 6] = [
    field("sequence", COUNT, is::<usize>),
    field("sample", COUNT, is::<usize>),
    field("ids", "a list of token ids", is::<Vec<TokenId>>),
    field("logprobs", LOGPROBS, is::<Vec<Option<f64>>>),
    field("processed_logprobs", LOGPROBS, is::<Vec<Option<f64>>>),
    field("finish_reason", "\"eos\", \"stop\", \"repetition\" or \"length\"", is::<Finish>),
];

const SCORE: [Field; 1] = [field("score", "a number", is::<Option<f64>>)];

type Fault<T> = std::result::Result<T, String>;

/// Checks the fields of an object at a path.
fn fields(object: &Value, path: &str, required: &[Field], optional: &[Field]) -> Fault<()> {
    if !object.is_object() {
        return Err(format!("{} {object}: must be an object", path.trim_end_matches('.')));
    }
    for (field, required) in
        required.iter().map(|field| (field, true)).chain(optional.iter().map(|field| (field, false)))
    {
        let name = field.name;
        match object.get(name) {
            None if required => return Err(format!("missing field {path}{name}")),
            Some(value) if !(field.fits)(value) => {
                let value: String = value.to_string().chars().take(80).collect();
                return Err(format!("{path}{name} {value}: must be {}", field.must_be));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks all of a record.
fn check(record: &Value) -> Fault<()> {
    fields(record, "", &RECORD, &OPTIONAL)?;
    fields(&record["input"], "input.", &FILE, &[])?;
    let all = |name: &str| record[name].as_array().into_iter().flatten().enumerate();
    for (at, file) in all("companions") {
        fields(file, &format!("companions[{at}]."), &FILE, &[])?;
    }
    for (at, line) in all("sequences") {
        fields(line, &format!("sequences[{at}]."), &LINE, &SCORE)?;
    }
    Ok(())
}

impl Record {
    /// Reads a record from the text of a file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(file: &str, text: &[u8]) -> Result<Self> {
        let bad = |what: String| Err(Error::input(file, Place::default(), what));
        let damaged = |what: String| bad(format!("damaged record: {what}"));
        let value = match unique(lines::text(file, text)?) {
            Ok(value) => value,
            Err(e) if Record::is_record(text) => return damaged(e.to_string()),
            Err(e) => return bad(format!("no record: {e}")),
        };
        match value.get("format") {
            Some(format) if format.as_str() == Some(FORMAT) => {}
            None if Record::is_record(text) => return damaged("missing field format".to_string()),
            _ => return bad(format!("no record: \"format\" is not \"{FORMAT}\"")),
        }
        match value.get("version") {
            Some(v) if v.as_u64() == Some(VERSION) => {}
            Some(v) => {
                let made = value.get("tokpick").and_then(Value::as_str).unwrap_or("unknown");
                return bad(format!(
                    "a record of format version {v} (made by tokpick {made}); this tokpick {} reads version {VERSION}: repeat the run, or use that tokpick",
                    env!("CARGO_PKG_VERSION")
                ));
            }
            None => return damaged("missing field version".to_string()),
        }
        if let Err(what) = check(&value) {
            return damaged(what);
        }
        let mut record: Record = match serde_json::from_value(value.clone()) {
            Ok(record) => record,
            Err(e) => return damaged(e.to_string()),
        };
        let known = serde_json::to_value(&record).unwrap_or_default();
        unknown(&value, &known, "", &mut record.unknown);
        Ok(record)
    }

    /// True if the text of a file says that it is a record, of whatever version, or has what only records have: it may be damaged.
    pub fn is_record(text: &[u8]) -> bool {
        let text = text.strip_prefix(lines::BOM).unwrap_or(text);
        if text.trim_ascii_start().first() != Some(&b'{') {
            return false;
        }
        match serde_json::from_slice::<Value>(text) {
            Ok(value) => match value.get("format") {
                Some(format) => format.as_str() == Some(FORMAT),
                None => ["command", "platform", "sequences"].iter().all(|name| value.get(name).is_some()),
            },
            // cut off, or edited so that it is no JSON: its first field tells
            Err(_) => {
                let start = &text[..text.len().min(200)];
                start.windows(FORMAT.len()).any(|word| word == FORMAT.as_bytes())
            }
        }
    }
}
