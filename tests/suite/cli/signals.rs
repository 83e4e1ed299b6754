//! What signals leave behind.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::places::{folder, names};
use crate::support::run::{command, shell, words};

/// A run that is ended when the test is, however that ends.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

impl Running {
    /// The signal that ended it, within 20 s.
    fn ended_by(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.signal();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

/// Starts a run that waits for its next row, with an unfinished file of every kind.
fn waiting(folder: &Path) -> (Running, std::process::ChildStdin) {
    let mut child = Running(
        command(&words("sample -s 1 -o ids --record record --trace trace"))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut input = child.0.stdin.take().unwrap();
    input.write_all(b"[1,2,3]\n[3,2,1]\n").unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while names(folder).len() < 3 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(names(folder).len(), 3, "{:?}", names(folder));
    (child, input)
}

/// Whether the tests run where a signal is ignored, as in the background of a shell: what they start ignores it, too.
fn is_ignored(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0").trim();
    u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & (1 << (number - 1)) != 0)
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_signal_leaves_no_unfinished_file() {
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3)] {
        if is_ignored(number) {
            println!("skipped: {name} is ignored here");
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let (mut child, _input) = waiting(folder.path());
        signal(name, child.0.id());
        assert_eq!(child.ended_by(), Some(number as i32), "{name}");
        assert_eq!(names(folder.path()), [""; 0], "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let folder = folder();
    let line =
        "(echo '[1,2]'; sleep 0.5; echo '[2,1]') | (trap '' HUP; exec tokpick greedy -o ids) & sleep 0.2;
        kill -HUP $(pgrep -P $! tokpick || echo $!); wait; cat ids";
    assert_eq!(shell(line, folder.path()).text(), "1 0\n");
}

/// After SIGKILL, too, nothing of the model is left.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_run_takes_its_model_along() {
    let runs = |id: &str| {
        std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    // a wrapper that does not look at its input, with a process of its own
    let model = "sh -c 'sleep 1000 & echo $$ $! > ids.part; mv ids.part ids; wait'";
    for name in ["KILL", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ids");
        let mut child = command(&["greedy", "--model-command", model])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while !file.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let ids = std::fs::read_to_string(&file).unwrap();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        assert!(ids.len() == 2 && ids.iter().all(|id| runs(id)), "{ids:?}");
        signal(name, child.id());
        child.wait().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while ids.iter().any(|id| runs(id)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!ids.iter().any(|id| runs(id)), "{name}: the model runs on");
    }
}
