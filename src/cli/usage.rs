//! What is said where a command line asks for help, or can't be understood.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ErrorKind};
use tokpick::check::Record;

use super::help::short;
use super::note::note;
use super::parse;

/// Shows the help of a subcommand: nobody gave it anything to read.
pub fn help(name: &str) {
    // standard error may be closed
    let _ = write!(std::io::stderr(), "{}", short(name));
    note("no input: give a file, or pipe logits in");
}

/// `help sample` is `sample --help`, and `help` alone `--help`.
pub fn with_help(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.first().is_some_and(|word| word == "help") {
        words.remove(0);
        words.push("--help".into());
    }
    words
}

/// An error where a file stands in the place of a command becomes one that names the command line which was probably meant.
pub fn meant(error: clap::Error, words: &[OsString], command: &mut Command) -> clap::Error {
    let known = |word: &OsString| command.get_subcommands().any(|c| word.to_str() == Some(c.get_name()));
    if !matches!(error.kind(), ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument)
        || words.first().is_none_or(known)
    {
        return error;
    }
    let is_file = |word: &OsString| Path::new(word).is_file();
    let like_file = |word: &OsString| {
        let text = word.to_string_lossy();
        text == "-" || (!text.starts_with('-') && text.contains(['.', '/', '\\']))
    };
    // a word in the place of the command is a command that doesn't exist
    if words
        .first()
        .is_some_and(|word| !word.to_string_lossy().starts_with('-') && !is_file(word) && !like_file(word))
    {
        return error;
    }
    let Some(at) = words.iter().position(is_file).or_else(|| words.iter().position(like_file)) else {
        return error;
    };
    let mut rest = words.to_vec();
    let file = rest.remove(at);
    let name = command_for(&file, &rest);
    let line = [OsString::from("tokpick"), name.into(), file.clone()].into_iter().chain(rest);
    let line: Vec<String> = line.map(|word| word.to_string_lossy().into_owned()).collect();
    let line = shlex::try_join(line.iter().map(String::as_str)).unwrap_or_else(|_| line.join(" "));
    let file = file.to_string_lossy();
    command.error(
        ErrorKind::InvalidSubcommand,
        format!("{file} stands where a command should: did you mean `{line}`?"),
    )
}

/// The command that a file and some flags are probably for.
fn command_for(file: &OsString, flags: &[OsString]) -> &'static str {
    let is_record = || std::fs::read(file).is_ok_and(|text| Record::is_record(&text));
    if file != "-" && is_record() {
        return "verify";
    }
    let words = [OsString::from("sample"), file.clone()].into_iter().chain(flags.iter().cloned());
    let Ok((_, given)) = parse(words) else { return "greedy" };
    let has = |flags: &[&str]| flags.iter().any(|flag| given.has(flag));
    if has(&["num-beams", "length-penalty", "num-beam-groups", "beam-sample", "stochastic", "force-ids"]) {
        return "beam";
    }
    // what says nothing of how a token is chosen
    let neutral = [
        "format",
        "output",
        "stream",
        "vocab",
        "vocab-size",
        "layout",
        "rows",
        "dtype",
        "source",
        "null-is-masked",
        "max-new-tokens",
        "eos-token-id",
        "prompt-ids",
        "prefix-ids",
        "threads",
    ];
    let chooses = |long: &str| !neutral.contains(&long);
    match given.arguments().iter().filter_map(|a| a.long.as_deref()).any(chooses) {
        true => "sample",
        false => "greedy",
    }
}

/// The longest value that an error quotes whole.
const QUOTED: usize = 200;

/// A usage error whose values are quoted in part where they are long.
pub fn shortened(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        let Some(clap::error::ContextValue::String(value)) = error.get(kind) else { continue };
        if value.len() > QUOTED {
            let short: String = value.chars().take(QUOTED / 2).chain("…".chars()).collect();
            let short = format!("{short} ({} bytes)", value.len());
            error.insert(kind, clap::error::ContextValue::String(short));
        }
    }
    error
}

/// A message whose very long words are quoted in part.
pub fn in_part(text: &str) -> String {
    let short = |word: &str| match word.len() {
        0..=1000 => word.to_string(),
        bytes => format!("{}… ({bytes} bytes)", word.chars().take(QUOTED / 2).collect::<String>()),
    };
    text.split(' ').map(short).collect::<Vec<_>>().join(" ")
}
