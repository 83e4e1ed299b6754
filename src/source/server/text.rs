//! The text of an input into documents: one, one a line, or the events of a stream.

use jiter::{Jiter, Peek};

use super::reader::Reader;
use super::value::{Fault, Value};
use crate::{Error, Place, Result, TokenId};

/// Keys that say that an object is no answer.
const OWN: [&str; 6] = ["logits", "ids", "prefix", "vocab", "tokpick", "sequences"];

/// Keys that answers have, and others may have.
const COMMON: [&str; 9] =
    ["model", "object", "content", "message", "usage", "tokens", "prompt", "type", "detail"];

/// Keys of which each says that an object is an answer of a server.
const ANSWERS: [&str; 17] = [
    "choices",
    "completion_probabilities",
    "meta_info",
    "output_ids",
    "candidates",
    "outputs",
    "output",
    "details",
    "generated_text",
    "token",
    "response",
    "request",
    "samples",
    "custom_id",
    "error",
    "done",
    "prompt_token_ids",
];

/// True for the first bytes of a stream of events.
pub(crate) fn is_events(text: &[u8]) -> bool {
    ["data:", "event:", "error:", ": "].iter().any(|start| text.starts_with(start.as_bytes()))
}

/// True for a text that begins as the answer of a server; it may be cut off after what tells.
pub(crate) fn is_answer(text: &[u8]) -> bool {
    tells(text).unwrap_or(false)
}

/// Whether a text begins as the answer of a server; `None` if it ends, or breaks, before it tells.
pub(crate) fn tells(text: &[u8]) -> Option<bool> {
    let text = text.trim_ascii_start();
    if is_events(text) {
        return Some(true);
    }
    let mut json = Jiter::new(text).with_allow_inf_nan();
    let mut peek = json.peek().ok()?;
    // answers, and the places of a dump, in lists
    for _ in 0..3 {
        if peek == Peek::Array {
            peek = json.known_array().ok()??;
        }
        while peek == Peek::Null {
            json.known_null().ok()?;
            peek = json.array_step().ok()??;
        }
    }
    if peek != Peek::Object {
        return Some(false);
    }
    let mut key = json.known_object().ok()?.map(str::to_owned);
    let mut common = false;
    while let Some(name) = key {
        common |= COMMON.contains(&name.as_str());
        match name.as_str() {
            own if OWN.contains(&own) => return Some(false),
            "logprobs" | "probs" => {
                return Some(match json.peek().ok()? {
                    Peek::Array => matches!(json.known_array().ok()?, Some(Peek::Object)),
                    peek => peek == Peek::Object,
                });
            }
            answer if ANSWERS.contains(&answer) || answer.parse::<TokenId>().is_ok() => return Some(true),
            _ => {}
        }
        json.next_skip().ok()?;
        key = json.next_key().ok()?.map(str::to_owned);
    }
    Some(common)
}

/// Reads all documents of a text; `first` is the number of its first line.
///
/// # Errors
/// What is no JSON; a document that is no answer, or a broken one.
pub(crate) fn read(name: &str, text: &[u8], first: usize) -> Result<Reader> {
    let mut reader = Reader::default();
    let breaks =
        |from: usize, to: usize| text[from..to.min(text.len())].iter().filter(|b| **b == b'\n').count();
    let bad = |at: usize, what: String| Error::input(name, Place::line(first + breaks(0, at)), what);
    // data of an event that goes on in the next line, and where it began
    let mut pending: Vec<u8> = Vec::new();
    let (mut at, mut began) = (0, 0);
    let (mut counted, mut line) = (0, first);
    while let Some(skip) = text[at..].iter().position(|b| !b.is_ascii_whitespace()) {
        // an event of several lines ends with an empty one
        if !pending.is_empty() && breaks(at, at + skip) > 1 {
            let event = whole(&pending).map_err(|fault| bad(began, in_event(fault)))?;
            reader.document(&event, line).map_err(|what| bad(began, what))?;
            pending.clear();
        }
        at += skip;
        (counted, line) = (at, line + breaks(counted, at));
        let rest = &text[at..];
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let content = ["data:", "error:"]
            .iter()
            .find_map(|field| Some((*field, rest[..end].strip_prefix(field.as_bytes())?)));
        if let Some((field, content)) = content {
            reader.streams = true;
            let content = content.trim_ascii();
            let is_first = pending.is_empty();
            match is_first {
                true => began = at,
                false => pending.push(b'\n'),
            }
            at += end;
            if is_first && content == b"[DONE]" {
                reader.end();
                continue;
            }
            pending.extend_from_slice(content);
            // an event of one line is read at once, one that goes on when it is over
            if is_first && !content.is_empty() {
                match whole(&pending) {
                    // llama-server's errors are events of another kind
                    Ok(error) if field == "error:" => {
                        reader.error(&error, line);
                        pending.clear();
                    }
                    Ok(event) => {
                        reader.document(&event, line).map_err(|what| bad(began, what))?;
                        pending.clear();
                    }
                    Err(fault) if fault.cut_off => {}
                    Err(fault) => return Err(bad(began, fault.what)),
                }
            }
            continue;
        }
        if [b"event:", b"retry:"].iter().any(|field| rest.starts_with(&field[..]))
            || rest.starts_with(b":")
            || rest.starts_with(b"id:")
        {
            at += end;
            continue;
        }
        if !pending.is_empty() {
            return Err(bad(began, CUT_OFF.into()));
        }
        let (document, len) = Value::first(rest).map_err(|fault| bad(at + fault.at, fault.what))?;
        reader.document(&document, line).map_err(|what| bad(at, what))?;
        at += len;
    }
    if !pending.is_empty() {
        let event = whole(&pending).map_err(|fault| bad(began, in_event(fault)))?;
        reader.document(&event, line).map_err(|what| bad(began, what))?;
    }
    Ok(reader)
}

/// What is said of an event that ends in the middle.
const CUT_OFF: &str = "truncated: the event ends in the middle";

fn in_event(fault: Fault) -> String {
    if fault.cut_off { CUT_OFF.into() } else { fault.what }
}

/// A text that is one value.
fn whole(text: &[u8]) -> std::result::Result<Value, Fault> {
    let (value, end) = Value::first(text)?;
    match text[end..].iter().position(|b| !b.is_ascii_whitespace()) {
        None => Ok(value),
        Some(more) => Err(Fault {
            what: "text after the JSON value of the event".into(),
            at: end + more,
            cut_off: false,
        }),
    }
}
