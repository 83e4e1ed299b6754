//! The flags of the logits processors, as clap knows them: made from what each processor says of itself.

mod value;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use serde_json::Value;
use tokpick::Result;
use tokpick::processor::{Flag, INFOS, Info, Off, Written};
use tokpick::render::Tokens;

/// A flag that was given, as it was written.
#[derive(Clone)]
pub struct GivenFlag {
    /// The processor; none for a flag that several share.
    pub info: Option<&'static Info>,
    pub flag: &'static Flag,
    text: String,
}

impl GivenFlag {
    /// Its value in JSON; `tokens` are the strings that ids may be named by.
    ///
    /// # Errors
    /// A value that is not written as the flag asks for.
    pub fn value(&self, tokens: Option<&Tokens>) -> Result<Value> {
        value::read(self.flag.written, self.flag.long, &self.text, tokens)
    }
}

/// The processor flags that were given.
#[derive(Clone, Default)]
pub struct ProcessorFlags {
    given: Vec<GivenFlag>,
}

/// Every flag with its processor, in the order of help: a shared one behind the last processor that takes it.
fn flags() -> impl Iterator<Item = (&'static Info, Option<&'static Info>, &'static Flag)> {
    INFOS.iter().enumerate().flat_map(|(at, &info)| {
        let last = move |flag: &&&'static Flag| !INFOS[at + 1..].iter().any(|later| takes(later, flag));
        let own = info.flags.iter().map(move |flag| (info, Some(info), flag));
        own.chain(info.shared.iter().filter(last).map(move |&flag| (info, None, flag)))
    })
}

/// Whether a shared flag sets a parameter of this processor.
pub fn takes(info: &Info, flag: &Flag) -> bool {
    info.shared.iter().any(|shared| shared.long == flag.long)
}

impl ProcessorFlags {
    /// The flags, in the order of help.
    pub fn given(&self) -> &[GivenFlag] {
        &self.given
    }

    /// The first flag that was given.
    pub fn first(&self) -> Option<&'static Flag> {
        self.given.first().map(|given| given.flag)
    }

    /// The given flag that an error is about: errors name a parameter, or a processor and one of its parameters.
    pub fn of(&self, name: &str) -> Option<&'static Flag> {
        let (processor, parameter) = name.split_once(' ').unwrap_or((name, ""));
        let is = |given: &GivenFlag| given.info.is_some_and(|info| info.name == processor);
        let find = |fits: &dyn Fn(&GivenFlag) -> bool| self.given.iter().find(|g| fits(g)).map(|g| g.flag);
        find(&|g| is(g) && g.flag.parameter == parameter)
            .or_else(|| find(&|g| is(g) && g.flag.help.is_empty()))
            .or_else(|| find(&|g| is(g) || g.flag.parameter == processor))
    }

    /// What was written for a flag.
    pub fn text(&self, long: &str) -> Option<&str> {
        self.given.iter().find(|given| given.flag.long == long).map(|given| given.text.as_str())
    }
}

impl Args for ProcessorFlags {
    fn augment_args(command: Command) -> Command {
        flags().fold(command, |command, (info, own, flag)| {
            command.next_help_heading(info.kind.heading()).arg(arg(own, flag))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ProcessorFlags {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let mut flags = ProcessorFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        for (_, info, flag) in flags() {
            if matches.value_source(flag.long) == Some(ValueSource::CommandLine) {
                let text = match flag.written {
                    Written::Switch => String::new(),
                    _ => matches.get_one::<String>(flag.long).cloned().unwrap_or_default(),
                };
                self.given.push(GivenFlag { info, flag, text });
            }
        }
        Ok(())
    }
}

/// What a processor does, as a line of help.
fn sentence(info: &Info) -> String {
    let (first, rest) = info.summary.split_at(info.summary.chars().next().map_or(0, char::len_utf8));
    let off = match info.off {
        Off::Unset | Off::False | Off::Empty => String::new(),
        off => format!(" (off: {off})"),
    };
    format!("{}{rest}{off}", first.to_uppercase())
}

/// A flag as clap knows it. Values are taken as they stand, also those that begin with a hyphen: our own range errors say more.
fn arg(info: Option<&Info>, flag: &'static Flag) -> Arg {
    let help = match info {
        Some(info) if flag.help.is_empty() => sentence(info),
        _ => flag.help.to_string(),
    };
    let arg =
        Arg::new(flag.long).long(flag.long).help(help).visible_aliases(flag.aliases).aliases(flag.hidden);
    let arg = match flag.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match flag.written {
        Written::Switch => arg.action(ArgAction::SetTrue),
        Written::File => arg.value_name(Written::File.metavariable()).value_hint(ValueHint::FilePath),
        written => arg.value_name(written.metavariable()).allow_hyphen_values(true),
    }
}
