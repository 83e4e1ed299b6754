//! What a run decoded, in the four formats.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Tokens, escape};
use crate::hypothesis::{Finish, Hypothesis};
use crate::sampler::{Event, Singles, Token};
use crate::text::{Stop, StopReader};

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
/// character whose bytes are spread over tokens stands with the last of them, and so does what might have become a stop string; what
/// never became one has a line at its end.
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
    /// A buffer for the line that is being written.
    line: Vec<u8>,
    ids: BTreeMap<usize, Value>,
    /// Where texts end; made of the strings, where nothing ends them.
    stop: Option<Stop>,
    /// The text that each sequence and sample holds back.
    readers: HashMap<(usize, usize), StopReader>,
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
            line: Vec::new(),
            ids: BTreeMap::new(),
            stop: None,
            readers: HashMap::new(),
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

    /// Ends the texts of sequences that ended at a stop string there.
    pub fn stopping(self, stop: Option<Stop>) -> Self {
        RunWriter { stop, ..self }
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
            // steps are written instead, and who asks for them gets no singles
            Event::Singles(_) if self.stream => Ok(()),
            Event::Singles(singles) => {
                self.singles(singles, tokens, to)?;
                if self.format == RunFormat::Jsonl { to.flush() } else { Ok(()) }
            }
            Event::Done(hypothesis) => {
                let held = self.readers.remove(&(hypothesis.sequence, hypothesis.sample));
                match held.zip(self.stop.as_ref()).map(|(mut reader, stop)| reader.finish(stop)) {
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
                // `id` is the token's here
                if let Some(name) = self.ids.get(&t.sequence) {
                    line["sequence_id"] = name.clone();
                }
                if let Some(tokens) = tokens {
                    line["token"] = tokens.label(t.id).into();
                }
                writeln!(to, "{line}")
            });
        }
        let strings = tokens.filter(|_| self.format == RunFormat::Text);
        let stop = strings.map(|strings| &*self.stop.get_or_insert_with(|| Stop::never(strings)));
        let shown = step.iter().map(|t| match stop {
            Some(stop) => {
                let reader = self.readers.entry((t.sequence, t.sample)).or_default();
                Value::from(reader.next(stop, t.id)).to_string()
            }
            None => t.id.to_string(),
        });
        writeln!(to, "{}", shown.collect::<Vec<_>>().join(" "))
    }

    fn singles(
        &mut self,
        singles: &Singles<'_>,
        tokens: Option<&Tokens>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        match (self.format, tokens) {
            (RunFormat::Ids, _) | (RunFormat::Text, None) => {
                self.line.clear();
                for id in singles.ids {
                    decimal(*id, &mut self.line);
                    self.line.push(b'\n');
                }
                self.written += singles.ids.len();
                to.write_all(&self.line)
            }
            _ => singles.hypotheses().try_for_each(|h| self.sequence(&h, tokens, to)),
        }
    }

    fn sequence(&mut self, h: &Hypothesis, tokens: Option<&Tokens>, to: &mut dyn Write) -> io::Result<()> {
        match (self.format, tokens) {
            (RunFormat::Json, _) => {
                if self.written == 0 {
                    self.open(to)?;
                } else {
                    to.write_all(b",")?;
                }
                write!(to, "\n{}", self.json_of(h, tokens)?)?;
            }
            (RunFormat::Jsonl, _) => writeln!(to, "{}", self.json_of(h, tokens)?)?,
            (RunFormat::Text, Some(tokens)) => {
                let (text, _) = self.text(h, tokens);
                writeln!(to, "{}", if self.escape { escape(&text) } else { text })?;
            }
            (RunFormat::Ids | RunFormat::Text, _) => {
                self.line.clear();
                for id in &h.ids {
                    decimal(*id, &mut self.line);
                    self.line.push(b' ');
                }
                self.line.pop();
                self.line.push(b'\n');
                to.write_all(&self.line)?;
            }
        }
        self.written += 1;
        Ok(())
    }

    /// The text of a sequence, and the stop string that ended it.
    pub fn text(&self, h: &Hypothesis, tokens: &Tokens) -> (String, Option<&str>) {
        match &self.stop {
            Some(stop) if h.finish_reason == Finish::Stop => stop.text(&h.ids),
            _ => (tokens.text(&h.ids), None),
        }
    }

    fn json_of(&self, hypothesis: &Hypothesis, tokens: Option<&Tokens>) -> io::Result<String> {
        let labels = tokens.map(|tokens| hypothesis.ids.iter().map(|&id| tokens.label(id)).collect());
        let (text, stop_reason) = match tokens.map(|tokens| self.text(hypothesis, tokens)) {
            Some((text, stop)) => (Some(text), stop),
            None => (None, None),
        };
        let id = self.ids.get(&hypothesis.sequence);
        serde_json::to_string(&Line { id, hypothesis, stop_reason, tokens: labels, text })
            .map_err(io::Error::from)
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

/// Appends a number in decimal digits: `write!` takes longer for it than the draw of a token.
fn decimal(mut n: u32, to: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[at..]);
}

/// A sequence in JSON, with the strings of its tokens where there are some.
#[derive(Serialize)]
struct Line<'a> {
    /// The caller's own name of the sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    #[serde(flatten)]
    hypothesis: &'a Hypothesis,
    /// The stop string that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<&'a str>,
    /// As the vocabulary has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<String>>,
    /// All of them as text, up to the stop string.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_are_those_of_display() {
        let powers = (0..10).flat_map(|n| [10u32.pow(n) - 1, 10u32.pow(n), 10u32.pow(n) + 1]);
        for n in powers.chain([42, 128_255, u32::MAX - 1, u32::MAX]) {
            let mut line = b"7 ".to_vec();
            decimal(n, &mut line);
            assert_eq!(String::from_utf8_lossy(&line), format!("7 {n}"));
        }
    }
}
