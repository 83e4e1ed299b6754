//! Commands inside another program: it takes results and remarks as values, where the command writes them to its streams.

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::Value;
use tokpick::check::Record;
use tokpick::hypothesis::Hypothesis;
use tokpick::render::{Distribution, Head};

/// What a program takes of a command that it runs.
#[derive(Default)]
pub struct Taken {
    /// Remarks, as the command writes them to standard error.
    pub notes: Vec<String>,
    /// What the command writes to standard output.
    pub output: Vec<u8>,
    /// What a run decoded, and how.
    pub run: Option<Run>,
    /// The rows of `probs`, and the size of their vocabulary.
    pub rows: Vec<(Distribution, usize)>,
}

/// A run of a strategy.
pub struct Run {
    /// How it was made.
    pub head: Head,
    /// What was decoded: by sequence, then by sample or rank.
    pub found: Vec<Hypothesis>,
    /// Their texts, each up to the stop string that ended it, and that; none without token strings.
    pub texts: Vec<(String, Option<String>)>,
    /// The caller's own names of sequences.
    pub names: Vec<(usize, Value)>,
    /// The record, where one was asked for.
    pub record: Option<Record>,
}

/// What the program wants instead of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// What the command writes.
    Text,
    /// Hypotheses; with log-probabilities, and a record, if asked for.
    Run {
        /// With log-probabilities.
        logprobs: bool,
        /// With a record.
        record: bool,
    },
    /// The rows of `probs`.
    Rows,
}

/// Whether a run is to end: asked for every row, from whichever thread reads it, and now and then by the thread that waits for others.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

struct Host {
    want: Want,
    stop: Option<Stop>,
    taken: Taken,
}

thread_local! {
    /// The innermost is the last: a thread that waits for others may begin another command meanwhile.
    static HOSTS: RefCell<Vec<Host>> = const { RefCell::new(Vec::new()) };
}

/// What the program wants that runs this command; `None` where the command is the program.
pub fn wants() -> Option<Want> {
    HOSTS.with_borrow(|hosts| hosts.last().map(|host| host.want))
}

/// What says whether this command is to end.
pub fn stop() -> Option<Stop> {
    HOSTS.with_borrow(|hosts| hosts.last().and_then(|host| host.stop.clone()))
}

/// Hands something over, if there is a program that takes it.
pub fn hand(give: impl FnOnce(&mut Taken)) -> bool {
    HOSTS.with_borrow_mut(|hosts| hosts.last_mut().map(|host| give(&mut host.taken)).is_some())
}

/// Runs something for a program that wants its results, and gives them with what it came to.
pub fn hosted<T>(want: Want, stop: Option<Stop>, run: impl FnOnce() -> T) -> (T, Taken) {
    /// Ends also where a run panics.
    struct Until(usize);
    impl Drop for Until {
        fn drop(&mut self) {
            HOSTS.with_borrow_mut(|hosts| hosts.truncate(self.0));
        }
    }
    let _until = Until(HOSTS.with_borrow(Vec::len));
    HOSTS.with_borrow_mut(|hosts| hosts.push(Host { want, stop, taken: Taken::default() }));
    let done = run();
    (done, HOSTS.with_borrow_mut(Vec::pop).map(|host| host.taken).unwrap_or_default())
}
