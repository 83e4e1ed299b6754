//! The command line: flags, subcommands, standard streams. The only folder that knows clap.

mod args;
mod chain;
mod commands;
mod decode;
mod files;
mod flags;
mod ids;
mod note;
mod out;
mod record;
mod repeat;
mod stream;
mod watch;

use clap::Parser;

pub use commands::Command;
pub use out::print;

/// From a language model's logits to token ids.
///
/// tokpick reads next-token logits (NPY, JSON, JSON Lines; a file or standard input) and decodes them: greedy search, sampling
/// with every logits processor of the field, beam search. Results go to standard output, everything else to standard error.
///
/// Exit status: 0 done; 1 a check said no; 2 anything else.
#[derive(Parser)]
#[command(version, max_term_width = 110, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// How a command ended, if nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Done = 0,
    /// A check said no.
    No = 1,
    /// There was nothing to do, and the help was shown.
    Helped = 2,
}

/// A subcommand.
pub trait Run {
    /// Does what the command is for.
    ///
    /// # Errors
    /// Everything that ends with status 2.
    fn run(self) -> anyhow::Result<Status>;
}

/// What is said of an error. A setting that was given as a flag is named as one.
pub fn message(error: anyhow::Error) -> String {
    match error.downcast::<tokpick::Error>() {
        Ok(tokpick::Error::Setting { name, value, what }) => {
            let flag = format!("--{}", name.replace('_', "-"));
            let given = std::env::args_os().any(|arg| {
                let arg = arg.to_string_lossy();
                arg.strip_prefix(flag.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            });
            tokpick::Error::Setting { name: if given { flag } else { name }, value, what }.to_string()
        }
        Ok(other) => other.to_string(),
        Err(other) => format!("{other:#}"),
    }
}
