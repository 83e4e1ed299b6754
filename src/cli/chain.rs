//! From flags, files and `--chain` to one chain.

use tokpick::engine::Params;
use tokpick::processor::Chain;
use tokpick::{Error, Result, settings};

use super::args::{EngineArgs, SettingsArgs};
use super::flags::Facts;

/// The chain of a command; or, where it replays an engine, an empty one and the engine's parameters, from the same flags.
///
/// # Errors
/// As [`chain`]; what the engine lacks; `--chain`, whose order an engine does not have.
pub fn chain_or_params(
    args: &SettingsArgs,
    engine: &EngineArgs,
    facts: &Facts,
) -> Result<(Chain, Option<Params>)> {
    if engine.engine.is_none() {
        return match engine.given().first() {
            Some(flag) => Err(Error::setting(*flag, "", "is for a replay: give --engine, too")),
            None => Ok((chain(args, facts)?, None)),
        };
    }
    Ok((Chain::default(), Some(params(args, engine, facts)?)))
}

/// The parameters of an engine, from the flags of processors.
///
/// # Errors
/// What no engine has; `--chain`.
pub fn params(args: &SettingsArgs, engine: &EngineArgs, facts: &Facts) -> Result<Params> {
    if let Some(text) = &args.chain {
        let what = "an engine has its own order: give its parameters as flags, and --order to change it";
        return Err(Error::setting("--chain", text, what));
    }
    engine.params(&args.flags.entries(Vec::new(), facts)?, args.order.as_deref())
}

/// Builds the chain of a command.
///
/// # Errors
/// Values out of range, named by their flags; `--chain` together with a flag that it replaces.
pub fn chain(args: &SettingsArgs, facts: &Facts) -> Result<Chain> {
    if let Some(text) = &args.chain {
        let other = args.flags.first().map(|flag| flag.long).or(args.order.as_ref().map(|_| "order"));
        return match other {
            Some(flag) => Err(Error::setting(
                "--chain",
                text,
                format!("holds all processors and their order: leave out --{flag}, or put it into the chain"),
            )),
            None => settings::chain(text),
        };
    }
    let entries = args.flags.entries(Vec::new(), facts)?;
    build(entries).map_err(|e| name_flag(e, args))
}

/// An error about a parameter that a flag set names the flag.
fn name_flag(error: Error, args: &SettingsArgs) -> Error {
    match error {
        Error::Setting { name, value, what } => match args.flags.of(&name) {
            Some(flag) => {
                let value = args.flags.text(flag.long).map_or(value, str::to_string);
                Error::Setting { name: format!("--{}", flag.long), value, what }
            }
            None => Error::Setting { name, value, what },
        },
        other => other,
    }
}

fn build(entries: Vec<(String, serde_json::Value)>) -> Result<Chain> {
    let at = |name: &str| {
        ["repetition_penalty", "no_repeat_ngram_size", "min_new_tokens", "temperature", "top_k", "top_p"]
            .iter()
            .position(|n| *n == name)
    };
    let mut entries = entries;
    entries.sort_by_key(|e| at(&e.0));
    Ok(Chain::new(entries.iter().map(|(n, v)| settings::processor(n, v)).collect::<Result<_>>()?))
}
