//! The flags of the logits processors: a table, and what clap needs to know of it.

mod collect;
mod table;
mod value;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use tokpick::processor::{INFOS, Info};

pub use collect::Facts;
pub use table::{Flag, GROUPS};
pub use value::Kind;

/// The processor flags that were given, as they were written.
#[derive(Debug, Clone, Default)]
pub struct ProcessorFlags {
    given: Vec<(&'static Flag, String)>,
}

impl ProcessorFlags {
    /// The first flag that was given.
    pub fn first(&self) -> Option<&'static Flag> {
        self.given.first().map(|(flag, _)| *flag)
    }

    /// The given flag that an error is about: errors name a parameter, or a processor and one of its parameters.
    pub fn of(&self, name: &str) -> Option<&'static Flag> {
        let (processor, parameter) = name.split_once(' ').unwrap_or((name, ""));
        let find = |fits: &dyn Fn(&Flag) -> bool| self.given.iter().map(|g| g.0).find(|flag| fits(flag));
        find(&|f| f.processor == processor && f.parameter == parameter)
            .or_else(|| find(&|f| f.processor == processor && f.help.is_empty()))
            .or_else(|| find(&|f| f.processor == processor || f.parameter == processor))
    }

    /// What was written for a flag.
    pub fn text(&self, long: &str) -> Option<&str> {
        self.given.iter().find(|(flag, _)| flag.long == long).map(|(_, text)| text.as_str())
    }
}

impl Args for ProcessorFlags {
    fn augment_args(command: Command) -> Command {
        let mut command = command;
        for (heading, flags) in GROUPS {
            command = command.next_help_heading(*heading).args(flags.iter().map(arg));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ProcessorFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = ProcessorFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let given = |flag: &&Flag| matches.value_source(flag.long) == Some(ValueSource::CommandLine);
        for flag in GROUPS.iter().flat_map(|(_, flags)| flags.iter()).filter(given) {
            let text = match flag.kind {
                Kind::Switch => String::new(),
                _ => matches.get_one::<String>(flag.long).cloned().unwrap_or_default(),
            };
            self.given.push((flag, text));
        }
        Ok(())
    }
}

/// What a processor does, as a line of help.
fn sentence(info: &Info) -> String {
    let (first, rest) = info.summary.split_at(info.summary.chars().next().map_or(0, char::len_utf8));
    let off = match info.off {
        "false" | "none" | "not set" | "[]" => String::new(),
        off => format!(" (off: {off})"),
    };
    format!("{}{rest}{off}", first.to_uppercase())
}

/// A flag as clap knows it. Values are taken as they stand, also those that begin with a hyphen: our own range errors say more.
fn arg(flag: &'static Flag) -> Arg {
    let help = match INFOS.iter().find(|info| info.name == flag.processor) {
        Some(info) if flag.help.is_empty() => sentence(info),
        _ => flag.help.to_string(),
    };
    let arg = Arg::new(flag.long).long(flag.long).help(help).visible_aliases(flag.aliases);
    let arg = match flag.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match flag.kind {
        Kind::Switch => arg.action(ArgAction::SetTrue),
        Kind::File => arg.value_name(Kind::File.value_name()).value_hint(ValueHint::FilePath),
        kind => arg.value_name(kind.value_name()).allow_hyphen_values(true),
    }
}
