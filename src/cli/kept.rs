//! What is kept of command lines from one to the next: bindings run many in a process. To make the flags takes longer than to read a
//! command line with them, and to read one longer than to decode a small row.
//!
//! Nothing waits for what is kept: in a process that was forked the locks may be another's for ever.

use std::ffi::OsString;
use std::sync::Mutex;

use super::commands::Command;
use super::given::Given;

/// What command lines were read with, and no thread reads one with now.
static FLAGS: Mutex<Vec<clap::Command>> = Mutex::new(Vec::new());

/// What the last command lines say, the latest at the end.
static READ: Mutex<Vec<(Command, Given)>> = Mutex::new(Vec::new());

/// As many flags are kept: for each thread that may read a command line meanwhile.
const THREADS: usize = 16;

/// As many command lines are kept.
const LINES: usize = 4;

/// A command line that takes more bytes (its ids, its chain) is not kept.
const LONG: usize = 4096;

/// The flags, if they are here.
pub fn flags() -> Option<clap::Command> {
    FLAGS.try_lock().ok().and_then(|mut kept| kept.pop())
}

/// Keeps the flags that a command line was read with. After one that could not be read they are made anew.
pub fn keep_flags(flags: clap::Command) {
    if let Ok(mut kept) = FLAGS.try_lock()
        && kept.len() < THREADS
    {
        kept.push(flags);
    }
}

/// What the words say, if they were read before.
pub fn read(words: &[OsString]) -> Option<(Command, Given)> {
    let mut kept = READ.try_lock().ok()?;
    let at = kept.iter().position(|(_, given)| given.words() == words)?;
    let found = kept.remove(at);
    kept.push(found.clone());
    Some(found)
}

/// Keeps what words say, where they say it always: not what is in files, which `@` names.
pub fn keep_read(command: &Command, given: &Given) {
    let words = || given.words().iter().map(|word| word.as_encoded_bytes());
    if words().map(<[u8]>::len).sum::<usize>() > LONG || words().any(|word| word.contains(&b'@')) {
        return;
    }
    if let Ok(mut kept) = READ.try_lock() {
        // another thread may have read it meanwhile
        kept.retain(|(_, other)| other.words() != given.words());
        if kept.len() == LINES {
            kept.remove(0);
        }
        kept.push((command.clone(), given.clone()));
    }
}
