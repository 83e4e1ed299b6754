//! From flags, files and `--chain` to one chain.

use tokpick::engine::Params;
use tokpick::processor::{Chain, INFOS};
use tokpick::render::Tokens;
use tokpick::settings::{self, Order};
use tokpick::{Error, Place, Result};

use super::Files;
use super::entries::{Facts, entries};
use crate::cli::args::{DrawArgs, Group, ProcessorFlags, SettingsArgs};
use crate::cli::note::note;

/// The chain of a command; or, where it replays an engine, an empty one and the engine's parameters, from the same flags.
///
/// # Errors
/// As [`chain`]; what the engine lacks; `--chain`, whose order an engine does not have.
pub(super) fn chain_or_params(
    args: &SettingsArgs,
    draw: &DrawArgs,
    files: &Files,
    facts: &Facts,
    tokens: Option<&Tokens>,
) -> Result<(Chain, Option<Params>)> {
    if draw.engine.engine.is_none() {
        return match draw.engine.given().first() {
            Some(flag) => Err(Error::setting(*flag, "", "is for a replay: give --engine, too")),
            None => Ok((chain(args, files, facts, tokens)?, None)),
        };
    }
    Ok((Chain::default(), Some(params(args, draw, files, facts, tokens)?)))
}

/// The parameters of an engine, from the flags and files of processors.
///
/// # Errors
/// What no engine has; `--chain`.
pub(super) fn params(
    args: &SettingsArgs,
    draw: &DrawArgs,
    files: &Files,
    facts: &Facts,
    tokens: Option<&Tokens>,
) -> Result<Params> {
    if let Some(text) = &args.chain {
        let what = "an engine has its own order: give its parameters as flags, and --order to change it";
        return Err(Error::setting("--chain", text, what));
    }
    let entries = entries(args, files, facts, tokens)?;
    draw.engine.params(&entries, args.order.as_deref(), &draw.terminal)
}

/// Builds the chain of a command.
///
/// # Errors
/// Values out of range, named by their flags; `--chain` together with a flag that it replaces.
pub(super) fn chain(
    args: &SettingsArgs,
    files: &Files,
    facts: &Facts,
    tokens: Option<&Tokens>,
) -> Result<Chain> {
    if let Some(text) = &args.chain {
        let other = args.flags.first().map(|flag| flag.long).or(args.texts.first());
        let other = other.or(args.order.as_ref().map(|_| "order"));
        return match other {
            Some(flag) => Err(Error::setting(
                "--chain",
                text,
                format!("holds all processors and their order: leave out --{flag}, or put it into the chain"),
            )),
            None => {
                let mut idle: Vec<String> = files.entries().into_iter().map(|e| e.0).collect();
                idle.extend(files.get(|s| s.bad_words.clone()).map(|_| "bad_words".to_string()));
                if !idle.is_empty() {
                    note(format!("--chain replaces what the files say of {}", idle.join(", ")));
                }
                settings::chain(text)
            }
        };
    }
    let order = args.order.as_deref().map_or_else(|| Ok(Order::default()), settings::order)?;
    let entries = entries(args, files, facts, tokens)?;
    let chain = settings::build(entries, &order).map_err(|e| blame(e, args, files))?;
    note_idle(&args.flags, files);
    Ok(chain)
}

/// Says which flags have no effect, because the one that their processor begins with is missing.
fn note_idle(flags: &ProcessorFlags, files: &Files) {
    for given in flags.given() {
        let Some(info) = given.info else { continue };
        let Some(first) = info.flags.first().filter(|first| first.long != given.flag.long) else { continue };
        if flags.text(first.long).is_none() && files.origin(info.name).is_none() {
            note(format!("no effect without --{}: --{}", first.long, given.flag.long));
        }
    }
}

/// An error about a parameter names the flag, or else the file, that set it.
fn blame(error: Error, args: &SettingsArgs, files: &Files) -> Error {
    let Error::Setting { name, value, what } = error else { return error };
    let what = lacking(name.split(' ').next().unwrap_or(&name), &what).unwrap_or(what);
    if let Some(flag) = args.flags.of(&name) {
        let value = args.flags.text(flag.long).map_or(value, str::to_string);
        return Error::setting(format!("--{}", flag.long), value, what);
    }
    let processor = name.split(' ').next().unwrap_or(&name);
    match files.origin(processor) {
        Some(file) => Error::input(file, Place::default(), format!("{name} {value}: {what}")),
        None => Error::setting(name, value, what),
    }
}

/// A parameter that a processor can't do without is named by its flag.
fn lacking(processor: &str, what: &str) -> Option<String> {
    let parameter = what.strip_prefix("missing field `")?.split('`').next()?;
    let info = INFOS.iter().find(|info| info.name == processor)?;
    let flag = info.flags.iter().find(|flag| flag.parameter == parameter)?;
    Some(format!("needs --{}, too", flag.long))
}
