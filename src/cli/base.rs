//! Where the relative paths of a record start: its words, files and chain as they read from here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, value_parser};
use serde_json::Value;
use tokpick::check::{Record, RecordedInput, Word};
use tokpick::settings::chain_with_files;
use tokpick::source::is_lent;
use tokpick::{Error, Place, Result};

use super::Cli;
use super::given::{Argument, Given};

/// The folder where the relative paths of a record start; empty where they start here. The process stays where it is: a program
/// that repeats a run inside itself has other threads.
pub struct Base(PathBuf);

impl Base {
    /// Where a record says, seen from its own folder; or here, where its files are not there but here, as in records that don't say
    /// it. `path` is where the record lies, `input` its input. What is lent is in no folder.
    pub fn of(record: &Record, path: &Path, input: &Path) -> Base {
        let folder = path.parent().filter(|_| path != Path::new("-")).unwrap_or(Path::new(""));
        let beside = folder.join(record.directory.as_ref().map_or(Path::new(""), Word::as_path));
        let companions = record.companions.iter().map(|c| c.path.as_path());
        let files: Vec<&Path> =
            std::iter::once(input).chain(companions).filter(|file| !is_lent(file)).collect();
        let there = || files.iter().all(|file| beside.join(file).exists());
        let here = || files.iter().all(|file| file.exists());
        match files.is_empty() || (!there() && here()) {
            true => Base(PathBuf::new()),
            false => Base(beside),
        }
    }

    /// A path, seen from here.
    pub fn path(&self, path: &Path) -> PathBuf {
        match self.is_here() || path == Path::new("-") || is_lent(path) {
            true => path.to_path_buf(),
            false => self.0.join(path),
        }
    }

    /// The files of a record beside its input.
    pub fn companions(&self, record: &Record) -> Vec<RecordedInput> {
        let seen = |one: &RecordedInput| RecordedInput {
            path: Word::from(self.path(one.path.as_path()).as_path()),
            ..one.clone()
        };
        record.companions.iter().map(seen).collect()
    }

    /// A chain in either form; `None` where it names no file, or is none.
    ///
    /// # Errors
    /// A folder that no chain can name.
    pub fn chain(&self, chain: &str) -> Result<Option<Value>> {
        if self.is_here() {
            return Ok(None);
        }
        let mut unnamed = None;
        let found = chain_with_files(chain, &mut |file| {
            let path = self.path(Path::new(file)).into_os_string();
            path.into_string().unwrap_or_else(|path| {
                unnamed = Some(path);
                file.to_string()
            })
        });
        match unnamed {
            Some(path) => {
                let what = "is no Unicode, which a chain's files must be: verify the record in its folder";
                Err(Error::input(path.to_string_lossy(), Place::default(), what))
            }
            None => Ok(found),
        }
    }

    /// The words of a recorded command, after its input; as they stand where they are no command, of which parsing them tells.
    ///
    /// # Errors
    /// As [`Base::chain`].
    pub fn words(&self, words: Vec<OsString>) -> Result<Vec<OsString>> {
        let [name, input, ..] = &words[..] else { return Ok(words) };
        if self.is_here() {
            return Ok(words);
        }
        // what the words say is wanted, and not what is in the files that they name, which parsers of values open
        let texts = |command: clap::Command| {
            command.mut_args(|arg| match (arg.get_action().takes_values(), arg.get_value_hint()) {
                // a hint may come of the parser alone
                (true, hint) => arg.value_parser(value_parser!(OsString)).value_hint(hint),
                (false, _) => arg,
            })
        };
        let mut command = Cli::command();
        // a command has no arguments before it is built
        command.build();
        let Some(known) = name.to_str().filter(|name| command.find_subcommand(name).is_some()) else {
            return Ok(words);
        };
        command = command.mut_subcommand(known, texts);
        let program = OsString::from("tokpick");
        let Ok(matches) = command.try_get_matches_from_mut(std::iter::once(&program).chain(&words)) else {
            return Ok(words);
        };
        let given = Given::new(words.clone(), &command, &matches);
        let mut seen = vec![name.clone(), input.clone()];
        for argument in given.arguments() {
            let Some(long) = &argument.long else { continue };
            let Some(values) = &argument.values else {
                seen.push(format!("--{long}").into());
                continue;
            };
            for value in values {
                let mut word = OsString::from(format!("--{long}="));
                word.push(self.value(argument, value)?);
                seen.push(word);
            }
        }
        Ok(seen)
    }

    fn value(&self, argument: &Argument, value: &OsString) -> Result<OsString> {
        if argument.is_path {
            return Ok(self.path(Path::new(value)).into_os_string());
        }
        let Some(text) = value.to_str() else { return Ok(value.clone()) };
        if let Some(file) = text.strip_prefix('@').filter(|_| !argument.is_text) {
            let mut named = OsString::from("@");
            named.push(self.path(Path::new(file)));
            return Ok(named);
        }
        match argument.id.as_str() {
            "chain" => Ok(self.chain(text)?.map_or_else(|| value.clone(), |chain| chain.to_string().into())),
            _ => Ok(value.clone()),
        }
    }

    fn is_here(&self) -> bool {
        self.0.as_os_str().is_empty()
    }
}
