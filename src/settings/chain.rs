use serde_json::{Map, Value};

use crate::processor::{Chain, Flag, INFOS, Info, Stage, Written};
use crate::source::text::unique::unique;
use crate::{Error, Result};

/// Reads a whole chain: short (`temperature=0.8,top-k=40,xtc(probability=0.5,threshold=0.1)`) or JSON
/// (`[{"temperature":0.8},{"top_k":40}]`).
///
/// In the short form, `name=value` gives a processor its one value (JSON, so `[[5,-1.5]]` is a list; a bare word is a string) and
/// `name(parameter=value,…)` its parameters; names may be written with `-` or `_`. In JSON a processor takes its one value, or an
/// object of its parameters. A name may come twice. What its flag is also called (`temp`, `topp`) is understood as its name.
///
/// # Errors
/// An unknown name (the message lists the nearest), a value out of range, text that is neither form.
///
/// ```
/// use tokpick::settings;
/// let short = settings::chain("temperature=0.8,top-k=40")?;
/// let json = settings::chain(r#"[{"temperature":0.8},{"top_k":40}]"#)?;
/// assert_eq!(short.json(), json.json());
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn chain(text: &str) -> Result<Chain> {
    let stages: Vec<Stage> =
        entries(text)?.iter().map(|(name, form)| processor(name, form)).collect::<Result<_>>()?;
    Ok(Chain::new(stages))
}

/// The files that a chain names, before any of them is opened; none where the text is no chain.
///
/// ```
/// use tokpick::settings::chain_files;
/// let chain = "top-k=40,guidance_scale(value=2,uncond_input=plain.npy),prefix-constraint=allowed.jsonl";
/// assert_eq!(chain_files(chain), ["plain.npy", "allowed.jsonl"]);
/// ```
pub fn chain_files(text: &str) -> Vec<String> {
    let mut files = Vec::new();
    chain_with_files(text, &mut |file| {
        files.push(file.to_string());
        file.to_string()
    });
    files
}

/// A chain whose files have other names, which `name` gives, as JSON; `None` where it names no file, or the text is no chain.
///
/// ```
/// use tokpick::settings::chain_with_files;
/// let chain = "top-k=40,prefix_constraint=allowed.jsonl";
/// let seen = chain_with_files(chain, &mut |file| format!("runs/{file}"));
/// let wanted = serde_json::json!([{"top-k": 40}, {"prefix_constraint": {"input": "runs/allowed.jsonl"}}]);
/// assert_eq!(seen, Some(wanted));
/// assert_eq!(chain_with_files("top-k=40", &mut str::to_string), None);
/// ```
pub fn chain_with_files(text: &str, name: &mut dyn FnMut(&str) -> String) -> Option<Value> {
    let mut entries = entries(text).ok()?;
    let mut any = false;
    for (processor, form) in &mut entries {
        let Ok(info) = find(processor) else { continue };
        let mut parameters = info.parameters(form.clone());
        for flag in info.flags.iter().filter(|flag| flag.written == Written::File) {
            if let Some(Value::String(file)) = parameters.get_mut(flag.parameter) {
                *file = name(file);
                any = true;
                *form = Value::Object(parameters.clone());
            }
        }
    }
    let entry = |(processor, form)| Value::Object(Map::from_iter([(processor, form)]));
    any.then(|| entries.into_iter().map(entry).collect())
}

fn entries(text: &str) -> Result<Vec<(String, Value)>> {
    if text.trim_start().starts_with('[') { from_json(text) } else { from_short(text) }
}

/// Builds one processor from its name and JSON form.
///
/// # Errors
/// As [`chain`].
pub fn processor(name: &str, form: &Value) -> Result<Stage> {
    (find(name)?.parse)(form)
}

/// The processor of a name, written with `-` or `_`; the other spellings of its flag are its names, too.
///
/// # Errors
/// An unknown name; the message has the nearest and all there are.
pub fn find(name: &str) -> Result<&'static Info> {
    let wanted = name.trim().replace('-', "_");
    let stands_for = |flag: &Flag| {
        let mut spellings = flag.aliases.iter().chain(flag.hidden).chain([&flag.long]);
        flag.parameter == "value" && spellings.any(|spelling| spelling.replace('-', "_") == wanted)
    };
    let by_name = INFOS.iter().find(|info| info.name == wanted);
    let by_flag = || INFOS.iter().find(|info| info.flags.iter().any(stands_for));
    by_name.or_else(by_flag).copied().ok_or_else(|| {
        let names: Vec<&str> = INFOS.iter().map(|info| info.name).collect();
        Error::setting("chain", name, super::unknown("processor", &wanted, &names))
    })
}

fn from_json(text: &str) -> Result<Vec<(String, Value)>> {
    let wrong = |e: serde_json::Error| Error::setting("chain", text, e.to_string());
    let entries: Vec<Map<String, Value>> = unique(text).and_then(serde_json::from_value).map_err(wrong)?;
    entries
        .into_iter()
        .map(|entry| {
            let mut parts = entry.into_iter();
            match (parts.next(), parts.next()) {
                (Some(one), None) => Ok(one),
                _ => Err(Error::setting(
                    "chain",
                    text,
                    "each entry must be an object with one name, the processor's",
                )),
            }
        })
        .collect()
}

fn from_short(text: &str) -> Result<Vec<(String, Value)>> {
    split(text, ',')?.into_iter().map(entry).collect()
}

fn entry(text: &str) -> Result<(String, Value)> {
    let bad = |what: &str| Error::setting("chain", text, what);
    let end = text.find(['=', '(']).ok_or_else(|| bad("write name=value or name(parameter=value,…)"))?;
    let (name, rest) = (text[..end].trim(), text[end..].trim());
    if let Some(value) = rest.strip_prefix('=') {
        return Ok((name.to_string(), value_of(value)));
    }
    let inside = rest
        .strip_prefix('(')
        .and_then(|r| r.strip_suffix(')'))
        .ok_or_else(|| bad("the parenthesis is not closed"))?;
    let mut object = Map::new();
    for part in split(inside, ',')? {
        let (key, value) =
            part.split_once('=').ok_or_else(|| bad("inside parentheses, write parameter=value"))?;
        let key = key.trim().replace('-', "_");
        if object.contains_key(&key) {
            return Err(bad(&format!("the parameter {key} stands twice")));
        }
        object.insert(key, value_of(value));
    }
    Ok((name.to_string(), Value::Object(object)))
}

/// A value as JSON, or else a string as it stands.
fn value_of(text: &str) -> Value {
    unique(text.trim()).unwrap_or_else(|_| Value::String(text.trim().to_string()))
}

/// Splits at a separator outside brackets and strings.
pub(crate) fn split(text: &str, separator: char) -> Result<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted, mut escaped, mut from) = (0usize, false, false, 0);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| Error::setting("chain", text, format!("{c} closes nothing")))?;
            }
            c if c == separator && depth == 0 => {
                parts.push(&text[from..at]);
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if depth > 0 || quoted {
        return Err(Error::setting("chain", text, "a bracket or quote is not closed"));
    }
    parts.push(&text[from..]);
    Ok(parts.into_iter().map(str::trim).filter(|p| !p.is_empty()).collect())
}
