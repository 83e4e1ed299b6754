//! The command line as it was typed.

use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, ValueHint};

/// What was typed: the words, and the arguments of the subcommand that are among them.
#[derive(Debug, Clone, Default)]
pub struct Given {
    words: Vec<OsString>,
    command: String,
    arguments: Vec<Argument>,
    reads_standard_input: bool,
    /// Makes the whole program's definition, as it is shown.
    program: Option<fn() -> Command>,
}

/// One argument that was typed.
#[derive(Debug, Clone)]
pub struct Argument {
    /// What the code calls it.
    pub id: String,
    /// What its help calls its value.
    pub value_name: String,
    /// Its flag, without hyphens; `None` for a positional argument.
    pub long: Option<String>,
    /// Its values as they were typed; `None` for a flag that takes none.
    pub values: Option<Vec<OsString>>,
    /// True if its values are paths, of files or folders.
    pub is_path: bool,
    /// True if its values are texts, in which an `@` names no file.
    pub is_text: bool,
}

impl Given {
    /// What clap found in `words` (without the program's name), which it has parsed with `command`.
    pub fn new(words: Vec<OsString>, command: &Command, matches: &ArgMatches) -> Given {
        let Some((name, matches)) = matches.subcommand() else { return Given { words, ..Given::default() } };
        let all = || command.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
        // groups have ids, too, and are none of the arguments
        let from_words = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let ids: Vec<&str> = matches.ids().map(clap::Id::as_str).filter(from_words).collect();
        let typed = |id: &str| ids.contains(&id);
        let arguments = all().filter(|arg| typed(arg.get_id().as_str())).map(|arg| {
            let id = arg.get_id().to_string();
            let values = matches.get_raw(&id).into_iter().flatten().map(OsStr::to_os_string).collect();
            let takes_values = arg.get_action().takes_values();
            let value_name = arg.get_value_names().and_then(|names| names.first());
            Argument {
                is_text: value_name.is_some_and(|name| name.starts_with("TEXT") && id != "reference"),
                value_name: value_name.map_or_else(|| id.to_uppercase(), ToString::to_string),
                id,
                long: arg.get_long().map(str::to_string),
                values: Some(values).filter(|_| takes_values),
                is_path: matches!(
                    arg.get_value_hint(),
                    ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath
                ),
            }
        });
        let reads_standard_input = all().any(|arg| arg.get_id() == "input")
            && !["input", "model_command"].iter().any(|id| typed(id));
        let (command, arguments) = (name.to_string(), arguments.collect());
        Given { words, command, arguments, reads_standard_input, program: None }
    }

    /// The words.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// The words as documents and pictures show them: what is no Unicode is replaced.
    pub fn shown(&self) -> Vec<String> {
        self.words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// Says what makes the whole program's definition.
    pub fn of_program(self, program: fn() -> Command) -> Given {
        Given { program: Some(program), ..self }
    }

    /// The program's definition, as it is shown: what completions and manual pages are made of.
    pub fn program(&self) -> Command {
        self.program.map_or_else(Command::default, |program| program())
    }

    /// The subcommand.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The arguments, in the order of the help.
    pub fn arguments(&self) -> &[Argument] {
        &self.arguments
    }

    /// True if the command reads logits and nothing says from where.
    pub fn reads_standard_input(&self) -> bool {
        self.reads_standard_input
    }

    /// The flags that were typed, without their hyphens.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().filter_map(|a| a.long.as_deref())
    }

    /// True if a flag was typed, named without its hyphens.
    pub fn has(&self, long: &str) -> bool {
        self.flags().any(|flag| flag == long)
    }
}
