//! The command line: flags, subcommands, standard streams. The only folder that knows clap.

mod args;
mod base;
mod batch;
mod commands;
pub mod embed;
mod fields;
mod given;
mod help;
mod host;
mod kept;
mod lessons;
mod named;
mod note;
mod out;
mod places;
pub mod progress;
mod record;
mod repeat;
mod resolve;
mod run;
mod shard;
mod spelling;
mod strategy;
mod stream;
mod usage;
mod watch;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};

pub use commands::Command;
pub use given::Given;
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
    /// There was nothing to do: the help is shown.
    Helped = 2,
}

/// What the short help of a command shows.
pub struct Screen {
    /// Command lines.
    pub examples: &'static [&'static str],
    /// The flags that most people want, without hyphens.
    pub flags: &'static [&'static str],
}

/// A subcommand.
pub trait Execute {
    /// Its short help.
    const SCREEN: Screen;

    /// Does what the command is for; `given` is what was typed.
    ///
    /// # Errors
    /// Everything that ends with status 2.
    fn execute(self, given: &Given) -> anyhow::Result<Status>;
}

/// Why a command line holds no command to run.
pub enum Unparsed {
    /// It asks for the help or the version.
    Shown(StyledStr),
    /// It can't be understood.
    Usage(clap::Error),
}

impl Unparsed {
    fn of(error: clap::Error, words: &[OsString]) -> Unparsed {
        match error.kind() {
            ErrorKind::DisplayHelp => Unparsed::Shown(help::asked(words)),
            _ if error.use_stderr() => Unparsed::Usage(error),
            _ => Unparsed::Shown(error.render()),
        }
    }
}

impl fmt::Display for Unparsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unparsed::Shown(text) => text.fmt(f),
            Unparsed::Usage(error) => error.fmt(f),
        }
    }
}

/// Parses the words of a command line, without the program's name.
///
/// # Errors
/// A usage error, or what is shown instead of a run.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<(Command, Given), Unparsed> {
    let words = usage::with_help(words.into_iter().collect());
    let mut command = kept::flags().unwrap_or_else(Cli::command);
    let program = OsString::from("tokpick");
    let mut matches = match command.try_get_matches_from_mut(std::iter::once(&program).chain(&words)) {
        Ok(matches) => matches,
        Err(e) => {
            let own = words.first().and_then(|name| command.find_subcommand(name)).cloned();
            let has = |flag: &str| {
                let arguments = own.iter().flat_map(clap::Command::get_arguments);
                arguments
                    .filter(|arg| !arg.is_hide_set())
                    .any(|arg| arg.get_long() == flag.strip_prefix("--"))
            };
            let e = usage::shortened(usage::meant(spelling::only_near(e, has), &words, &mut command));
            return Err(Unparsed::of(e, &words));
        }
    };
    let given = Given::new(words, &command, &matches).of_program(help::program);
    // a copy of what was found would take as long as to find it
    let cli = Cli::from_arg_matches_mut(&mut matches);
    let cli = cli.map_err(|e| Unparsed::of(e.format(&mut command), given.words()))?;
    kept::keep_flags(command);
    Ok((cli.command, given))
}

/// Does what was parsed, or shows the help of a command that has nothing to do; its status.
///
/// # Errors
/// Everything that ends with status 2.
pub fn execute(command: Command, given: &Given) -> anyhow::Result<u8> {
    let status = command.execute(given)?;
    if status == Status::Helped {
        usage::help(given.command());
    }
    Ok(status as u8)
}

/// What is said of an error. A setting that was given as a flag is named as one, and so are the fields of the library.
pub fn message(error: anyhow::Error, given: &Given) -> String {
    let text = match error.downcast::<tokpick::Error>() {
        Ok(tokpick::Error::Setting { name, value, what }) => {
            let long = name.replace('_', "-");
            let name = if given.has(&long) { format!("--{long}") } else { name };
            tokpick::Error::Setting { name, value, what }.to_string()
        }
        Ok(other) => match &other {
            tokpick::Error::Input { file, .. } if given.command() != "diff" => {
                let more = commands::only_diff_reads(Path::new(file));
                format!("{other}{}", more.map_or(String::new(), |more| format!("; {more}")))
            }
            _ => other.to_string(),
        },
        Err(other) => format!("{other:#}"),
    };
    usage::in_part(&fields::as_flags(&text))
}
