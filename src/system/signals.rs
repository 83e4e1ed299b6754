//! What has to go when a signal ends the program: temporary files, and the process groups of models.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What would be left behind.
#[derive(Default)]
struct Left {
    files: Vec<PathBuf>,
    /// What a terminal needs.
    #[cfg(all(unix, feature = "cli"))]
    tidy: Option<fn()>,
    #[cfg(unix)]
    groups: Vec<rustix::process::Pid>,
}

static LEFT: Mutex<Option<Left>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<Left>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates a file that is removed when a signal ends the program.
pub(super) fn create(path: &Path) -> io::Result<File> {
    // under the lock, so that no signal falls between creation and note
    let mut left = lock();
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    left.get_or_insert_default().files.push(path.to_path_buf());
    Ok(file)
}

/// The file is gone, or there to stay.
pub(super) fn forget(path: &Path) {
    if let Some(left) = lock().as_mut() {
        left.files.retain(|file| file != path);
    }
}

/// The process groups that live, to be changed.
#[cfg(unix)]
pub(crate) fn groups<T>(change: impl FnOnce(&mut Vec<rustix::process::Pid>) -> T) -> T {
    change(&mut lock().get_or_insert_default().groups)
}

#[cfg(all(unix, feature = "cli"))]
pub use unix::{end_with_signals, fail_on_large_files, tidy_with_signals};

#[cfg(all(unix, feature = "cli"))]
mod unix {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Once, mpsc};
    use std::time::Duration;
    use std::{fs, io, thread};

    use rustix::process::{Signal, kill_process_group};
    use signal_hook::consts::{
        SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGUSR1,
        SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
    };
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    /// The signals that end a program and can be met.
    const ENDING: [i32; 14] = [
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGALRM, SIGIO, SIGPROF, SIGSYS, SIGTRAP, SIGUSR1,
        SIGUSR2, SIGVTALRM, SIGXCPU,
    ];

    /// Lets the signals that end a program (SIGINT, SIGTERM, SIGXCPU of `ulimit -t` …) remove unfinished files and end model processes
    /// before they end this program; SIGKILL, faults and real-time signals can't or don't. A signal that is ignored (as under `nohup`)
    /// stays ignored. For a program to call; a library that is a guest in another program leaves its signals alone. More than once does
    /// no harm.
    ///
    /// # Errors
    /// The handlers can't be installed.
    pub fn end_with_signals() -> io::Result<()> {
        static ONCE: Once = Once::new();
        let mut result = Ok(());
        ONCE.call_once(|| {
            let ignored = ignored();
            let met = ENDING.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
            result = Signals::new(met).and_then(|mut signals| {
                let end = move || {
                    if let Some(signal) = signals.forever().next() {
                        // held to the end: nothing new comes
                        let mut left = super::lock();
                        if let Some(left) = left.take() {
                            left.files.iter().for_each(|file| drop(fs::remove_file(file)));
                            for group in left.groups {
                                let _ = kill_process_group(group, Signal::KILL);
                            }
                            left.tidy.into_iter().for_each(in_time);
                        }
                        let _ = emulate_default_handler(signal);
                        // one whose default the crate doesn't know
                        std::process::exit(128 + signal);
                    }
                };
                thread::Builder::new().name("signals".into()).spawn(end).map(drop)
            });
        });
        result
    }

    /// As [`end_with_signals`]; `tidy` is called, too, before a signal ends the program: to take away what stands on a terminal.
    ///
    /// # Errors
    /// As there.
    pub fn tidy_with_signals(tidy: fn()) -> io::Result<()> {
        super::lock().get_or_insert_default().tidy = Some(tidy);
        end_with_signals()
    }

    /// Calls it on a thread of its own, and waits no longer than nobody sees: a terminal that was stopped takes nothing.
    fn in_time(tidy: fn()) {
        let (done, wait) = mpsc::channel();
        let tidy = thread::Builder::new().spawn(move || {
            tidy();
            done.send(())
        });
        if tidy.is_ok() {
            let _ = wait.recv_timeout(Duration::from_millis(200));
        }
    }

    /// The signals that were ignored when the program started, a bit each; none where the system doesn't tell.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    /// Lets a write beyond the largest allowed size (`ulimit -f`) fail with an error, where SIGXFSZ would end the program.
    ///
    /// # Errors
    /// The handler can't be installed.
    pub fn fail_on_large_files() -> io::Result<()> {
        static ONCE: Once = Once::new();
        let mut result = Ok(());
        ONCE.call_once(|| {
            result = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map(drop);
        });
        result
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

/// Does nothing here.
///
/// # Errors
/// None.
#[cfg(all(not(unix), feature = "cli"))]
pub fn tidy_with_signals(_: fn()) -> io::Result<()> {
    Ok(())
}

/// Does nothing here: such writes fail by themselves.
///
/// # Errors
/// None.
#[cfg(all(not(unix), feature = "cli"))]
pub fn fail_on_large_files() -> io::Result<()> {
    Ok(())
}
