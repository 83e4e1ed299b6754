//! From the given flags to the entries of a chain: (JSON name, JSON form).

use serde_json::{Map, Value, json};
use tokpick::processor::{INFOS, Kind as Processors};
use tokpick::{Error, Result, TokenId};

use super::{Flag, ProcessorFlags, value};
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
}

/// The processors whose parameters `--penalty-last-n` and `--penalty-scope` set.
const PENALTIES: [&str; 3] = ["repetition_penalty", "presence_penalty", "frequency_penalty"];

/// The processors that know the end tokens.
const WITH_EOS: [&str; 4] =
    ["min_length", "min_new_tokens", "exponential_decay_length_penalty", "bad_words_ids"];

/// The parameters of one processor.
type Entry = (String, Map<String, Value>);

impl ProcessorFlags {
    /// The entries of a chain: those of `files` (later ones win), and over them the flags.
    ///
    /// # Errors
    /// A value that is not written as its flag asks for; a processor that lacks a fact.
    pub fn entries(&self, files: Vec<(String, Value)>, facts: &Facts) -> Result<Vec<(String, Value)>> {
        let mut entries: Vec<Entry> = Vec::new();
        for (name, form) in files {
            let parameters = match form {
                Value::Object(parameters) => parameters,
                lone => {
                    Map::from_iter([(Flag::main(&name).map_or("value", |f| f.parameter).to_string(), lone)])
                }
            };
            slot(&mut entries, &name).extend(parameters);
        }
        for (flag, text) in self.given.iter().filter(|(flag, _)| !flag.processor.is_empty()) {
            let value = flag.kind.read(flag.long, text)?;
            let parameters = slot(&mut entries, flag.processor);
            match (flag.kind, value) {
                (value::Kind::StartFactor, Value::Array(pair)) => {
                    parameters.extend(["start", "factor"].map(String::from).into_iter().zip(pair));
                }
                (_, value) => {
                    parameters.insert(flag.parameter.to_string(), value);
                }
            }
        }
        self.share(&mut entries)?;
        heat(&mut entries);
        complete(&mut entries, facts)?;
        Ok(entries.into_iter().map(|(name, parameters)| (name, Value::Object(parameters))).collect())
    }

    /// Sets the parameters that several processors share.
    fn share(&self, entries: &mut [Entry]) -> Result<()> {
        for (flag, text) in self.given.iter().filter(|(flag, _)| flag.processor.is_empty()) {
            let value = flag.kind.read(flag.long, text)?;
            let takes = |name: &str| match flag.parameter {
                "min_tokens_to_keep" => {
                    INFOS.iter().any(|info| info.name == name && info.kind == Processors::Truncation)
                }
                "encoder_ids" => name.starts_with("encoder_"),
                _ => PENALTIES.contains(&name),
            };
            let mut used = false;
            for (_, parameters) in entries.iter_mut().filter(|(name, _)| takes(name)) {
                parameters.insert(flag.parameter.to_string(), value.clone());
                used = true;
            }
            if !used {
                note(format!("--{} has no effect: no processor that it is about is given", flag.long));
            }
        }
        Ok(())
    }
}

/// A dynamic temperature varies the temperature: there is one stage, not two. With a range of 0 it is off.
fn heat(entries: &mut Vec<Entry>) {
    let find = |name: &str| entries.iter().position(|e| e.0 == name);
    let Some(to) = find("dynamic_temperature") else { return };
    let on = entries[to].1.get("range").and_then(Value::as_f64) != Some(0.0);
    let from = find("temperature").filter(|_| on);
    let value = from.and_then(|from| entries[from].1.get("value").cloned());
    entries[to].1.entry("temperature").or_insert(value.unwrap_or_else(|| json!(1)));
    if let Some(from) = from {
        entries.remove(from);
    }
}

/// Adds the facts that have a flag of their own.
fn complete(entries: &mut Vec<Entry>, facts: &Facts) -> Result<()> {
    let mut idle = Vec::new();
    let forced_bos = entries.iter().any(|e| e.0 == "forced_bos_token_id");
    for (name, parameters) in entries.iter_mut() {
        let name = name.as_str();
        if WITH_EOS.contains(&name) && !parameters.contains_key("eos_token_id") {
            if !facts.eos.is_empty() {
                parameters.insert("eos_token_id".to_string(), json!(facts.eos));
            } else if name != "bad_words_ids" {
                note(format!("{name} has no effect without --eos-token-id"));
                idle.push(name.to_string());
            }
        }
        if name == "begin_suppress_tokens" && forced_bos && facts.prompt.len() == 1 {
            // a forced first token comes before what begins
            parameters.entry("begin_index").or_insert(json!(2));
        }
        if name == "forced_eos_token_id" && !parameters.contains_key("max_length") {
            let max = facts.max_length.ok_or_else(|| {
                Error::setting(
                    "--forced-eos-token-id",
                    parameters.get("eos_token_id").unwrap_or(&Value::Null),
                    "needs --max-new-tokens: the end of a stream is not known",
                )
            })?;
            parameters.insert("max_length".to_string(), json!(max));
        }
        if name.starts_with("encoder_") && !parameters.contains_key("encoder_ids") {
            parameters.insert("encoder_ids".to_string(), json!(facts.prompt));
        }
    }
    entries.retain(|(name, _)| !idle.contains(name));
    Ok(())
}

fn slot<'e>(entries: &'e mut Vec<Entry>, name: &str) -> &'e mut Map<String, Value> {
    let at = entries.iter().position(|e| e.0 == name).unwrap_or_else(|| {
        entries.push((name.to_string(), Map::new()));
        entries.len() - 1
    });
    &mut entries[at].1
}
