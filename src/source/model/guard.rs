//! Starting a process so that all of it can be ended, and ending it.
//!
//! On Unix the process belongs to a group of its own, and the group is killed: what a wrapper script started dies with it. The group
//! is led by a watcher, a shell that waits for the end of its standard input, which this program holds open: whatever ends this
//! program, SIGKILL too, the watcher sees it and kills the group. A Ctrl-C at the terminal doesn't reach that group, so
//! [`end_with_signals`](crate::system::end_with_signals) kills it before the program follows the signal.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// A process, and what ends with it.
#[derive(Debug)]
pub(super) struct Guarded {
    child: Child,
    #[cfg(unix)]
    group: unix::Group,
}

#[cfg(unix)]
mod unix {
    use std::os::unix::process::CommandExt;
    use std::process::Stdio;
    use std::time::Instant;

    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

    use super::{Child, Command, Duration, ExitStatus, Guarded, io};
    use crate::system::groups;

    /// A process group, and its watcher.
    #[derive(Debug)]
    pub(in super::super) struct Group {
        id: Option<Pid>,
        /// `None` where there is no shell; the process leads the group then.
        watcher: Option<Child>,
    }

    /// What the watcher does: the signals of a terminal are not for it.
    const WATCH: &str = "trap '' HUP INT QUIT TERM; read -r _; kill -KILL 0";

    fn watcher() -> io::Result<Child> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", WATCH]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.process_group(0).spawn()
    }

    fn pid(child: &Child) -> Option<Pid> {
        i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    }

    impl Guarded {
        /// Starts a process in a group of its own.
        pub fn spawn(command: &mut Command) -> io::Result<Guarded> {
            // under the lock, so that no signal falls between start and note
            groups(|groups| {
                let mut watcher = watcher().ok();
                let mut leader = watcher.as_ref().and_then(pid);
                let mut child = command.process_group(leader.map_or(0, Pid::as_raw_pid)).spawn();
                if child.is_err()
                    && let Some(mut failed) = watcher.take()
                {
                    // perhaps the watcher is gone already, and its group with it
                    leader = None;
                    let _ = failed.kill().and_then(|()| failed.wait());
                    child = command.process_group(0).spawn();
                }
                let child = child?;
                let id = leader.or_else(|| pid(&child));
                groups.extend(id);
                Ok(Guarded { child, group: Group { id, watcher } })
            })
        }

        /// Waits until the process has ended, but not longer than `most`; true if it has. Its id stays taken.
        pub fn wait(&mut self, most: Duration) -> bool {
            let until = Instant::now() + most;
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let has_ended = |pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None));
            loop {
                if pid(&self.child).is_none_or(has_ended) {
                    return true;
                }
                if Instant::now() >= until {
                    return false;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }

        /// Kills the group, once; returns how the process ended.
        pub fn kill(&mut self) -> Option<ExitStatus> {
            let group = self.group.id?;
            let is_known = groups(|groups| {
                let before = groups.len();
                groups.retain(|g| *g != group);
                groups.len() < before
            });
            if is_known {
                // fails where the group is gone already
                let _ = kill_process_group(group, Signal::KILL);
            }
            if let Some(watcher) = &mut self.group.watcher {
                let _ = watcher.wait();
            }
            self.child.wait().ok()
        }
    }
}

#[cfg(not(unix))]
impl Guarded {
    pub fn spawn(command: &mut Command) -> io::Result<Guarded> {
        Ok(Guarded { child: command.spawn()? })
    }

    pub fn wait(&mut self, most: Duration) -> bool {
        let until = std::time::Instant::now() + most;
        loop {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            if std::time::Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn kill(&mut self) -> Option<ExitStatus> {
        let _ = self.child.kill();
        self.child.wait().ok()
    }
}

impl Guarded {
    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The process, with its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}
