//! From flags, files and `--chain` to one chain.

use tokpick::processor::Chain;
use tokpick::settings::{self, Order};
use tokpick::{Error, Place, Result};

use super::args::SettingsArgs;
use super::files::Files;
use super::flags::Facts;
use super::note::note;

/// Builds the chain of a command.
///
/// # Errors
/// Values out of range, named by their flags; `--chain` together with a flag that it replaces.
pub fn chain(args: &SettingsArgs, files: &Files, facts: &Facts) -> Result<Chain> {
    if let Some(text) = &args.chain {
        let other = args.flags.first().map(|flag| flag.long).or(args.order.as_ref().map(|_| "order"));
        return match other {
            Some(flag) => Err(Error::setting(
                "--chain",
                text,
                format!("holds all processors and their order: leave out --{flag}, or put it into the chain"),
            )),
            None => {
                let idle: Vec<String> = files.entries().into_iter().map(|e| e.0).collect();
                if !idle.is_empty() {
                    note(format!("--chain replaces what the files say of {}", idle.join(", ")));
                }
                settings::chain(text)
            }
        };
    }
    let order = args.order.as_deref().map_or_else(|| Ok(Order::default()), settings::order)?;
    let entries = args.flags.entries(files.entries(), facts)?;
    settings::build(entries, &order).map_err(|e| blame(e, args, files))
}

/// An error about a parameter names the flag, or else the file, that set it.
fn blame(error: Error, args: &SettingsArgs, files: &Files) -> Error {
    let Error::Setting { name, value, what } = error else { return error };
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
