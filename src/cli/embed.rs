//! The whole command as a function: what the program `tokpick` calls, and bindings for other languages.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, ValueHint};
use serde_json::{Value, json};
use tokpick::Error;
use tokpick::check::Record;
use tokpick::render::said;
use tokpick::source::{Loan, lend};

pub use super::batch::{Address, SparseRows, Table};
pub use super::host::{Run, Stop, Taken, Want};
use super::repeat::repeat;
use super::{Cli, Command, Given, Unparsed, execute, kept, message, parse, print};

/// The program `tokpick`: `words` is its command line without its name.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::from(run(words))
}

/// As [`main`]; the exit status as a number.
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let (command, given) = match parse(words) {
        Ok(parsed) => parsed,
        Err(Unparsed::Shown(text)) => {
            return end(print(&text).map(|()| 0).map_err(Into::into), &Given::default());
        }
        Err(Unparsed::Usage(e)) => return usage(&e),
    };
    end(execute(command, &given), &given)
}

/// How the program ends.
fn end(result: anyhow::Result<u8>, given: &Given) -> u8 {
    match result {
        Ok(status) => status,
        // whoever read the results has seen enough
        Err(e) if matches!(e.downcast_ref(), Some(Error::Closed)) => 0,
        Err(e) => {
            say(&said(&message(e, given)));
            2
        }
    }
}

/// A usage error, with clap's hint; a command that was asked to do nothing shows its help.
fn usage(e: &clap::Error) -> u8 {
    let text = e.render().to_string();
    if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // standard error may be closed
        let _ = write!(std::io::stderr(), "{text}");
    } else {
        let lines = text.strip_prefix("error: ").unwrap_or(&text).trim_end().lines();
        say(&lines.map(said).collect::<Vec<_>>().join("\n"));
    }
    2
}

/// A line on standard error, which may be closed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "tokpick: {text}");
}

/// A command that another program runs inside itself.
#[derive(Default)]
pub struct Call {
    /// The command line, without the program's name.
    pub words: Vec<OsString>,
    /// What is lent to it, by the names that its words use.
    pub loans: Vec<(PathBuf, Loan)>,
    /// Threads for the rows; 0 for as many as there are cores.
    pub threads: usize,
    /// Says whether it is to end; it fails then.
    pub stop: Option<Stop>,
}

/// Why a command could not be run, as the program says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl Failure {
    fn of(error: &clap::Error) -> Failure {
        let text = error.render().to_string();
        // the program goes on with its usage, which is none here
        let said = text.split("\n\nUsage:").next().unwrap_or(&text);
        Failure(said.strip_prefix("error: ").unwrap_or(said).trim_end().to_string())
    }
}

impl Call {
    /// Runs it: whether a check that it is holds, and what it gave.
    ///
    /// # Errors
    /// Everything that ends the program with status 2.
    pub fn run(self, want: Want) -> Result<(bool, Taken), Failure> {
        let Call { words, loans, threads, stop } = self;
        let (command, given) = parsed(words)?;
        on_threads(threads, stop.as_ref(), || {
            let (done, taken) =
                lend(loans, || super::host::hosted(want, stop.clone(), || execute(command, &given)));
            match done {
                Ok(status) => Ok((status == 0, taken)),
                Err(e) => Err(Failure(message(e, &given))),
            }
        })
    }
}

/// Parses the words of a command line.
pub(super) fn parsed(words: Vec<OsString>) -> Result<(Command, Given), Failure> {
    if let Some(found) = kept::read(&words) {
        return Ok(found);
    }
    let (command, given) = parse(words).map_err(|unparsed| match unparsed {
        Unparsed::Shown(text) => Failure(text.to_string()),
        Unparsed::Usage(e) => Failure::of(&e),
    })?;
    kept::keep_read(&command, &given);
    Ok((command, given))
}

/// What the run of a record is repeated on, in the place of its input.
pub enum Instead {
    /// A file.
    File(PathBuf),
    /// What is lent.
    Lent(Loan),
}

/// Repeats the run of a record on what is lent: the first thing that differs, and what decided there (both `null` if it holds), as JSON.
/// `path` is where the record lies.
///
/// # Errors
/// A record that is damaged, or can't be repeated.
pub fn verify(
    record: &str,
    path: &Path,
    mut loans: Vec<(PathBuf, Loan)>,
    instead: Option<Instead>,
    stop: Option<Stop>,
) -> Result<(Value, Taken), Failure> {
    let failure = |e: Error| Failure(message(e.into(), &Given::default()));
    let record = Record::parse(&path.display().to_string(), record.as_bytes()).map_err(failure)?;
    let mut moved = None;
    match instead {
        Some(Instead::File(file)) => moved = Some(file),
        // of loans with one name the first counts
        Some(Instead::Lent(loan)) => loans.insert(0, (record.input.path.as_path().to_path_buf(), loan)),
        None => {}
    }
    let (done, taken) =
        lend(loans, || super::host::hosted(Want::Text, stop, || repeat(&record, path, moved.as_deref())));
    let found = done.map_err(failure)?;
    Ok((json!({"divergence": found.divergence, "step": found.step, "not_checked": found.elsewhere}), taken))
}

/// A flag of a command, as bindings need to know it.
pub struct FlagInfo {
    /// Its name, without hyphens.
    pub long: String,
    /// Whether it takes a value.
    pub takes_value: bool,
    /// Whether it may stand without the value that it takes.
    pub optional: bool,
    /// Whether it may be given again.
    pub repeats: bool,
    /// Whether its value is a file.
    pub is_file: bool,
    /// What its value is called.
    pub value_name: String,
    /// What it does.
    pub help: String,
}

/// The flags of a command, in the order of its help.
pub fn flags(command: &str) -> Vec<FlagInfo> {
    let mut all = Cli::command();
    all.build();
    let found = all.find_subcommand(command).into_iter().flat_map(clap::Command::get_arguments);
    found
        .filter_map(|arg| {
            let takes_value = arg.get_action().takes_values();
            Some(FlagInfo {
                long: arg.get_long()?.to_string(),
                takes_value,
                optional: takes_value && arg.get_num_args().is_some_and(|n| n.min_values() == 0),
                repeats: matches!(arg.get_action(), ArgAction::Append),
                is_file: matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath),
                value_name: arg
                    .get_value_names()
                    .and_then(|n| n.first())
                    .map_or_else(String::new, ToString::to_string),
                help: arg.get_help().map_or_else(String::new, ToString::to_string),
            })
        })
        .collect()
}

/// A chain as `--chain` takes it, in JSON.
///
/// # Errors
/// What is no chain.
pub fn chain(text: &str) -> Result<String, Failure> {
    let chain = tokpick::settings::chain(text);
    chain.map(|chain| chain.json().to_string()).map_err(|e| Failure(message(e.into(), &Given::default())))
}

/// The threads of a program that runs commands: made when they are first needed, and again in a process that was forked.
static POOL: Mutex<Option<(u32, usize, Arc<rayon::ThreadPool>)>> = Mutex::new(None);

/// How long the thread that waits for others sleeps before it asks whether their run is to end.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs something on one of several threads, where more than one is asked for and to be had. This thread asks `stop` meanwhile: an
/// interpreter tells of signals in one of its threads alone.
pub(super) fn on_threads<T: Send>(threads: usize, stop: Option<&Stop>, run: impl FnOnce() -> T + Send) -> T {
    let Some(pool) = Some(threads).filter(|&threads| threads != 1).and_then(pool) else { return run() };
    let Some(stop) = stop else { return pool.install(run) };
    let mut result = None;
    let (done, wait) = mpsc::channel::<()>();
    pool.in_place_scope(|scope| {
        let to = &mut result;
        scope.spawn(move |_| {
            // its end, or a panic, closes the channel
            let _done = done;
            *to = Some(run());
        });
        while wait.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            // who is asked remembers the answer for the others
            let _ = stop();
        }
    });
    result.unwrap_or_else(|| unreachable!("the scope goes on with a panic"))
}

fn pool(threads: usize) -> Option<Arc<rayon::ThreadPool>> {
    let mut kept = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((_, _, pool)) = kept.as_ref().filter(|(p, n, _)| (*p, *n) == (process, threads)) {
        return Some(pool.clone());
    }
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()?);
    if let Some((owner, _, old)) = kept.replace((process, threads, pool.clone()))
        && owner != process
    {
        // its threads stayed behind in the other process
        std::mem::forget(old);
    }
    Some(pool)
}
