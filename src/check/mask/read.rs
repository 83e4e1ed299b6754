//! Sampling masks as servers give them.

use jiter::JsonValue;

use super::Mask;
use crate::check::fields::{Fields, field};
use crate::{Error, Place, Result, TokenId};

/// Keys that hold a mask.
const MASKS: [&str; 5] = ["sampling_mask", "output_token_sampling_mask", "kept_ids", "kept", "mask"];

/// Keys that hold what has a mask.
const AROUND: [&str; 5] = ["meta_info", "choices", "outputs", "sequences", "samples"];

/// Keys of the ids of all steps, and of where each step begins.
const IDS: [&str; 3] = ["token_ids", "indices", "ids"];
const OFFSETS: [&str; 2] = ["offsets", "indptr"];

/// Reads sampling masks, the ids that were kept at each step: nested lists (SGLang's `output_token_sampling_mask`), or ids with
/// offsets (vLLM's `sampling_mask`: CSR, `token_ids` and `offsets`; `indices` and `indptr`, or `counts`), alone, in a response, in
/// lists or lines of these, and what `probs` writes. An empty step says nothing.
///
/// ```
/// use tokpick::check::read_masks;
/// let masks = read_masks("csr.json", br#"{"sampling_mask": {"token_ids": [7, 3, 5], "offsets": [0, 2, 3]}}"#)?;
/// assert_eq!(masks[0].kept, [vec![3, 7], vec![5]]);
/// assert_eq!(read_masks("nested.json", b"[[7, 3], [5]]")?[0].kept, masks[0].kept);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// Text that is no JSON, or holds no mask; offsets that don't fit the ids.
pub fn read_masks(file: &str, text: &[u8]) -> Result<Vec<Mask>> {
    let bad = |line: Option<usize>, what: String| {
        Error::input(file, line.map_or_else(Place::default, Place::line), what)
    };
    let mut found = Vec::new();
    match JsonValue::parse(text, false) {
        Ok(document) => value(&document, &mut found).map_err(|what| bad(None, what))?,
        Err(error) => {
            let lines = text.split(|b| *b == b'\n').enumerate();
            for (at, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
                let document = JsonValue::parse(line, false);
                let Ok(document) = document else {
                    return Err(bad(Some(at + 1), format!("no JSON, and so no mask: {}", error.error_type)));
                };
                value(&document, &mut found).map_err(|what| bad(Some(at + 1), what))?;
            }
        }
    }
    if found.is_empty() {
        return Err(bad(None, NONE.into()));
    }
    Ok(found)
}

const NONE: &str =
    "holds no sampling mask: a list of ids for each step, or ids with offsets (\"token_ids\", \"offsets\")";

type Read<T> = std::result::Result<T, String>;

/// Adds the masks of a value.
fn value(of: &JsonValue<'_>, found: &mut Vec<Mask>) -> Read<()> {
    match of {
        JsonValue::Object(object) => inside(object, found),
        JsonValue::Array(list) if list.iter().any(|v| matches!(v, JsonValue::Object(_))) => {
            list.iter().try_for_each(|one| value(one, found))
        }
        JsonValue::Array(list) if list.iter().any(is_nested) => {
            list.iter().try_for_each(|one| value(one, found))
        }
        JsonValue::Array(list) => {
            found.push(Mask { kept: nested(list)?, ..Mask::default() });
            Ok(())
        }
        _ => Err(NONE.into()),
    }
}

/// A list of lists of lists: several sequences.
fn is_nested(value: &JsonValue<'_>) -> bool {
    matches!(value, JsonValue::Array(list) if list.iter().any(|v| matches!(v, JsonValue::Array(_))))
}

fn inside(object: Fields<'_, '_>, found: &mut Vec<Mask>) -> Read<()> {
    let number = |key: &str| match field(object, key) {
        Some(JsonValue::Int(n)) => usize::try_from(*n).ok(),
        _ => None,
    };
    let before = found.len();
    if let Some(mask) = MASKS.iter().find_map(|key| field(object, key)) {
        if *mask == JsonValue::Null {
            return Err("its sampling mask is null: the server was not asked for it".into());
        }
        match mask {
            JsonValue::Object(csr) => found.push(Mask { kept: rows(csr)?.ok_or(NONE)?, ..Mask::default() }),
            other => value(other, found)?,
        }
        for mask in &mut found[before..] {
            (mask.sequence, mask.first_step) = (number("sequence"), number("first_step").unwrap_or(0));
        }
        return Ok(());
    }
    if let Some(kept) = rows(object)? {
        found.push(Mask { kept, ..Mask::default() });
        return Ok(());
    }
    match AROUND.iter().find_map(|key| field(object, key)) {
        Some(around) => value(around, found),
        None => Err(NONE.into()),
    }
}

/// Ids with offsets or counts; `None` if there are none.
fn rows(object: Fields<'_, '_>) -> Read<Option<Vec<Vec<TokenId>>>> {
    let list = |keys: &[&str]| {
        keys.iter().find_map(|key| match field(object, key)? {
            JsonValue::Array(list) => Some(list.as_slice()),
            _ => None,
        })
    };
    let Some(all) = list(&IDS) else { return Ok(None) };
    let counts = list(&["counts"]);
    let (Some(of), is_counts) = (list(&OFFSETS).or(counts), list(&OFFSETS).is_none()) else {
        return Ok(None);
    };
    let all = ids(all)?;
    let mut ends = Vec::new();
    let mut sum = 0usize;
    for value in of {
        let JsonValue::Int(n) = value else { return Err("an offset is no whole number".into()) };
        let n = usize::try_from(*n).map_err(|_| format!("offset {n} is below 0"))?;
        sum = if is_counts { sum.saturating_add(n) } else { n };
        ends.push(sum);
    }
    if is_counts {
        ends.insert(0, 0);
    }
    let fits = ends.first() == Some(&0) && ends.last() == Some(&all.len()) && ends.is_sorted();
    if !fits {
        return Err(format!(
            "its offsets don't divide its {} ids: they rise from 0 to that number",
            all.len()
        ));
    }
    Ok(Some(ends.windows(2).map(|w| sorted(all[w[0]..w[1]].to_vec())).collect()))
}

/// A list of ids for each step.
fn nested(list: &[JsonValue<'_>]) -> Read<Vec<Vec<TokenId>>> {
    let step = |value: &JsonValue<'_>| match value {
        JsonValue::Null => Ok(Vec::new()),
        JsonValue::Array(list) => ids(list).map(sorted),
        _ => Err(NONE.to_string()),
    };
    list.iter().map(step).collect()
}

fn ids(list: &[JsonValue<'_>]) -> Read<Vec<TokenId>> {
    let id = |value: &JsonValue<'_>| match value {
        JsonValue::Int(n) => TokenId::try_from(*n).map_err(|_| format!("{n} is no token id")),
        _ => Err("a mask holds something that is no token id".to_string()),
    };
    list.iter().map(id).collect()
}

fn sorted(mut ids: Vec<TokenId>) -> Vec<TokenId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
