//! From the given flags to the entries of a chain: (JSON name, JSON form).

use serde_json::{Map, Value, json};
use tokpick::processor::{Fact, INFOS, Info, Written};
use tokpick::render::Tokens;
use tokpick::{Error, Result, TokenId};

use super::Files;
use crate::cli::args::{ProcessorFlags, SettingsArgs, takes};
use crate::cli::note::note;

/// What processors need to know that has a flag of its own.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The end tokens.
    pub eos: Vec<TokenId>,
    /// The prompt.
    pub prompt: Vec<TokenId>,
    /// How long prompt, prefix and new tokens can become, where that is known.
    pub max_length: Option<usize>,
    /// How many tokens truncations keep at least, where the strategy needs more than one.
    pub min_tokens_to_keep: Option<usize>,
}

/// A processor, and its parameters.
struct Entry {
    info: &'static Info,
    parameters: Map<String, Value>,
}

/// The entries of a chain: those of files (later ones win), and over them the flags. `tokens` are the strings that ids may be
/// named by.
///
/// # Errors
/// A value that is not written as its flag asks for; a processor that lacks a fact.
pub fn entries(
    args: &SettingsArgs,
    files: &Files,
    facts: &Facts,
    tokens: Option<&Tokens>,
) -> Result<Vec<(String, Value)>> {
    let mut entries: Vec<Entry> = Vec::new();
    // a name that isn't known is refused where the chain is built
    let mut unknown = Vec::new();
    for (name, form) in files.entries() {
        match INFOS.iter().find(|info| info.name == name) {
            Some(info) => slot(&mut entries, info).extend(info.parameters(form)),
            None => unknown.push((name, form)),
        }
    }
    let flags = &args.flags;
    for given in flags.given() {
        let Some(info) = given.info else { continue };
        let value = given.value(tokens)?;
        let parameters = slot(&mut entries, info);
        match (given.flag.written, value) {
            (Written::Pair(first, second), Value::Array(pair)) => {
                parameters.extend([first, second].map(String::from).into_iter().zip(pair));
            }
            (_, value) => {
                parameters.insert(given.flag.parameter.to_string(), value);
            }
        }
    }
    for (name, parameter, more) in args.texts.resolve(&files.bad_words(tokens), tokens)? {
        let Some(info) = INFOS.iter().find(|info| info.name == name) else { continue };
        let list = slot(&mut entries, info).entry(parameter).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.extend(more);
        }
    }
    share(flags, tokens, &mut entries)?;
    take_over(&mut entries);
    give_way(&mut entries);
    complete(&mut entries, facts)?;
    let written = entries.into_iter().map(|e| (e.info.name.to_string(), Value::Object(e.parameters)));
    Ok(written.chain(unknown).collect())
}

/// Sets the parameters that several processors share.
fn share(flags: &ProcessorFlags, tokens: Option<&Tokens>, entries: &mut [Entry]) -> Result<()> {
    for given in flags.given().iter().filter(|given| given.info.is_none()) {
        let value = given.value(tokens)?;
        let mut used = false;
        for entry in entries.iter_mut().filter(|entry| takes(entry.info, given.flag)) {
            entry.parameters.insert(given.flag.parameter.to_string(), value.clone());
            used = true;
        }
        if !used {
            note(format!("--{} has no effect: no processor that it is about is given", given.flag.long));
        }
    }
    Ok(())
}

/// Leaves one stage of two where a processor takes the place of another one, whose value becomes its parameter (a dynamic
/// temperature varies the temperature); at the off value of its own flag it is off, and both stay.
fn take_over(entries: &mut Vec<Entry>) {
    let found = entries.iter().enumerate().find_map(|(at, e)| Some((at, e.info, e.info.takes_over?)));
    let Some((to, info, other)) = found else { return };
    let own = info.flags.first().map_or("", |flag| flag.parameter);
    let is_off =
        entries[to].parameters.get(own).and_then(Value::as_f64).is_some_and(|x| info.off.of(own) == Some(x));
    let from = entries.iter().position(|e| e.info.name == other).filter(|_| !is_off);
    let value =
        from.and_then(|from| entries[from].parameters.get(entries[from].info.lone_parameter()).cloned());
    let value = value.or_else(|| info.off.of(other).map(param)).unwrap_or(Value::Null);
    entries[to].parameters.entry(other).or_insert(value);
    if let Some(from) = from {
        entries.remove(from);
    }
}

/// A number in JSON, without a point where it is whole.
fn param(x: f64) -> Value {
    if x.fract() == 0.0 { json!(x as i64) } else { json!(x) }
}

/// Leaves out what another processor takes the place of.
fn give_way(entries: &mut Vec<Entry>) {
    let names: Vec<&str> = entries.iter().map(|entry| entry.info.name).collect();
    entries.retain(|entry| match entry.info.gives_way_to.filter(|other| names.contains(other)) {
        Some(other) => {
            note(format!("{} has no effect beside {other}, as in transformers", entry.info.name));
            false
        }
        None => true,
    });
}

/// Adds the facts that have a flag of their own.
fn complete(entries: &mut Vec<Entry>, facts: &Facts) -> Result<()> {
    let mut idle = Vec::new();
    let first_is_taken = entries.iter().any(|e| e.info.takes_first);
    for Entry { info, parameters } in entries.iter_mut() {
        for fact in info.facts {
            let (parameter, known) = match fact {
                Fact::Eos | Fact::EosIfAny => {
                    ("eos_token_id", (!facts.eos.is_empty()).then(|| json!(facts.eos)))
                }
                Fact::EncoderIds => ("encoder_ids", Some(json!(facts.prompt))),
                Fact::MaxLength => ("max_length", facts.max_length.map(Value::from)),
                Fact::MinTokensToKeep => ("min_tokens_to_keep", facts.min_tokens_to_keep.map(Value::from)),
                // a forced first token comes before what begins
                Fact::BeginIndex => {
                    ("begin_index", (first_is_taken && facts.prompt.len() == 1).then(|| json!(2)))
                }
            };
            if parameters.contains_key(parameter) {
                continue;
            }
            match (known, fact) {
                (Some(known), _) => {
                    parameters.insert(parameter.to_string(), known);
                }
                (None, Fact::Eos) => {
                    if !info.is_off(&Value::Object(parameters.clone())) {
                        note(format!("{} has no effect without --eos-token-id", info.name));
                    }
                    idle.push(info.name);
                }
                (None, Fact::MaxLength) => {
                    let given = parameters.get(info.lone_parameter()).unwrap_or(&Value::Null);
                    let what = "needs --max-new-tokens: the end of a stream is not known";
                    return Err(Error::setting(info.flag(), given, what));
                }
                (None, _) => {}
            }
        }
    }
    entries.retain(|entry| !idle.contains(&entry.info.name));
    Ok(())
}

fn slot<'e>(entries: &'e mut Vec<Entry>, info: &'static Info) -> &'e mut Map<String, Value> {
    let at = entries.iter().position(|e| e.info.name == info.name).unwrap_or_else(|| {
        entries.push(Entry { info, parameters: Map::new() });
        entries.len() - 1
    });
    &mut entries[at].parameters
}
