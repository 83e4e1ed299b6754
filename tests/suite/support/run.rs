//! Running the binary.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl Ran {
    /// Standard output as text, of a run that went well.
    #[track_caller]
    pub fn text(self) -> String {
        assert_eq!(self.status, Some(0), "{}", self.err);
        String::from_utf8(self.out).unwrap()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// The first line on standard error of a run that failed.
    #[track_caller]
    pub fn failure(self) -> String {
        assert_eq!(self.status, Some(2), "{:?} {}", String::from_utf8_lossy(&self.out), self.err);
        let last = self.err.lines().find(|l| !l.starts_with("tokpick: note:"));
        last.and_then(|l| l.strip_prefix("tokpick: ")).unwrap_or_else(|| panic!("{}", self.err)).to_string()
    }
}

/// Runs tokpick in fixtures/tiny-lm.
pub fn tokpick(args: &[&str]) -> Ran {
    with_input(args, b"")
}

/// The same, with bytes on standard input.
pub fn with_input(args: &[&str], input: &[u8]) -> Ran {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // it may end without reading everything
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    Ran { status: done.status.code(), out: done.stdout, err }
}

/// The command, not yet started.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokpick"));
    command.args(args).current_dir(fixture("tiny-lm")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A path in fixtures/.
pub fn fixture(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// Words of a command line.
pub fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Runs a line of shell in a folder, where `tokpick` is the binary.
#[cfg(unix)]
pub fn shell(line: &str, folder: &Path) -> Ran {
    let binary = Path::new(env!("CARGO_BIN_EXE_tokpick"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = binary.parent().map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
    let done = Command::new("bash")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(folders).unwrap())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&done.stderr).into_owned();
    Ran { status: done.status.code(), out: done.stdout, err }
}
