//! The flags of the command line, kept from one command to the next: bindings run many in a process, and to make the flags takes longer
//! than to read a command line with them.

use std::sync::Mutex;

use clap::Command;

/// What the last command line was read with; `None` while another thread reads one.
static KEPT: Mutex<Option<Command>> = Mutex::new(None);

/// The flags, if they are here. Nothing waits for them: in a process that was forked the lock may be another's for ever.
pub fn take() -> Option<Command> {
    KEPT.try_lock().ok().and_then(|mut kept| kept.take())
}

/// Keeps the flags that a command line was read with. After one that could not be read they are made anew.
pub fn keep(command: Command) {
    if let Ok(mut kept) = KEPT.try_lock() {
        *kept = Some(command);
    }
}
