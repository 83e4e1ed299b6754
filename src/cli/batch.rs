//! Rows of a table, each with an address of its own: its draws are those of that address, whatever part of the table it comes in.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use tokpick::engine::{Batch, find};
use tokpick::hypothesis::Hypothesis;
use tokpick::sampler::{Event, Job};
use tokpick::source::{Access, Carried, Format, Loan, LogitsSource, Query, Row, Shape, lend};
use tokpick::{Error, Result, TokenId};

use super::args::{Opened, Seed};
use super::commands::Command;
use super::embed::{Failure, on_threads, parsed};
use super::host::{Stop, Want, hosted};
use super::message;
use super::note;
use super::resolve::{Files, Setup};
use super::shard::NO_SEED;
use super::strategy::Decode;

/// The address of a row, and what was before it.
#[derive(Debug, Clone, Default)]
pub struct Address {
    /// The number of its sequence.
    pub sequence: usize,
    /// The number of its first step.
    pub step: usize,
    /// Its seed; `None` for that of the command.
    pub seed: Option<String>,
    /// Its prompt, and what was generated before it.
    pub prompt: Vec<TokenId>,
    /// What was generated before it.
    pub prefix: Vec<TokenId>,
}

/// A table that is decoded row by row.
pub struct Table {
    /// The command, `sample` or `greedy`, without the program's name.
    pub words: Vec<OsString>,
    /// The name of the logits in the words.
    pub name: PathBuf,
    /// Lends them, the sequences of one input, to each of several runs.
    pub logits: Box<dyn Fn() -> Loan + Send + Sync>,
    /// A row for each sequence of the input.
    pub rows: Vec<Address>,
    /// With log-probabilities.
    pub logprobs: bool,
    /// Threads; 0 for as many as there are cores.
    pub threads: usize,
    /// Says whether it is to end; it fails then.
    pub stop: Option<Stop>,
}

/// What was decoded of each row, and remarks.
pub type Decoded = (Vec<Vec<Hypothesis>>, Vec<String>);

/// Rows that are decoded between two looks at the command line.
const CHUNK: usize = 256;

impl Table {
    /// Decodes all rows.
    ///
    /// # Errors
    /// As the command; the row is told where it is one.
    pub fn decode(self) -> std::result::Result<Decoded, (Option<usize>, Failure)> {
        let threads = self.threads;
        on_threads(threads, self.stop.as_ref(), || {
            let several = rayon::current_thread_index().is_some();
            let chunk = |(at, rows): (usize, &[Address])| self.chunk(at * CHUNK, rows);
            let chunks: Vec<_> = match several {
                true => self.rows.par_chunks(CHUNK).enumerate().map(chunk).collect(),
                false => self.rows.chunks(CHUNK).enumerate().map(chunk).collect(),
            };
            let (mut all, mut notes) = (Vec::new(), BTreeSet::new());
            for chunk in chunks {
                let (found, said) = chunk?;
                all.extend(found);
                notes.extend(said);
            }
            Ok((all, notes.into_iter().collect()))
        })
    }

    fn chunk(
        &self,
        first: usize,
        rows: &[Address],
    ) -> std::result::Result<Decoded, (Option<usize>, Failure)> {
        let (command, given) = parsed(self.words.clone()).map_err(|failure| (None, failure))?;
        let (done, taken) = hosted(Want::Text, self.stop.clone(), || match command {
            Command::Sample(mut command) => self.rows(&mut *command, first, rows),
            Command::Greedy(mut command) => self.rows(&mut *command, first, rows),
            _ => Err((
                None,
                Error::setting("command", "", "must be sample or greedy: rows are decoded one by one"),
            )),
        });
        let found = done.map_err(|(row, error)| (row, Failure(message(error.into(), &given))))?;
        Ok((found, taken.notes))
    }

    fn rows(
        &self,
        command: &mut dyn Decode,
        first: usize,
        rows: &[Address],
    ) -> std::result::Result<Vec<Vec<Hypothesis>>, (Option<usize>, Error)> {
        let begin = || -> Result<(Opened, Files)> {
            alone(command)?;
            let opened = lend(vec![(self.name.clone(), (self.logits)())], || command.args().input.open())?;
            Ok((opened, command.files()?))
        };
        let (mut opened, mut files) = begin().map_err(|e| (None, e))?;
        let empty: Box<dyn LogitsSource + Send> = Box::new(Nothing);
        let shared = Arc::new(Mutex::new(std::mem::replace(&mut opened.source, empty)));
        let seed = command.args().draw.seed.clone();
        let mut all = Vec::with_capacity(rows.len());
        for (at, address) in rows.iter().enumerate() {
            let number = first + at;
            let part = Part::new(shared.clone(), number, address).map_err(|e| (Some(number), e))?;
            opened.source = Box::new(part);
            command.args_mut().draw.seed = address.seed.clone().map(Seed).or_else(|| seed.clone());
            let found;
            (found, opened, files) =
                one(command, opened, files, self.logprobs).map_err(|e| (Some(number), e))?;
            all.push(found);
        }
        Ok(all)
    }
}

/// Refuses engines that draw the rows of a batch from one generator.
fn alone(command: &dyn Decode) -> Result<()> {
    let Some(name) = &command.args().draw.engine.engine else { return Ok(()) };
    match find(name)?.batch {
        Batch::EachRow | Batch::Addressed => Ok(()),
        Batch::Shared | Batch::RowSeeds => {
            let what = "draws the rows of a batch from one generator: a row has no ids of its own";
            Err(Error::setting("--engine", name, what))
        }
    }
}

/// Decodes one row; what it was given comes back.
fn one(
    command: &dyn Decode,
    opened: Opened,
    files: Files,
    logprobs: bool,
) -> Result<(Vec<Hypothesis>, Opened, Files)> {
    let setup = Setup::new(command.args(), opened, files, logprobs)?;
    let given = command.args().draw.seed.is_some() || setup.files.get(|s| s.seed).is_some();
    let mut strategy = command.strategy(&setup)?;
    if strategy.seed.is_some() && !given {
        return Err(Error::setting("--seed", "(none)", NO_SEED));
    }
    let Setup { mut opened, files, resolved, .. } = setup;
    let job = Job { logprobs, ..resolved.job(strategy.number()) };
    let mut found = Vec::new();
    strategy.sampler.run(opened.source.as_mut(), &job, &mut (), &mut |event| {
        if let Event::Done(h) = event {
            found.push(h);
        }
        Ok(())
    })?;
    note::missing(opened.tokens.as_ref());
    Ok((found, opened, files))
}

type Shared = Arc<Mutex<Box<dyn LogitsSource + Send>>>;

/// One sequence of a source, under another address.
struct Part {
    source: Shared,
    name: String,
    /// Its number in the source.
    number: usize,
    shape: Shape,
    /// First step in the source.
    first: usize,
    carried: [Carried; 1],
    format: Format,
}

impl Part {
    /// # Errors
    /// An address beyond what can be counted.
    fn new(source: Shared, at: usize, address: &Address) -> Result<Part> {
        let locked = source.lock().unwrap_or_else(PoisonError::into_inner);
        let (inner, name, format) = (locked.shape(), locked.name().to_string(), locked.format());
        drop(locked);
        // JSON keeps numbers up to 2^53
        let end = |what: &str, first: usize, count: usize| {
            let end = first.checked_add(count).filter(|end| *end as u64 <= 1 << 53);
            end.ok_or_else(|| Error::setting(what, first, "is too large: numbers end at 2^53"))
        };
        let shape = Shape {
            sequences: address.sequence..end("sequence", address.sequence, 1)?,
            first_step: address.step,
            end_step: Some(end("step", address.step, inner.steps().unwrap_or(0))?),
            access: Access::BySequence,
            ..inner
        };
        let carried = Carried {
            prompt: address.prompt.clone().into(),
            ids: address.prefix.clone(),
            ..Carried::default()
        };
        Ok(Part {
            source,
            name,
            number: inner.sequences.start + at,
            shape,
            first: inner.first_step,
            carried: [carried],
            format,
        })
    }

    /// A question, as the source is to be asked.
    fn inside<'q>(&self, query: &Query<'q>) -> Query<'q> {
        let step = query.step.saturating_sub(self.shape.first_step) + self.first;
        Query { sequence: self.number, step, ..*query }
    }
}

impl LogitsSource for Part {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        let asked: Vec<Query<'_>> = at.iter().map(|query| self.inside(query)).collect();
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.rows(&asked, out).map_err(|e| match e {
            Error::Input { file, mut place, what } => {
                place.sequence = place.sequence.map(|_| self.shape.sequences.start);
                let step =
                    |step: usize| step.saturating_sub(self.first).saturating_add(self.shape.first_step);
                place.step = place.step.map(step);
                Error::Input { file, place, what }
            }
            other => other,
        })
    }

    fn carried(&self) -> &[Carried] {
        &self.carried
    }

    fn format(&self) -> Format {
        self.format.clone()
    }
}

/// What stands where a source was taken out.
struct Nothing;

impl LogitsSource for Nothing {
    fn name(&self) -> &str {
        "nothing"
    }

    fn shape(&self) -> Shape {
        Shape {
            sequences: 0..0,
            first_step: 0,
            end_step: Some(0),
            vocab: None,
            follows_prefix: false,
            access: Access::BySequence,
        }
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        out.resize_with(at.len(), Row::default);
        out.iter_mut().for_each(Row::end);
        Ok(())
    }
}

/// Sparse rows that lie in memory, each the one step of a sequence.
#[derive(Clone)]
pub struct SparseRows {
    /// Where each row begins, and where the last ends.
    pub offsets: Arc<[usize]>,
    /// The ids of all rows.
    pub ids: Arc<[TokenId]>,
    /// Their logits, or log-probabilities.
    pub logits: Arc<[f32]>,
    /// V; `None`: the highest id of a row + 1.
    pub vocab: Option<usize>,
}

impl SparseRows {
    fn fill(&self, at: usize, row: &mut Row) -> std::result::Result<(), String> {
        let range = self.offsets[at]..self.offsets[at + 1];
        let pairs =
            self.ids.get(range.clone()).zip(self.logits.get(range)).ok_or("its ids and numbers don't fit")?;
        let mut pairs: Vec<(TokenId, f32)> = pairs.0.iter().copied().zip(pairs.1.iter().copied()).collect();
        pairs.sort_unstable_by_key(|pair| pair.0);
        if let Some(twice) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("names token {} twice", twice[0].0));
        }
        let Some((highest, _)) = pairs.last() else { return Err("names no token".into()) };
        let vocab = self.vocab.unwrap_or(*highest as usize + 1);
        if *highest as usize >= vocab {
            return Err(format!("names token {highest}, and the vocabulary has {vocab}"));
        }
        let logits = row.start_dense(vocab);
        logits.extend(pairs.iter().map(|pair| pair.1));
        row.ids = Some(pairs.iter().map(|pair| pair.0).collect());
        Ok(())
    }
}

impl LogitsSource for SparseRows {
    fn name(&self) -> &str {
        "logits"
    }

    fn shape(&self) -> Shape {
        Shape {
            sequences: 0..self.offsets.len().saturating_sub(1),
            first_step: 0,
            end_step: Some(1),
            vocab: self.vocab,
            follows_prefix: false,
            access: Access::BySequence,
        }
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        out.resize_with(at.len(), Row::default);
        for (query, row) in at.iter().zip(out) {
            if query.step > 0 || query.sequence + 1 >= self.offsets.len() {
                row.end();
                continue;
            }
            let place = tokpick::Place::row(query.sequence, 0);
            self.fill(query.sequence, row).map_err(|what| Error::input("logits", place, what))?;
        }
        Ok(())
    }
}
