//! Log-probabilities of tokens, as servers and trainers write them down: one number for each token that was taken.

use jiter::JsonValue;

use crate::check::fields::{Fields, field};
use crate::source::{Carried, FLOOR};
use crate::{Error, Place, Result, TokenId};

/// The log-probabilities of the tokens of one sequence, as an input claims them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claimed {
    /// The caller's own id of the sequence, where there is one: sequences of two sides are paired by it.
    pub name: Option<serde_json::Value>,
    /// The ids; empty where the input names none.
    pub ids: Vec<TokenId>,
    /// Natural logarithms of their probabilities; `None` where one is missing.
    pub logprobs: Vec<Option<f64>>,
    /// The same after the processors, where the input has both; else empty.
    pub processed: Vec<Option<f64>>,
    /// The ids of the prompt, where they are known.
    pub prompt: Vec<TokenId>,
    /// The text that the ids make, where it is known.
    pub text: Option<String>,
    /// The strings of the ids, where they are known; empty, or as many as there are ids.
    pub tokens: Vec<Option<String>>,
    /// The positions whose ids were numbered in order of appearance, as the input names none: only strings tell which tokens these are.
    pub numbered: Vec<usize>,
}

impl From<&Carried> for Claimed {
    fn from(carried: &Carried) -> Claimed {
        let mut logprobs = carried.logprobs.clone();
        for step in &carried.floors {
            if let Some(logprob) = logprobs.get_mut(*step) {
                *logprob = Some(FLOOR);
            }
        }
        Claimed {
            ids: carried.ids.clone(),
            logprobs,
            prompt: carried.prompt.to_vec(),
            text: carried.text.clone(),
            numbered: carried.numbered.clone(),
            ..Claimed::default()
        }
    }
}

/// What [`read_claimed`] found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClaimedFile {
    /// The sequences, in their order.
    pub sequences: Vec<Claimed>,
    /// False if the document could as well be sparse rows, the best few tokens of each step.
    pub is_certain: bool,
}

/// Keys that name ids.
const IDS: [&str; 7] =
    ["ids", "token_ids", "response_ids", "output_ids", "completion_ids", "output_token_ids", "input_ids"];

/// Keys that name log-probabilities, the plainest first.
const LOGPROBS: [&str; 9] = [
    "logprobs",
    "log_probs",
    "token_logprobs",
    "response_logprobs",
    "rollout_log_probs",
    "old_log_probs",
    "per_token_logps",
    "sampling_logprobs",
    "logps",
];

/// Keys that name the ids of a prompt.
const PROMPTS: [&str; 2] = ["prompt_ids", "prompt_token_ids"];

/// Keys that name which positions count.
const MASKS: [&str; 3] = ["response_mask", "loss_mask", "mask"];

/// Keys that hold sequences.
const LISTS: [&str; 5] = ["sequences", "samples", "rollouts", "outputs", "data"];

/// Reads log-probabilities of tokens from JSON or JSON Lines: objects with `ids` and `logprobs` (or what trainers call them:
/// `response_ids`, `old_log_probs`, `rollout_log_probs`, …), lists in them for several sequences, and what tokpick itself writes.
/// `None` if it is no such document.
///
/// ```
/// use tokpick::check::read_claimed;
/// let text = r#"{"response_ids": [5, 5, 2], "old_log_probs": [-0.5, -0.25, null]}"#;
/// let found = read_claimed("trainer.json", text.as_bytes(), None)?.unwrap();
/// assert_eq!((found.sequences[0].ids.as_slice(), found.sequences[0].logprobs[1]), (&[5, 5, 2][..], Some(-0.25)));
/// assert!(found.is_certain);
/// assert_eq!(read_claimed("logits.json", b"[[0.5, 2.0]]", None)?, None);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// `list` names the list of log-probabilities where there are several (`rollout_log_probs` beside `old_log_probs`); it may have a name
/// that is not known here.
///
/// # Errors
/// A document of this kind whose lists don't fit together: which, and where; several lists of log-probabilities, and `list` is none of
/// them.
pub fn read_claimed(file: &str, text: &[u8], list: Option<&str>) -> Result<Option<ClaimedFile>> {
    let mut reader = Reader { found: ClaimedFile::default(), file, list };
    let bad = |line: usize, what| Error::input(file, Place::line(line), what);
    if let Ok(document) = JsonValue::parse(text, true) {
        if !reader.value(&document).map_err(|what| bad(1, what))? {
            return Ok(None);
        }
    } else {
        let lines = text.split(|b| *b == b'\n').enumerate();
        for (at, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            let Ok(document) = JsonValue::parse(line, true) else { return Ok(None) };
            if !reader.value(&document).map_err(|what| bad(at + 1, what))? {
                return Ok(None);
            }
        }
    }
    let found = reader.found;
    Ok(Some(found).filter(|found| !found.sequences.is_empty()))
}

struct Reader<'r> {
    found: ClaimedFile,
    file: &'r str,
    /// The list of log-probabilities that was asked for.
    list: Option<&'r str>,
}

type Read<T> = std::result::Result<T, String>;

impl Reader<'_> {
    /// Adds what a value holds; false if it holds no log-probabilities of tokens.
    fn value(&mut self, value: &JsonValue<'_>) -> Read<bool> {
        match value {
            JsonValue::Object(object) => self.object(object),
            JsonValue::Array(all) if !all.is_empty() => {
                for value in all.iter() {
                    if !matches!(value, JsonValue::Object(_)) || !self.value(value)? {
                        return Ok(false);
                    }
                }
                self.found.is_certain = true;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn object(&mut self, object: Fields<'_, '_>) -> Read<bool> {
        if let Some(list) =
            LISTS.iter().find_map(|key| field(object, key).filter(|v| matches!(v, JsonValue::Array(_))))
        {
            return self.value(list);
        }
        // a list that was named stands beside the tokens
        let named = self.list.filter(|name| array(object, name).is_none());
        if let Some(claimed) = array(object, "tokens").and_then(scored)
            && (self.list.is_none() || named.is_some())
        {
            if let Some(name) = named {
                return Err(format!("has no list {name:?}: its log-probabilities stand in its \"tokens\""));
            }
            self.found.is_certain = true;
            self.found.sequences.push(Claimed { name: name_of(object), ..claimed });
            return Ok(true);
        }
        let Some((name, logprobs)) = self.logprobs(object)? else { return Ok(false) };
        let ids = one_of(&IDS, object, logprobs.len())?;
        let masks = MASKS.iter().filter_map(|key| Some((*key, field(object, key)?)));
        let lists = Lists {
            name: &name,
            logprobs,
            ids: ids.map(|ids| ids.1),
            masks: masks.map(|(key, mask)| Ok((key, list(key, mask)?))).collect::<Read<Vec<_>>>()?,
            processed: field(object, PROCESSED).map(|value| list(PROCESSED, value)).transpose()?,
        };
        if matches!(logprobs.first(), Some(JsonValue::Array(_))) {
            self.found.is_certain = true;
            for at in 0..logprobs.len() {
                let Some(claimed) = lists.inner(at)?.map(|lists| lists.claimed()).transpose()?.flatten()
                else {
                    return Ok(false);
                };
                self.found.sequences.push(claimed);
            }
            return Ok(true);
        }
        let Some(mut claimed) = lists.claimed()? else { return Ok(false) };
        claimed.name = name_of(object);
        if let Some(JsonValue::Str(text)) = field(object, "text") {
            claimed.text = Some(text.to_string());
        }
        let prompt = PROMPTS.iter().find_map(|key| Some((*key, array(object, key)?)));
        if let Some((key, ids)) = prompt {
            claimed.prompt =
                whole(ids).ok_or_else(|| format!("{key} holds something that is no token id"))?;
        }
        let is_named = name != "logprobs" || ids.is_none_or(|ids| ids.0 != "ids");
        let has_more = object.iter().any(|(key, _)| !matches!(key.as_ref(), "ids" | "logprobs" | "id"));
        self.found.is_certain |= is_named || has_more || !could_be_a_row(&claimed);
        self.found.sequences.push(claimed);
        Ok(true)
    }

    /// The list of log-probabilities, and its name: the one that was asked for, or the only one.
    fn logprobs<'a, 'j>(&self, object: Fields<'a, 'j>) -> Read<Option<(String, &'a [JsonValue<'j>])>> {
        if let Some(name) = self.list {
            let found = array(object, name).map(|list| (name.to_string(), list));
            return found.map(Some).ok_or_else(|| format!("has no list {name:?}"));
        }
        let mut all = LOGPROBS.iter().filter_map(|key| Some((*key, array(object, key)?)));
        let Some((name, list)) = all.next() else { return Ok(None) };
        if let Some((other, _)) = all.find(|(_, other)| *other != list) {
            let file = self.file;
            return Err(format!(
                "has both {name} and {other}, which differ: give {file}#{name} or {file}#{other}"
            ));
        }
        Ok(Some((name.to_string(), list)))
    }
}

/// The list of one of these names: of several, the first that has `n` entries, or the first at all.
fn one_of<'a, 'j>(
    keys: &[&'static str],
    object: Fields<'a, 'j>,
    n: usize,
) -> Read<Option<(&'static str, &'a [JsonValue<'j>])>> {
    let all = || keys.iter().filter_map(|key| Some((*key, array(object, key)?)));
    let mut fitting = all().filter(|(_, list)| list.len() == n);
    let Some((name, list)) = fitting.next() else { return Ok(all().next()) };
    match fitting.find(|(_, other)| *other != list) {
        Some((other, _)) => Err(format!("has both {name} and {other}, which differ: leave one of them out")),
        None => Ok(Some((name, list))),
    }
}

/// The list of log-probabilities after the processors.
const PROCESSED: &str = "processed_logprobs";

/// A value that must be a list.
fn list<'a, 'j>(name: &str, value: &'a JsonValue<'j>) -> Read<&'a [JsonValue<'j>]> {
    match value {
        JsonValue::Array(list) => Ok(list),
        JsonValue::Null => Ok(&[]),
        _ => Err(format!("{name} is no list: one number for each token is needed")),
    }
}

/// The lists of one sequence, or of several.
struct Lists<'a, 'j> {
    /// What the log-probabilities are called.
    name: &'a str,
    logprobs: &'a [JsonValue<'j>],
    ids: Option<&'a [JsonValue<'j>]>,
    /// A token counts where all of them count.
    masks: Vec<(&'static str, &'a [JsonValue<'j>])>,
    processed: Option<&'a [JsonValue<'j>]>,
}

impl<'a, 'j> Lists<'a, 'j> {
    /// Those of one of several sequences; `None` if its log-probabilities are no list.
    fn inner(&self, at: usize) -> Read<Option<Lists<'a, 'j>>> {
        let Some(JsonValue::Array(logprobs)) = self.logprobs.get(at) else { return Ok(None) };
        let inner = |name: &str, lists: &'a [JsonValue<'j>]| match lists.get(at) {
            // one that is empty says nothing
            None if lists.is_empty() => Ok(&[][..]),
            Some(JsonValue::Null) => Ok(&[][..]),
            Some(JsonValue::Array(list)) => Ok(list.as_slice()),
            _ => Err(format!(
                "{} holds a list for each sequence, but {name} has none for sequence {at}",
                self.name
            )),
        };
        let masks = self.masks.iter().map(|(name, mask)| Ok((*name, inner(name, mask)?)));
        Ok(Some(Lists {
            name: self.name,
            logprobs,
            ids: self.ids.map(|ids| inner("the list of ids", ids)).transpose()?,
            masks: masks.collect::<Read<Vec<_>>>()?,
            processed: self.processed.map(|list| inner(PROCESSED, list)).transpose()?,
        }))
    }

    /// The sequence; `None` if these are no log-probabilities of tokens.
    fn claimed(&self) -> Read<Option<Claimed>> {
        let Some(logprobs) = numbers(self.logprobs) else { return Ok(None) };
        // as in the answers of servers
        if let Some(at) = self.logprobs.iter().position(is_nan) {
            return Err(format!("{} has NaN for token {at}: null says that there is no value", self.name));
        }
        let ids = match self.ids.map(whole) {
            Some(None) => return Ok(None),
            Some(Some(ids)) => ids,
            None => Vec::new(),
        };
        let all_numbers = |name: &str, list: &[JsonValue<'_>]| {
            numbers(list).ok_or_else(|| {
                format!("{name} holds something that is no number: one for each token is needed")
            })
        };
        let processed = all_numbers(PROCESSED, self.processed.unwrap_or_default())?;
        let masks = self.masks.iter().map(|(name, mask)| Ok((*name, all_numbers(name, mask)?)));
        let masks = masks.collect::<Read<Vec<_>>>()?;
        let lists = [("ids", ids.len()), (PROCESSED, processed.len())].into_iter();
        let of_masks = masks.iter().map(|(name, mask)| (*name, mask.len()));
        if let Some((what, n)) = lists.chain(of_masks).find(|(_, n)| *n > 0 && *n != logprobs.len()) {
            let what = if what == "ids" { what.to_string() } else { format!("numbers in {what}") };
            return Err(format!(
                "{} log-probabilities, but {n} {what}: one for each token is needed",
                logprobs.len()
            ));
        }
        if ids.is_empty() && self.ids.is_some() && !logprobs.is_empty() {
            return Err(format!("{} log-probabilities, but no ids", logprobs.len()));
        }
        let counts = |at: usize| masks.iter().all(|(_, mask)| mask.get(at).is_none_or(|m| *m != Some(0.0)));
        Ok(Some(Claimed {
            ids: kept(ids, counts),
            logprobs: kept(logprobs, counts),
            processed: kept(processed, counts),
            ..Claimed::default()
        }))
    }
}

/// What counts of a list.
fn kept<T>(list: Vec<T>, counts: impl Fn(usize) -> bool) -> Vec<T> {
    list.into_iter().enumerate().filter(|(at, _)| counts(*at)).map(|(_, x)| x).collect()
}

/// True if the ids could be the best few tokens of one step.
fn could_be_a_row(claimed: &Claimed) -> bool {
    let mut ids = claimed.ids.clone();
    ids.sort_unstable();
    let repeats = ids.windows(2).any(|pair| pair[0] == pair[1]);
    let mass: f64 = claimed.logprobs.iter().flatten().map(|l| crate::kernel::exp(*l)).sum();
    !repeats && mass <= 1.001 && claimed.logprobs.iter().all(Option::is_some)
}

fn array<'a, 'j>(object: Fields<'a, 'j>, key: &str) -> Option<&'a [JsonValue<'j>]> {
    match field(object, key)? {
        JsonValue::Array(list) => Some(list),
        _ => None,
    }
}

fn number(value: &JsonValue<'_>) -> Option<f64> {
    match value {
        JsonValue::Int(n) => Some(*n as f64),
        JsonValue::Float(x) => Some(*x),
        JsonValue::Bool(b) => Some(f64::from(u8::from(*b))),
        JsonValue::Str(s) if s == "-inf" || s == "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn is_nan(value: &JsonValue<'_>) -> bool {
    matches!(value, JsonValue::Float(x) if x.is_nan())
}

/// The caller's own id of a sequence: a string or a number.
fn name_of(object: Fields<'_, '_>) -> Option<serde_json::Value> {
    match field(object, "id")? {
        JsonValue::Int(n) => Some((*n).into()),
        JsonValue::Str(text) => Some(text.as_ref().into()),
        _ => None,
    }
}

/// Numbers, of which some may be missing (null, NaN); `None` if there is anything else.
fn numbers(list: &[JsonValue<'_>]) -> Option<Vec<Option<f64>>> {
    let one = |value: &JsonValue<'_>| match value {
        JsonValue::Null => Some(None),
        value => number(value).map(|x| Some(x).filter(|x| !x.is_nan())),
    };
    list.iter().map(one).collect()
}

/// Ids; `None` if there is anything else.
fn whole(list: &[JsonValue<'_>]) -> Option<Vec<TokenId>> {
    let one = |value: &JsonValue<'_>| match value {
        JsonValue::Int(n) => TokenId::try_from(*n).ok(),
        _ => None,
    };
    list.iter().map(one).collect()
}

/// Tokens as `score` writes them: `{"id": …, "logprob": …}`.
fn scored(tokens: &[JsonValue<'_>]) -> Option<Claimed> {
    let mut claimed = Claimed::default();
    for token in tokens {
        let JsonValue::Object(token) = token else { return None };
        let Some(JsonValue::Int(id)) = field(token, "id") else { return None };
        claimed.ids.push(TokenId::try_from(*id).ok()?);
        claimed.logprobs.push(number(field(token, "logprob")?));
        claimed.processed.push(field(token, "processed_logprob").and_then(number));
    }
    Some(claimed).filter(|claimed| !claimed.ids.is_empty())
}
