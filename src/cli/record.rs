//! Records of decoding runs.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};
use serde_json::Value;
use tokpick::check::{Companion, Digest, Record, digest_file};
use tokpick::processor::Chain;
use tokpick::{Error, Result};

use super::Cli;
use super::args::Opened;
use super::decode::Strategy;

/// Flags that change where results go, or how fast, but not what they are.
const WITHOUT_RESULT: [&str; 10] = [
    "record",
    "output",
    "format",
    "stream",
    "escape",
    "threads",
    "input",
    "trace",
    "trace_top",
    "record_table",
];

/// A record of a run that is about to begin: everything but the input's digest and the result.
pub fn begin(strategy: &Strategy, opened: &Opened, chain: &Chain) -> Result<Record> {
    let shape = opened.source.shape();
    let command = canonical(strategy.seed.as_ref().map(|s| s.0.as_str()));
    let companions = companions(&command, &chain.json())?;
    let none = Companion { role: String::new(), path: String::new(), sha256: Digest::of(b""), bytes: 0 };
    let mut record = Record::new(command, none);
    record.chain = chain.json();
    record.draw = strategy.draw.clone();
    record.engine = strategy.engine.map(str::to_string);
    record.seed = strategy.seed_json();
    record.shape =
        [Some(shape.sequences.len()), shape.end_step.map(|e| e - shape.first_step.min(e)), shape.vocab];
    record.companions = companions;
    record.vocabulary = opened.vocabulary.clone();
    Ok(record)
}

/// The command line in one form: the subcommand, the input, then every flag that decides something as `--flag=value`, in the
/// order of the help, with the seed that was used.
fn canonical(seed: Option<&str>) -> Vec<String> {
    let mut command = Cli::command();
    command.build();
    let Ok(matches) = Cli::command().try_get_matches() else { return Vec::new() };
    let Some((name, matches)) = matches.subcommand() else { return Vec::new() };
    let mut words = vec![name.to_string(), text(matches, "input").unwrap_or_else(|| "-".to_string())];
    let mut deferred = command.find_subcommand(name).cloned().unwrap_or_default();
    deferred.build();
    for arg in deferred.get_arguments() {
        let (id, Some(long)) = (arg.get_id().as_str(), arg.get_long()) else { continue };
        let given =
            matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine);
        if !given || WITHOUT_RESULT.contains(&id) || id == "seed" {
            continue;
        }
        match arg.get_action().takes_values() {
            false => words.push(format!("--{long}")),
            true => {
                let values = matches.get_raw(id).into_iter().flatten();
                words.extend(values.map(|v| format!("--{long}={}", v.to_string_lossy())));
            }
        }
    }
    words.extend(seed.map(|seed| format!("--seed={seed}")));
    words
}

fn text(matches: &ArgMatches, id: &str) -> Option<String> {
    Some(matches.get_raw(id)?.next()?.to_string_lossy().into_owned())
}

/// The files that a command names beside its input: of ids (`@FILE`), of settings, of a second model.
fn companions(command: &[String], chain: &Value) -> Result<Vec<Companion>> {
    let mut files: Vec<(String, String)> = Vec::new();
    for word in command {
        let Some((flag, value)) = word.strip_prefix("--").and_then(|w| w.split_once('=')) else { continue };
        if let Some(file) = value.strip_prefix('@') {
            files.push((flag.to_string(), file.to_string()));
        } else if ["generation-config", "sampling-params"].contains(&flag) {
            files.push((flag.to_string(), value.to_string()));
        }
    }
    let stages = chain.as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
    for (key, value) in stages.filter_map(|(_, form)| form.as_object()).flatten() {
        if let Some(file) = value.as_str().filter(|_| key == "input" || key.ends_with("_input")) {
            files.push((key.clone(), file.to_string()));
        }
    }
    files
        .into_iter()
        .map(|(role, path)| {
            let (sha256, bytes) = digest_file(Path::new(&path))?;
            Ok(Companion { role, path, sha256, bytes })
        })
        .collect()
}

/// Compares a file with its digest in a record.
///
/// # Errors
/// A file that is missing or has changed: which, and both digests.
pub fn unchanged(recorded: &Companion, path: &Path) -> Result<()> {
    let (sha256, bytes) = digest_file(path)?;
    if sha256 == recorded.sha256 {
        return Ok(());
    }
    let what = format!(
        "the {} has changed since the record was made: SHA-256 {sha256} ({bytes} bytes), recorded {} ({} bytes)",
        recorded.role, recorded.sha256, recorded.bytes
    );
    Err(Error::input(path.display().to_string(), tokpick::Place::default(), what))
}
