//! Records: a run and everything that it depended on, in one JSON file.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::Digest;
use crate::hypothesis::{Finish, Hypothesis};
use crate::source::read_text;
use crate::{Error, Place, Result, TokenId};

/// What a record says it is.
const FORMAT: &str = "tokpick-record";
/// The version of the format that is written.
const VERSION: u64 = 1;

/// A decoding run as a file: what was read, what was asked for, what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Always `tokpick-record`.
    pub format: String,
    /// Version of the format: 1.
    pub version: u64,
    /// The version of tokpick that made it.
    pub tokpick: String,
    /// The canonical command: the subcommand and its arguments, the seed among them.
    pub command: Vec<String>,
    /// The chain as JSON.
    pub chain: Value,
    /// The draw (`chacha8-v1`), or the engine; `None` where nothing is random.
    pub draw: Option<String>,
    /// The engine's version that was replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The seed: a number, or a string above 2⁵³ and where an engine takes more than one number.
    pub seed: Option<Value>,
    /// The input.
    pub input: Companion,
    /// Sequences, steps (`None`: as many as the stream had) and vocabulary size.
    pub shape: [Option<usize>; 3],
    /// Other files that decide something: a second model's logits, a generation config.
    #[serde(default)]
    pub companions: Vec<Companion>,
    /// Digest of the token strings, if there were any.
    pub vocabulary: Option<Digest>,
    /// Operating system, architecture and instruction set of the machine.
    pub platform: String,
    /// What was decoded.
    pub sequences: Vec<RecordedLine>,
}

/// A file that a run has read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Companion {
    /// What it was read as: `input`, `uncond_input`, …
    pub role: String,
    /// Its path as given; `-` for standard input.
    pub path: String,
    /// SHA-256 of its content.
    pub sha256: Digest,
    /// Its length.
    pub bytes: u64,
}

/// One decoded line of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedLine {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Number of the sample, or rank.
    pub sample: usize,
    /// The ids.
    pub ids: Vec<TokenId>,
    /// Log-probabilities in the raw rows.
    pub logprobs: Vec<Option<f64>>,
    /// Log-probabilities where the ids were drawn from.
    pub processed_logprobs: Vec<Option<f64>>,
    /// Score, in beam search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Why it ended.
    pub finish_reason: Finish,
}

impl From<&Hypothesis> for RecordedLine {
    fn from(h: &Hypothesis) -> Self {
        RecordedLine {
            sequence: h.sequence,
            sample: h.sample,
            ids: h.ids.clone(),
            logprobs: h.logprobs.clone(),
            processed_logprobs: h.processed_logprobs.clone(),
            score: h.score,
            finish_reason: h.finish_reason,
        }
    }
}

/// Where a repeated run leaves its record for the first time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Divergence {
    /// Number of the line.
    pub line: usize,
    /// Its sequence.
    pub sequence: usize,
    /// Its sample, or rank.
    pub sample: usize,
    /// Token of the line, from 0; `None` where lines differ as a whole.
    pub at: Option<usize>,
    /// What differs: `id`, `length`, `logprob`, `processed_logprob`, `score`, `finish_reason` or `lines`.
    pub what: &'static str,
    /// What the record has.
    pub expected: Value,
    /// What the repetition gives.
    pub found: Value,
    /// Probabilities in the raw row: of the recorded token (as recorded), and of the found one.
    pub probabilities: [Option<f64>; 2],
}

impl Record {
    /// An empty record of this version and machine, to be filled.
    pub fn new(command: Vec<String>, input: Companion) -> Self {
        Record {
            format: FORMAT.to_string(),
            version: VERSION,
            tokpick: env!("CARGO_PKG_VERSION").to_string(),
            command,
            chain: Value::Array(Vec::new()),
            draw: None,
            engine: None,
            seed: None,
            input,
            shape: [None; 3],
            companions: Vec::new(),
            vocabulary: None,
            platform: format!(
                "{} {}, {}",
                std::env::consts::OS,
                std::env::consts::ARCH,
                crate::kernel::simd()
            ),
            sequences: Vec::new(),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// A file that can't be read, is no record, or is of a version that this tokpick does not know, which is named.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        Record::parse(&file, read_text(path)?.as_bytes())
    }

    /// As [`read`](Self::read), from the text of a file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(file: &str, text: &[u8]) -> Result<Self> {
        let bad = |what: String| Err(Error::input(file, Place::default(), what));
        let value: Value = match serde_json::from_slice(text) {
            Ok(value) => value,
            Err(e) => return bad(format!("no record: {e}")),
        };
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return bad(format!("no record: \"format\" is not \"{FORMAT}\""));
        }
        match value.get("version") {
            Some(v) if v.as_u64() == Some(VERSION) => {}
            Some(v) => {
                let made = value.get("tokpick").and_then(Value::as_str).unwrap_or("unknown");
                return bad(format!(
                    "a record of format version {v} (made by tokpick {made}); this tokpick {} reads version {VERSION}: repeat the run, or use that tokpick",
                    env!("CARGO_PKG_VERSION")
                ));
            }
            None => return bad("a record without a format version".to_string()),
        }
        serde_json::from_value(value).or_else(|e| bad(format!("a damaged record: {e}")))
    }

    /// Writes the record, whole or not at all ([`write_whole`]).
    ///
    /// # Errors
    /// A place that can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let io = |source: std::io::Error| Error::Io { file: path.display().to_string(), source };
        let mut text = serde_json::to_vec_pretty(self).map_err(|e| io(e.into()))?;
        text.push(b'\n');
        write_whole(path, &text)
    }

    /// The first difference between the record and a repeated run; `None` if they agree. Ids and ends are compared exactly,
    /// log-probabilities and scores to 1e-6 relative (they are computed in f64 from f32 rows).
    pub fn compare(&self, found: &[RecordedLine]) -> Option<Divergence> {
        if let Some(d) = self.sequences.iter().zip(found).enumerate().find_map(|(i, (e, f))| line(i, e, f)) {
            return Some(d);
        }
        (self.sequences.len() != found.len()).then(|| Divergence {
            line: self.sequences.len().min(found.len()),
            sequence: 0,
            sample: 0,
            at: None,
            what: "lines",
            expected: self.sequences.len().into(),
            found: found.len().into(),
            probabilities: [None; 2],
        })
    }
}

fn line(number: usize, expected: &RecordedLine, found: &RecordedLine) -> Option<Divergence> {
    let differ = |what, at: Option<usize>, e: Value, f: Value| {
        let p = |line: &RecordedLine| line.logprobs.get(at?).copied().flatten().map(crate::kernel::exp);
        let probabilities = [p(expected), p(found)];
        let (sequence, sample) = (expected.sequence, expected.sample);
        Some(Divergence { line: number, sequence, sample, at, what, expected: e, found: f, probabilities })
    };
    let (e, f) = (expected, found);
    if (e.sequence, e.sample) != (f.sequence, f.sample) {
        return differ(
            "lines",
            None,
            format!("sequence {}, sample {}", e.sequence, e.sample).into(),
            format!("sequence {}, sample {}", f.sequence, f.sample).into(),
        );
    }
    let apart = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() > 1e-6 * a.abs().max(b.abs()).max(1e-3),
        (a, b) => a.is_some() != b.is_some(),
    };
    for at in 0..e.ids.len().min(f.ids.len()) {
        if e.ids[at] != f.ids[at] {
            return differ("id", Some(at), e.ids[at].into(), f.ids[at].into());
        }
        for (what, x, y) in [
            ("logprob", &e.logprobs, &f.logprobs),
            ("processed_logprob", &e.processed_logprobs, &f.processed_logprobs),
        ] {
            let (x, y) = (x.get(at).copied().flatten(), y.get(at).copied().flatten());
            if apart(x, y) {
                return differ(what, Some(at), x.into(), y.into());
            }
        }
    }
    if e.ids.len() != f.ids.len() {
        return differ("length", Some(e.ids.len().min(f.ids.len())), e.ids.len().into(), f.ids.len().into());
    }
    if apart(e.score, f.score) {
        return differ("score", None, e.score.into(), f.score.into());
    }
    let name = |f: Finish| serde_json::to_value(f).unwrap_or_default();
    (e.finish_reason != f.finish_reason)
        .then(|| differ("finish_reason", None, name(e.finish_reason), name(f.finish_reason)))?
}

/// Writes a file whole or not at all: into a temporary file beside it, to the disk, then renamed over it. Whoever reads the path,
/// also after a crash or `kill -9` at any moment, finds the old file or the new one, or none where there was none.
///
/// # Errors
/// A directory that can't be written; a path that is no regular file.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let io = |source: std::io::Error| Error::Io { file: path.display().to_string(), source };
    if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return Err(io(std::io::Error::other("not a regular file, so that it can't be written whole")));
    }
    // through a link, the file that it points to is replaced
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let directory = match target.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = directory.join(format!(".{name}.{}.{number}.tmp", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, &target)
    })();
    if let Err(error) = written {
        // what can't be removed is left behind, with a name that says what it is
        let _ = fs::remove_file(&temporary);
        return Err(io(error));
    }
    // the rename reaches the disk with the directory, where the system lets it be opened
    if let Ok(directory) = File::open(&directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
