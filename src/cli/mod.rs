//! The command line: flags, subcommands, standard streams. The only folder that knows clap.

mod args;
mod chain;
mod commands;
mod decode;
mod flags;
mod ids;
mod note;
mod out;

use clap::Parser;

pub use commands::Command;

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
}

/// A subcommand.
pub trait Run {
    /// Does what the command is for.
    ///
    /// # Errors
    /// Everything that ends with status 2.
    fn run(self) -> anyhow::Result<Status>;
}
