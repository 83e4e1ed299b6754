//! What a run decoded, in the four formats.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Decoder, Tokens, escape};
use crate::hypothesis::Hypothesis;
use crate::sampler::{Event, Token};

/// How decoded sequences are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunFormat {
    /// A line for each sequence: its ids, separated by one blank.
    #[default]
    Ids,
    /// One document: how the run was made, and its sequences.
    Json,
    /// A JSON line for each sequence.
    Jsonl,
    /// The token strings of each sequence.
    Text,
}

impl RunFormat {
    /// True if log-probabilities are written.
    pub fn wants_logprobs(self) -> bool {
        matches!(self, RunFormat::Json | RunFormat::Jsonl)
    }
}

/// How a run was made: the head of its JSON document.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Name of the draw; `None` where nothing is drawn.
    pub draw: Option<String>,
    /// The seed, where one was used; see [`seed`](super::seed).
    pub seed: Option<Value>,
    /// The chain, as JSON that can be given back.
    pub chain: Value,
    /// The command line.
    pub arguments: Vec<String>,
}

/// Writes the events of a run.
///
/// Without `stream`, a sequence is written as soon as it stands. With it, a line for each step is written as soon as the step is
/// taken: ids (or strings, quoted as in JSON) separated by one blank, or for [`RunFormat::Jsonl`] an object for each token. A
/// character whose bytes are spread over tokens stands with the last of them; what never became one has a line at its end.
///
/// ```
/// use tokpick::hypothesis::{Finish, Hypothesis};
/// use tokpick::render::{RunFormat, Head, RunWriter};
/// use tokpick::sampler::Event;
///
/// let mut run = RunWriter::new(RunFormat::Ids, false, Head::default());
/// let mut text = Vec::new();
/// run.event(&Event::Done(Hypothesis {
///     sequence: 0, sample: 0, ids: vec![5, 7], logprobs: vec![], processed_logprobs: vec![], logprob: None, score: None,
///     perturbed: None, bound: None, finish_reason: Finish::Length,
/// }), None, &mut text)?;
/// run.end(&mut text)?;
/// assert_eq!(text, b"5 7\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct RunWriter {
    format: RunFormat,
    stream: bool,
    head: Head,
    written: usize,
    escape: bool,
    ids: BTreeMap<usize, Value>,
    /// The bytes that each sequence and sample holds back.
    decoders: HashMap<(usize, usize), Decoder>,
}

impl RunWriter {
    /// A writer for one run.
    pub fn new(format: RunFormat, stream: bool, head: Head) -> Self {
        RunWriter {
            format,
            stream,
            head,
            written: 0,
            escape: false,
            ids: BTreeMap::new(),
            decoders: HashMap::new(),
        }
    }

    /// Escapes the texts of [`RunFormat::Text`], so that each is one line; see [`escape`].
    pub fn escaped(self, escape: bool) -> Self {
        RunWriter { escape, ..self }
    }

    /// The caller's own names of sequences, which stand beside them in JSON.
    pub fn named(self, ids: BTreeMap<usize, Value>) -> Self {
        RunWriter { ids, ..self }
    }

    /// Writes one event; `tokens` are the strings for [`RunFormat::Text`] (ids without them) and beside the ids in JSON.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn event(
        &mut self,
        event: &Event<'_>,
        tokens: Option<&Tokens>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        match event {
            Event::Step(step) if self.stream => {
                self.step(step, tokens, to)?;
                to.flush()
            }
            Event::Done(hypothesis) if !self.stream => {
                self.sequence(hypothesis, tokens, to)?;
                if self.format == RunFormat::Jsonl { to.flush() } else { Ok(()) }
            }
            Event::Done(hypothesis) => {
                let held = self.decoders.remove(&(hypothesis.sequence, hypothesis.sample));
                match held.map(|mut decoder| decoder.finish()) {
                    Some(rest) if !rest.is_empty() => writeln!(to, "{}", Value::from(rest)),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Writes what comes after the last event.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn end(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.format == RunFormat::Json {
            if self.written == 0 {
                self.open(to)?;
            }
            writeln!(to, "]}}")?;
        }
        Ok(())
    }

    fn step(&mut self, step: &[Token], tokens: Option<&Tokens>, to: &mut dyn Write) -> io::Result<()> {
        if self.format == RunFormat::Jsonl {
            return step.iter().try_for_each(|t| {
                let mut line =
                    json!({"sequence": t.sequence, "sample": t.sample, "step": t.step, "id": t.id});
                if let Some(tokens) = tokens {
                    line["token"] = tokens.label(t.id).into();
                }
                writeln!(to, "{line}")
            });
        }
        let strings = tokens.filter(|_| self.format == RunFormat::Text);
        let shown = step.iter().map(|t| match strings {
            Some(strings) => {
                let decoder = self.decoders.entry((t.sequence, t.sample)).or_default();
                Value::from(decoder.next(strings, t.id)).to_string()
            }
            None => t.id.to_string(),
        });
        writeln!(to, "{}", shown.collect::<Vec<_>>().join(" "))
    }

    fn sequence(&mut self, h: &Hypothesis, tokens: Option<&Tokens>, to: &mut dyn Write) -> io::Result<()> {
        match (self.format, tokens) {
            (RunFormat::Json, _) => {
                if self.written == 0 {
                    self.open(to)?;
                } else {
                    to.write_all(b",")?;
                }
                write!(to, "\n{}", json_of(h, self.ids.get(&h.sequence), tokens)?)?;
            }
            (RunFormat::Jsonl, _) => writeln!(to, "{}", json_of(h, self.ids.get(&h.sequence), tokens)?)?,
            (RunFormat::Text, Some(tokens)) if self.escape => {
                writeln!(to, "{}", escape(&tokens.text(&h.ids)))?
            }
            (RunFormat::Text, Some(tokens)) => writeln!(to, "{}", tokens.text(&h.ids))?,
            (RunFormat::Ids | RunFormat::Text, _) => {
                for (at, id) in h.ids.iter().enumerate() {
                    write!(to, "{}{id}", if at > 0 { " " } else { "" })?;
                }
                writeln!(to)?;
            }
        }
        self.written += 1;
        Ok(())
    }

    fn open(&self, to: &mut dyn Write) -> io::Result<()> {
        let head = json!({
            "tokpick": env!("CARGO_PKG_VERSION"),
            "draw": self.head.draw,
            "seed": self.head.seed,
            "chain": self.head.chain,
            "arguments": self.head.arguments,
        });
        let text = head.to_string();
        write!(to, "{},\"sequences\":[", text.strip_suffix('}').unwrap_or(&text))
    }
}

/// A sequence in JSON, with the strings of its tokens where there are some.
#[derive(Serialize)]
struct Line<'a> {
    /// The caller's own name of the sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    #[serde(flatten)]
    hypothesis: &'a Hypothesis,
    /// As the vocabulary has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<String>>,
    /// All of them as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

fn json_of(hypothesis: &Hypothesis, id: Option<&Value>, tokens: Option<&Tokens>) -> io::Result<String> {
    let ids = &hypothesis.ids;
    let labels = tokens.map(|tokens| ids.iter().map(|&id| tokens.label(id)).collect());
    let text = tokens.map(|tokens| tokens.text(ids));
    serde_json::to_string(&Line { id, hypothesis, tokens: labels, text }).map_err(io::Error::from)
}
