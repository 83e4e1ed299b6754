//! Records: a run and everything that it depended on, in one JSON file.

mod read;
mod word;

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::word::Word;
use super::digest::Digest;
use crate::hypothesis::{Finish, Hypothesis};
use crate::source::read_text;
use crate::{Result, TokenId};

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
    pub command: Vec<Word>,
    /// Where relative paths start, seen from the folder of the record; `None`: there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<Word>,
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
    pub input: RecordedInput,
    /// Sequences, steps (`None`: as many as the stream had) and vocabulary size.
    pub shape: [Option<usize>; 3],
    /// Other files that decide something: a second model's logits, a generation config.
    #[serde(default)]
    pub companions: Vec<RecordedInput>,
    /// Digest of the token strings, if there were any.
    pub vocabulary: Option<Digest>,
    /// Operating system, architecture and instruction set of the machine.
    pub platform: String,
    /// What was decoded.
    pub sequences: Vec<RecordedLine>,
    /// Fields that the file has and this version doesn't know.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

/// A file that a run has read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedInput {
    /// What it was read as: `input`, `uncond_input`, …
    pub role: String,
    /// Its path as given; `-` for standard input.
    pub path: Word,
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
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Divergence {
    /// Number of the line; `None` where the difference is not in what was decoded.
    pub line: Option<usize>,
    /// Its sequence.
    pub sequence: Option<usize>,
    /// Its sample, or rank.
    pub sample: Option<usize>,
    /// Token of the line, from 0; `None` where lines differ as a whole.
    pub at: Option<usize>,
    /// What differs: `id`, `length`, `logprob`, `processed_logprob`, `score`, `finish_reason` or `lines`; before anything is
    /// decoded `input`, `companion`, `companions`, `vocabulary`, `chain`,
    /// `draw`, `engine`, `seed` or `shape`.
    pub what: &'static str,
    /// The file that differs, for `input` and `companion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Word>,
    /// What the record has.
    pub expected: Value,
    /// What the repetition gives.
    pub found: Value,
    /// Probabilities in the raw row: of the recorded token (as recorded), and of the found one.
    pub probabilities: [Option<f64>; 2],
}

impl Divergence {
    /// A difference that shows before anything is decoded; `None` if there is none.
    pub fn of(what: &'static str, expected: Value, found: Value) -> Option<Divergence> {
        (expected != found).then(|| Divergence { what, expected, found, ..Divergence::default() })
    }
}

impl Record {
    /// An empty record of this version and machine, to be filled.
    pub fn new(command: Vec<Word>, input: RecordedInput) -> Self {
        Record {
            format: FORMAT.to_string(),
            version: VERSION,
            tokpick: env!("CARGO_PKG_VERSION").to_string(),
            command,
            directory: None,
            chain: Value::Array(Vec::new()),
            draw: None,
            engine: None,
            seed: None,
            input,
            shape: [None; 3],
            companions: Vec::new(),
            vocabulary: None,
            platform: platform(),
            sequences: Vec::new(),
            unknown: Vec::new(),
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

    /// What a record says of where it was made that is otherwise here, in words: no difference in what was decoded follows from it.
    pub fn elsewhere(&self) -> Vec<String> {
        let here = [
            ("tokpick", &self.tokpick, env!("CARGO_PKG_VERSION").to_string()),
            ("platform", &self.platform, platform()),
        ];
        let differs = here.into_iter().filter(|(_, recorded, here)| *recorded != here);
        let mut all: Vec<String> = differs
            .map(|(field, recorded, here)| format!("{field}: recorded {recorded}, here {here}"))
            .collect();
        all.extend(
            self.unknown.iter().map(|field| format!("{field}: not known to this tokpick, and not checked")),
        );
        all
    }

    /// Writes the record.
    ///
    /// # Errors
    /// A failed write.
    pub fn write(&self, to: &mut dyn Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut *to, self)?;
        to.write_all(b"\n")
    }

    /// The first difference between the record and a repeated run; `None` if they agree. Ids and ends are compared exactly,
    /// log-probabilities and scores to 1e-6 relative (they are computed in f64 from f32 rows).
    pub fn compare(&self, found: &[RecordedLine]) -> Option<Divergence> {
        if let Some(d) = self.sequences.iter().zip(found).enumerate().find_map(|(i, (e, f))| line(i, e, f)) {
            return Some(d);
        }
        self.compare_number(found.len())
    }

    /// The difference between how many lines the record holds and how many a run gives, which may be known before it is made.
    pub fn compare_number(&self, found: usize) -> Option<Divergence> {
        let expected = self.sequences.len();
        let line = Some(expected.min(found));
        Divergence::of("lines", expected.into(), found.into()).map(|d| Divergence { line, ..d })
    }
}

/// The machine: operating system, architecture, instruction set.
fn platform() -> String {
    format!("{} {}, {}", std::env::consts::OS, std::env::consts::ARCH, crate::kernel::simd())
}

/// The fields of a document that were not understood, by their paths.
fn unknown(read: &Value, known: &Value, path: &str, out: &mut Vec<String>) {
    match (read, known) {
        (Value::Object(read), Value::Object(known)) => {
            for (key, value) in read {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match known.get(key) {
                    Some(known) => unknown(value, known, &path, out),
                    // an absent field may be written as null
                    None if value.is_null() => {}
                    None => out.push(path),
                }
            }
        }
        (Value::Array(read), Value::Array(known)) => {
            for (at, (value, known)) in read.iter().zip(known).enumerate() {
                unknown(value, known, &format!("{path}[{at}]"), out);
            }
        }
        _ => {}
    }
}

fn line(number: usize, expected: &RecordedLine, found: &RecordedLine) -> Option<Divergence> {
    let differ = |what, at: Option<usize>, e: Value, f: Value| {
        let p = |line: &RecordedLine| line.logprobs.get(at?).copied().flatten().map(crate::kernel::exp);
        let probabilities = [p(expected), p(found)];
        let (line, sequence, sample) = (Some(number), Some(expected.sequence), Some(expected.sample));
        let file = None;
        Some(Divergence { line, sequence, sample, at, what, file, expected: e, found: f, probabilities })
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
    for (what, x, y) in [
        ("logprob", &e.logprobs, &f.logprobs),
        ("processed_logprob", &e.processed_logprobs, &f.processed_logprobs),
    ] {
        if x.len() != y.len() {
            let number = |n: usize| Value::from(format!("{n} of them"));
            return differ(what, Some(x.len().min(y.len())), number(x.len()), number(y.len()));
        }
    }
    if apart(e.score, f.score) {
        return differ("score", None, e.score.into(), f.score.into());
    }
    let name = |f: Finish| serde_json::to_value(f).unwrap_or_default();
    (e.finish_reason != f.finish_reason)
        .then(|| differ("finish_reason", None, name(e.finish_reason), name(f.finish_reason)))?
}

#[cfg(test)]
mod tests;
