//! Logits from a live model: a process that is asked.

mod answer;
mod guard;
mod process;

use std::str::FromStr;
use std::time::Duration;

use super::{Access, DtypeHint, Format, LogitsSource, Query, Row, Shape};
use crate::{Error, Place, Result, TokenId};
use process::Process;

/// How a model process answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// A line of JSON: `{"logits":[…]}`, for a batch `{"logits":[[…],[…]]}`.
    #[default]
    Json,
    /// An NPY document, `[V]` or `[B, V]`, of any element type that files may have.
    Npy,
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "json" => Ok(Protocol::Json),
            "npy" => Ok(Protocol::Npy),
            _ => Err(Error::setting("model_protocol", text, "must be json or npy")),
        }
    }
}

/// A model process, and how it is asked.
///
/// The process reads questions from its standard input, one JSON line each, and writes an answer for each to its standard output,
/// and nothing else; the end of its input tells it to end.
///
/// | question | answer |
/// |---|---|
/// | `{"prefix":[5,9]}` | `{"logits":[…]}`: V numbers, the next-token logits after the prefix |
/// | `{"prefixes":[[5,9],[5,2]]}` | `{"logits":[[…],[…]]}`: a row for each prefix, in their order |
///
/// **A prefix holds the generated ids alone** (those given as already generated included), as in a
/// [`PrefixTable`](super::PrefixTable), so that what a model answered can be recorded and replayed. Where there is a prompt, every
/// question carries it beside the prefix: `{"prefix":[5,9],"prompt":[0,44]}`; the model's input is prompt, then prefix. Python's
/// `NaN`, `Infinity` and `-Infinity` are read.
///
/// ```no_run
/// use tokpick::source::{LogitsSource, ModelCommand};
/// let model = ModelCommand::new("python model.py").start()?;
/// assert!(model.shape().follows_prefix);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCommand {
    /// Program and arguments, separated and quoted as a shell would; there is no shell, and so no variables and no pipes.
    pub command: String,
    /// How it answers.
    pub protocol: Protocol,
    /// How long an answer may take, the first one with the loading of the model; `None`: for ever. Default 300 s.
    pub timeout: Option<Duration>,
    /// What a `uint16` NPY array holds.
    pub dtype: Option<DtypeHint>,
    /// JSON `null` is a masked token (−∞), not an error.
    pub null_is_masked: bool,
    /// V; `None`: what the first answer has. Answers may be wider, as a padded model's are: the ids from V up are masked.
    pub vocab_size: Option<usize>,
}

impl ModelCommand {
    /// A command with the default settings.
    pub fn new(command: impl Into<String>) -> Self {
        ModelCommand {
            command: command.into(),
            protocol: Protocol::Json,
            timeout: Some(Duration::from_secs(300)),
            dtype: None,
            null_is_masked: false,
            vocab_size: None,
        }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// A command that can't be split or started.
    pub fn start(self) -> Result<Model> {
        let wrong = |what: String| Error::setting("model_command", &self.command, what);
        let words = shlex::split(&self.command).filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| wrong("no command, or a quote that is not closed".to_string()))?;
        let process = Process::start(&words, self.protocol, self.dtype)
            .map_err(|e| wrong(format!("{} can't be started: {e}", words[0])))?;
        Ok(Model { settings: self, process: Some(process), vocab: None, answered: 0, accept_invalid: false })
    }
}

/// Next-token logits from a process that runs a model; see [`ModelCommand`] for the protocol.
///
/// What is wrong with an answer, an end of the process or a hang is an error of one line that shows the last lines of the
/// process's standard error. After an error the process is killed. Dropping the source closes the process's standard input, gives
/// it a moment to end by itself, and kills it (on Unix with all its process group).
#[derive(Debug)]
pub struct Model {
    settings: ModelCommand,
    /// `None` after an error.
    process: Option<Process>,
    vocab: Option<usize>,
    /// How many questions were answered.
    answered: usize,
    accept_invalid: bool,
}

impl Model {
    /// The id of the process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Asks for rows after contexts that have the same prompt, each once.
    fn ask(&mut self, queries: &[Query<'_>]) -> Result<Vec<Row>> {
        let Some(process) = &mut self.process else {
            let what = "the model process was ended after an error";
            return Err(Error::input(&self.settings.command, Place::default(), what));
        };
        let answer = process.ask(question(queries), self.settings.timeout);
        let rows = answer.and_then(|document| {
            let rows = answer::read(&document, &self.settings, queries.len(), self.vocab);
            let checked =
                rows.and_then(|rows| if self.accept_invalid { Ok(rows) } else { answer::check(rows) });
            checked.map_err(|wrong| {
                let query = queries.get(wrong.row).or(queries.first());
                let place = query.map_or(Place::default(), |q| Place::row(q.sequence, q.step));
                process::Wrong { place: Place { token: wrong.token, ..place }, what: wrong.what }
            })
        });
        match rows {
            Ok(rows) => {
                self.answered += 1;
                self.vocab = rows.first().map(|row| row.vocab).or(self.vocab);
                Ok(rows)
            }
            Err(process::Wrong { place, what }) => {
                let tail = self.process.take().map_or(String::new(), Process::end);
                let count = self.answered;
                let after = match count {
                    0 => String::new(),
                    1 => " (after 1 answer)".to_string(),
                    n => format!(" (after {n} answers)"),
                };
                Err(Error::input(&self.settings.command, place, format!("{what}{after}; {tail}")))
            }
        }
    }
}

/// The line that asks for some rows.
fn question(queries: &[Query<'_>]) -> Vec<u8> {
    let list = |ids: &[TokenId]| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        format!("[{}]", ids.join(","))
    };
    let asked = match queries {
        [one] => format!(r#""prefix":{}"#, list(one.prefix())),
        many => {
            let prefixes: Vec<String> = many.iter().map(|q| list(q.prefix())).collect();
            format!(r#""prefixes":[{}]"#, prefixes.join(","))
        }
    };
    let prompt = match queries.first().map_or(&[][..], prompt) {
        [] => String::new(),
        prompt => format!(r#","prompt":{}"#, list(prompt)),
    };
    format!("{{{asked}{prompt}}}\n").into_bytes()
}

fn prompt<'a>(query: &Query<'a>) -> &'a [TokenId] {
    &query.context[..query.prompt_len.min(query.context.len())]
}

impl LogitsSource for Model {
    fn name(&self) -> &str {
        &self.settings.command
    }

    fn shape(&self) -> Shape {
        Shape::following(self.vocab, Access::ByStep)
    }

    /// Asks one question, with every prefix once.
    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        out.resize_with(at.len(), Row::default);
        let mut unique: Vec<Query<'_>> = Vec::new();
        let numbers: Vec<usize> = at
            .iter()
            .map(|query| {
                let same = |q: &Query<'_>| q.context == query.context && q.prompt_len == query.prompt_len;
                unique.iter().position(same).unwrap_or_else(|| {
                    unique.push(*query);
                    unique.len() - 1
                })
            })
            .collect();
        let mut rows = Vec::new();
        for of_prompt in unique.chunk_by(|a, b| prompt(a) == prompt(b)) {
            rows.extend(self.ask(of_prompt)?);
        }
        if rows.len() == at.len() {
            *out = rows;
            return Ok(());
        }
        for (number, to) in numbers.into_iter().zip(out) {
            if let Some(row) = rows.get(number) {
                to.copy_from(row);
            }
        }
        Ok(())
    }

    fn accept_invalid(&mut self) {
        self.accept_invalid = true;
    }

    fn format(&self) -> Format {
        let axes = self.vocab.into_iter().collect();
        Format { name: "model process".into(), axes, ..Format::default() }
    }
}
