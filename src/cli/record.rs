//! Records of decoding runs.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;
use tokpick::Result;
use tokpick::check::{Digest, Record, RecordedInput, Word, digest_file};
use tokpick::processor::Chain;

use super::args::Opened;
use super::given::Given;
use super::strategy::Strategy;

/// Flags that change where results go, or how fast, but not what they are.
pub const WITHOUT_RESULT: [&str; 13] = [
    "record",
    "output",
    "format",
    "stream",
    "escape",
    "width",
    "color",
    "ascii",
    "digits",
    "threads",
    "trace",
    "trace-top",
    "record-table",
];

/// A record of a run that is about to begin, to be written to `path`: everything but the input's digest and the result.
///
/// # Errors
/// A file that the command names and that can't be read.
pub fn begin(
    path: &Path,
    given: &Given,
    strategy: &Strategy,
    opened: &Opened,
    chain: &Chain,
) -> Result<Record> {
    let command = canonical(given, strategy);
    let none =
        RecordedInput { role: String::new(), path: Word::default(), sha256: Digest::of(b""), bytes: 0 };
    let mut record = Record::new(command, none);
    record.directory = directory(path);
    record.chain = chain.json();
    record.draw = strategy.draw.clone();
    record.engine = strategy.engine.map(str::to_string);
    record.seed = strategy.seed_json();
    record.shape = shape(opened);
    record.companions = companions(given, &record.chain)?;
    record.vocabulary = opened.vocabulary.clone();
    Ok(record)
}

/// Sequences, steps and vocabulary size of an input, as a record has them.
pub fn shape(opened: &Opened) -> [Option<usize>; 3] {
    let shape = opened.source.shape();
    [Some(shape.sequences.len()), shape.steps(), shape.vocab]
}

/// The command line in one form: the subcommand, the input, then every flag that decides something as `--flag=value`, in the
/// order of the help, with what was settled without a flag and the seed that was used.
fn canonical(given: &Given, strategy: &Strategy<'_>) -> Vec<Word> {
    let input = given.arguments().iter().find(|a| a.id == "input").and_then(|a| a.values.as_ref()?.first());
    let mut words =
        vec![Word::from(given.command()), input.map_or_else(|| Word::from("-"), |path| Word(path.clone()))];
    for argument in given.arguments() {
        let Some(long) = argument.long.as_deref() else { continue };
        if WITHOUT_RESULT.contains(&long) || long == "seed" {
            continue;
        }
        match &argument.values {
            None => words.push(format!("--{long}").into()),
            Some(values) => words.extend(values.iter().map(|value| {
                let mut word = OsString::from(format!("--{long}="));
                word.push(value);
                Word(word)
            })),
        }
    }
    words.extend(strategy.settled.iter().map(|word| Word::from(word.as_str())));
    words.extend(strategy.seed.as_ref().map(|seed| format!("--seed={}", seed.0).into()));
    words
}

/// The working directory, seen from the folder of a record that is about to be written; `None` if it is that folder.
fn directory(record: &Path) -> Option<Word> {
    let folder = record.parent().filter(|p| *p != Path::new("")).unwrap_or(Path::new("."));
    let (from, to) = (fs::canonicalize(folder).ok()?, fs::canonicalize(".").ok()?);
    (from != to).then(|| Word::from(between(&from, &to).as_path()))
}

/// The way from one absolute path to another.
fn between(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    if common == 0 {
        // two drives
        return to.to_path_buf();
    }
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

/// The files that a command names beside its input: of ids (`@FILE`), of settings, of a second model.
///
/// # Errors
/// A file that can't be read.
pub fn companions(given: &Given, chain: &Value) -> Result<Vec<RecordedInput>> {
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for argument in given.arguments() {
        let (Some(long), Some(values)) = (&argument.long, &argument.values) else { continue };
        if WITHOUT_RESULT.contains(&long.as_str()) {
            continue;
        }
        for value in values {
            if let Some(file) = value.to_str().and_then(|v| v.strip_prefix('@')).filter(|_| !argument.is_text)
            {
                files.push((long.clone(), file.into()));
            } else if long == "model-dir" {
                let names =
                    ["tokenizer.json", "generation_config.json", "config.json", "tokenizer_config.json"];
                let there =
                    names.map(|name| Path::new(value).join(name)).into_iter().filter(|path| path.is_file());
                files.extend(there.map(|path| (long.clone(), path)));
            } else if ["generation-config", "sampling-params", "tokenizer"].contains(&long.as_str()) {
                files.push((long.clone(), value.into()));
            }
        }
    }
    let stages = chain.as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
    for (key, value) in stages.filter_map(|(_, form)| form.as_object()).flatten() {
        if let Some(file) = value.as_str().filter(|_| key == "input" || key.ends_with("_input")) {
            files.push((key.clone(), file.into()));
        }
    }
    files
        .into_iter()
        .map(|(role, path)| {
            let (sha256, bytes) = digest_file(&path)?;
            Ok(RecordedInput { role, path: path.as_path().into(), sha256, bytes })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_folders() {
        for (from, to, way) in [
            ("/a/b", "/a/b/c", "c"),
            ("/a/b/c", "/a/b", ".."),
            ("/a/x/y", "/a/b", "../../b"),
            ("/", "/a", "a"),
        ] {
            assert_eq!(between(Path::new(from), Path::new(to)), Path::new(way), "{from} {to}");
        }
    }
}
