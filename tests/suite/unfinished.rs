//! Outputs that don't get finished, of every kind: what was there before is there after, and nothing else.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::run::{command, fixture, shell, with_input, words};

/// Commands that write the file `out`, and read their rows from standard input.
const WRITERS: [&str; 14] = [
    "greedy - -o out",
    "sample - -s 1 -f json -o out",
    "sample - -s 1 -f jsonl -o out",
    "sample - -s 1 --record out",
    "sample - -s 1 --trace out",
    "beam - -o out",
    "probs - -o out",
    "probs - -f jsonl -o out",
    "info - -f json -o out",
    "explain - --step 3 -s 1 -o out",
    "page - -s 1 -o out",
    "score - --ids 0,1,2,0 -o out",
    "convert - --to npy -o out",
    "convert - --to jsonl -o out",
];

/// Commands that write while they read, as much as is sent.
const HALVES: [&str; 12] = [
    "greedy - --stream -o out",
    "sample - -s 1 --stream -f jsonl -o out",
    "sample - -s 1 --trace out",
    "probs - -o out",
    "probs - -f jsonl -o out",
    "probs - -f json -o out",
    "convert - --to npy -o out",
    "convert - --to npz -o out",
    "convert - --to safetensors -o out",
    "convert - --to json -o out",
    "convert - --to jsonl -o out",
    "beam - --trace out",
];

/// What these read, but for the last row.
const ROWS: &str = "[1,2,3]\n[3,2,1]\n[1,3,2]\n";
const LAST: &str = "[2,1,3]\n";

/// A whole run: of one of them, or of one that reads a file of rows more than once.
fn whole(line: &str) -> String {
    let rows = fixture("tiny-lm/steps-small.json");
    format!("printf '%s' '{ROWS}{LAST}' | tokpick {}", line.replace("FILE", rows.to_str().unwrap()))
}

/// All commands that write.
fn every_writer() -> impl Iterator<Item = &'static str> {
    WRITERS.into_iter().chain([
        "compare FILE --seed 1 -o out",
        "tree FILE -o out",
        "tree FILE -f html -o out",
    ])
}

/// The signals that end a program and can be met.
const SIGNALS: [(&str, i32); 6] =
    [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3), ("USR1", 10), ("XCPU", 24)];

/// A run that is ended when the test is, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Waits until something holds, 20 s at most.
fn wait_for(mut holds: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

/// A run that has taken its rows, and waits for more with its file begun.
fn begun(line: &str, folder: &Path) -> (Running, std::process::ChildStdin) {
    let mut child = Running(command(&words(line)).current_dir(folder).stdin(Stdio::piped()).spawn().unwrap());
    let mut input = child.0.stdin.take().unwrap();
    input.write_all(ROWS.as_bytes()).unwrap();
    assert!(wait_for(|| names(folder).len() == 2), "{line} begins no file: {:?}", names(folder));
    (child, input)
}

/// Sends a start, and then a piece again and again, as long as anybody reads.
fn feed(child: &mut Running, start: Vec<u8>, piece: Vec<u8>) {
    let mut input = child.0.stdin.take().unwrap();
    std::thread::spawn(move || {
        let mut sent = input.write_all(&start);
        while sent.is_ok() {
            sent = input.write_all(&piece);
        }
    });
}

/// A run with a part of its rows in its unfinished file, and more of them coming.
fn halfway(line: &str, folder: &Path) -> Running {
    let mut child = Running(command(&words(line)).current_dir(folder).stdin(Stdio::piped()).spawn().unwrap());
    let out = child.0.stdout.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut { out }, &mut std::io::sink()));
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 3), }";
    let start = [b"\x93NUMPY\x01\x00\x76\x00", format!("{header:<117}\n").as_bytes()].concat();
    feed(&mut child, start, [1f32, 2.0, 3.0].map(f32::to_le_bytes).as_flattened().repeat(100));
    // room is taken with zeros before anything is written
    let is_written = |name: &String| {
        let mut first = [0; 64];
        let read = std::fs::File::open(folder.join(name)).and_then(|mut file| file.read(&mut first));
        name != "out" && read.is_ok() && first.iter().any(|byte| *byte != 0)
    };
    assert!(wait_for(|| names(folder).iter().any(is_written)), "{line} writes nothing: {:?}", names(folder));
    child
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

/// The old file, whole, and no other.
#[track_caller]
fn is_as_it_was(folder: &Path, what: &str) {
    assert_eq!(names(folder), ["out"], "{what}");
    assert_eq!(std::fs::read(folder.join("out")).unwrap(), b"old", "{what}");
}

/// Whether the tests run where a signal is ignored, as in the background of a shell: what they start ignores it, too.
fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0").trim();
    u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & (1 << (number - 1)) != 0)
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("out"), "old").unwrap();
    for line in WRITERS {
        for (name, number) in SIGNALS {
            if is_ignored(number) {
                println!("skipped: {name} is ignored here");
                continue;
            }
            let (mut child, _input) = begun(line, folder.path());
            signal(name, child.0.id());
            let mut status = None;
            wait_for(|| {
                status = child.0.try_wait().unwrap();
                status.is_some()
            });
            assert_eq!(status.and_then(|s| s.signal()), Some(number), "{line}: {name}");
            is_as_it_was(folder.path(), &format!("{line}: {name}"));
        }
    }
}

/// In the middle of a file that is being written, too, and SIGKILL leaves the old one beside it.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_in_the_middle_of_writing_leaves_the_old_file() {
    for line in HALVES {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("out"), "old").unwrap();
        for (name, number) in SIGNALS.into_iter().filter(|(_, number)| !is_ignored(*number)) {
            let mut child = halfway(line, folder.path());
            signal(name, child.0.id());
            assert_eq!(child.0.wait().unwrap().signal(), Some(number), "{line}: {name}");
            is_as_it_was(folder.path(), &format!("{line}: {name}"));
        }
        let mut child = halfway(line, folder.path());
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        assert_eq!(std::fs::read(folder.path().join("out")).unwrap(), b"old", "{line}");
    }
}

/// After SIGKILL no program can tidy up: the old file is whole all the same, and the next run is not disturbed.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_run_leaves_the_old_file() {
    for line in WRITERS {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("out"), "old").unwrap();
        let (mut child, _input) = begun(line, folder.path());
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        assert_eq!(std::fs::read(folder.path().join("out")).unwrap(), b"old", "{line}");
        let ran = shell(&whole(line), folder.path());
        assert_eq!(ran.status, Some(0), "{line}: {}", ran.err);
        assert_ne!(std::fs::read(folder.path().join("out")).unwrap(), b"old", "{line}");
    }
}

/// SIGPIPE ends no run: a closed pipe is found where it is written to.
#[test]
fn a_sigpipe_ends_nothing() {
    for line in WRITERS {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("out"), "old").unwrap();
        let (mut child, mut input) = begun(line, folder.path());
        signal("PIPE", child.0.id());
        input.write_all(LAST.as_bytes()).unwrap();
        drop(input);
        assert_eq!(child.0.wait().unwrap().code(), Some(0), "{line}");
        assert_eq!(names(folder.path()), ["out"], "{line}");
        assert_ne!(std::fs::read(folder.path().join("out")).unwrap(), b"old", "{line}");
    }
}

/// What went to standard output before a signal is what a run that was left alone writes; line by line where each is sent at once.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_standard_output_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for line in
        ["greedy - --stream", "sample - -s 1 --stream -f jsonl", "probs - -f jsonl", "convert - --to jsonl"]
    {
        let whole = shell(&whole(line), folder.path()).text();
        for (name, number) in SIGNALS {
            if is_ignored(number) {
                continue;
            }
            let mut child = Running(command(&words(line)).stdin(Stdio::piped()).spawn().unwrap());
            let mut out = child.0.stdout.take().unwrap();
            let mut all = vec![0];
            if line.contains("--stream") {
                let mut input = child.0.stdin.take().unwrap();
                input.write_all(ROWS.as_bytes()).unwrap();
                // its first row is there before it has them all
                out.read_exact(&mut all).unwrap();
                signal(name, child.0.id());
                out.read_to_end(&mut all).unwrap();
                let all = String::from_utf8(all).unwrap();
                assert!(whole.starts_with(&all) && all.ends_with('\n'), "{line}: {all}");
            } else {
                // as much is held as a buffer takes: rows come until it is full
                feed(&mut child, Vec::new(), ROWS.into());
                out.read_exact(&mut all).unwrap();
                signal(name, child.0.id());
                out.read_to_end(&mut all).unwrap();
                let rows = ROWS.repeat(1 + all.iter().filter(|byte| **byte == b'\n').count());
                assert!(with_input(&words(line), rows.as_bytes()).out.starts_with(&all), "{line}: {name}");
                assert!(all.len() > 4096, "{line}: {name}");
            }
            assert_eq!(child.0.wait().unwrap().signal(), Some(number), "{line}: {name}");
        }
    }
}

/// A folder that can't be written to: one line that says so, before anything is read, and the old file.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_read_only() {
    let folder = tempfile::tempdir().unwrap();
    // root may write anywhere: without that right, or on a file system that nobody may write to
    let without_rights = "mkdir sealed; printf old > sealed/out; chmod 555 sealed; chmod 444 sealed/out
        [ \"$(id -u)\" = 0 ] || { touch sealed/x 2>/dev/null && echo skipped; exit 0; }
        capsh --drop=cap_dac_override,cap_dac_read_search -- -c 'touch sealed/x' 2>/dev/null; [ $? = 1 ] || echo skipped";
    let mounted = "mkdir still && mount -t tmpfs -o size=64k tmpfs still && printf old > still/out && mount -o remount,ro still || echo skipped";
    for (make, place, words) in [
        (without_rights, "sealed", "Permission denied (os error 13)"),
        (mounted, "still", "Read-only file system (os error 30)"),
    ] {
        if String::from_utf8_lossy(&shell(make, folder.path()).out).contains("skipped") {
            println!("skipped: a read-only folder ({place}) can't be had here");
            continue;
        }
        let _gone = Unmounted(folder.path().join(place));
        for line in every_writer() {
            let mut line = whole(&line.replace(" out", &format!(" {place}/out")));
            if place == "sealed" && is_root() {
                line = line.replace(
                    "| tokpick",
                    "| capsh --drop=cap_dac_override,cap_dac_read_search -- -c 'tokpick",
                ) + "'";
            }
            let ran = shell(&line, folder.path());
            assert_eq!(ran.failure(), format!("{place}/out: {words}"), "{line}");
            is_as_it_was(&folder.path().join(place), &line);
        }
    }
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}

/// A file system that is taken away when the test ends.
struct Unmounted(std::path::PathBuf);

impl Drop for Unmounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).stderr(Stdio::null()).status();
    }
}

/// Links are written through, whatever is written; of runs on one output one wins, whole.
#[cfg(target_os = "linux")]
#[test]
fn links_and_several_runs() {
    for line in every_writer() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old"), "old").unwrap();
        std::os::unix::fs::symlink("old", at("out")).unwrap();
        let run = whole(line);
        let ran = shell(&run, folder.path());
        assert_eq!(ran.status, Some(0), "{line}: {}", ran.err);
        assert!(std::fs::symlink_metadata(at("out")).unwrap().is_symlink(), "{line}");
        let alone = std::fs::read(at("old")).unwrap();
        assert_ne!(alone, b"old", "{line}");
        assert_eq!(names(folder.path()), ["old", "out"], "{line}");
        let several = format!("for i in 1 2 3 4; do ({run}) & done; wait");
        assert_eq!(shell(&several, folder.path()).status, Some(0), "{line}");
        assert_eq!(names(folder.path()), ["old", "out"], "{line}");
        let found = std::fs::read(at("old")).unwrap();
        assert!(found == alone, "{line}");
    }
}
