//! Starting a process so that all of it can be ended, and ending it.
//!
//! On Unix the process leads a group of its own, and the group is killed: what a wrapper script started dies with it. A Ctrl-C at
//! the terminal doesn't reach that group, so `end_with_signals` kills it before the program follows the signal. Should the program
//! itself be killed (SIGKILL), the end of its standard input is all that the process sees.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

#[cfg(all(unix, feature = "cli"))]
pub use unix::end_with_signals;
#[cfg(unix)]
pub(super) use unix::{kill, spawn, wait};

#[cfg(unix)]
mod unix {
    use std::os::unix::process::CommandExt;
    #[cfg(feature = "cli")]
    use std::sync::Once;
    use std::sync::{Mutex, PoisonError};
    use std::thread;
    use std::time::Instant;

    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
    #[cfg(feature = "cli")]
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    #[cfg(feature = "cli")]
    use signal_hook::iterator::Signals;
    #[cfg(feature = "cli")]
    use signal_hook::low_level::emulate_default_handler;

    use super::{Child, Command, Duration, ExitStatus, io};

    /// The groups that live.
    static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

    fn with_groups<T>(f: impl FnOnce(&mut Vec<Pid>) -> T) -> T {
        f(&mut GROUPS.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets SIGINT, SIGTERM and SIGHUP end the model processes before they end this program. For a program to call once, at its
    /// start; a library that is a guest in another program leaves its signals alone.
    ///
    /// # Errors
    /// The handlers can't be installed.
    #[cfg(feature = "cli")]
    pub fn end_with_signals() -> io::Result<()> {
        static ONCE: Once = Once::new();
        let mut result = Ok(());
        ONCE.call_once(|| {
            result = Signals::new([SIGINT, SIGTERM, SIGHUP]).and_then(|mut signals| {
                let end = move || {
                    for signal in signals.forever() {
                        with_groups(|groups| groups.drain(..).for_each(kill_group));
                        let _ = emulate_default_handler(signal);
                    }
                };
                thread::Builder::new().name("signals".into()).spawn(end).map(drop)
            });
        });
        result
    }

    fn kill_group(group: Pid) {
        // fails where the group is gone already
        let _ = kill_process_group(group, Signal::KILL);
    }

    /// Starts a process as the leader of a group.
    pub fn spawn(command: &mut Command) -> io::Result<Child> {
        // under the lock, so that no signal falls between start and note
        with_groups(|groups| {
            let child = command.process_group(0).spawn()?;
            groups.extend(pid(&child));
            Ok(child)
        })
    }

    fn pid(child: &Child) -> Option<Pid> {
        i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    }

    /// Waits until the process has ended, but not longer than `most`; true if it has. Its id stays taken.
    pub fn wait(child: &mut Child, most: Duration) -> bool {
        let until = Instant::now() + most;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let has_ended = |pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None));
        loop {
            if pid(child).is_none_or(has_ended) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills the process's group, once; returns how the process ended.
    pub fn kill(child: &mut Child) -> Option<ExitStatus> {
        let group = pid(child)?;
        let is_known = with_groups(|groups| {
            let before = groups.len();
            groups.retain(|g| *g != group);
            groups.len() < before
        });
        if is_known {
            kill_group(group);
        }
        child.wait().ok()
    }
}

/// Does nothing here: a Ctrl-C reaches the processes of the same console.
///
/// # Errors
/// None.
#[cfg(all(not(unix), feature = "cli"))]
pub fn end_with_signals() -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

#[cfg(not(unix))]
pub(super) fn wait(child: &mut Child, most: Duration) -> bool {
    let until = std::time::Instant::now() + most;
    loop {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        if std::time::Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(not(unix))]
pub(super) fn kill(child: &mut Child) -> Option<ExitStatus> {
    let _ = child.kill();
    child.wait().ok()
}
