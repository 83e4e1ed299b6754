//! The answers of a server as a source: sparse steps of log-probabilities.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Name;

use super::answer::{Answer, Part, Step};
use super::naming::{self, Ids};
use super::quirks;
use super::reader::Reader;
use super::value::counted;
use crate::source::layout::Grid;
use crate::source::rest::{SLACK, mass};
use crate::source::{
    Access, Carried, Format, Layout, LogitsSource, Names, Portion, Query, ReadAt, Rest, Row, RowRange, Shape,
    Taken, Vocab, read_rows,
};
use crate::{Error, Place, Result, TokenId};

/// What the caller asked for.
#[derive(Debug, Default)]
pub(in crate::source) struct Options<'a> {
    pub portion: Option<Portion>,
    pub rows: Option<RowRange>,
    pub names: Option<&'a Names>,
    pub vocab_size: Option<usize>,
}

/// The answers of a server.
#[derive(Debug)]
pub(in crate::source) struct Served {
    name: String,
    /// The choices of one request share the rows of their prompt.
    sequences: Vec<Arc<Vec<ServedRow>>>,
    grid: Grid,
    vocab: usize,
    strings: Vocab,
    ids: BTreeMap<usize, Name>,
    carried: Vec<Carried>,
    notes: Vec<String>,
    format: &'static str,
}

/// The most steps of all answers together, a prompt that choices share counted once: a step takes a hundred bytes and more in memory, however
/// few its text has.
const MOST_ROWS: usize = 1 << 25;

/// A row as it is kept: ids ascending, their log-probabilities, and what is not listed.
#[derive(Debug, Default)]
struct ServedRow {
    ids: Vec<TokenId>,
    logits: Vec<f32>,
    rest: Option<Rest>,
}

impl Served {
    /// Makes the source of what was read.
    ///
    /// # Errors
    /// Answers without log-probabilities; nothing but errors of the server; an id outside the given vocabulary.
    pub fn new(name: String, mut reader: Reader, options: &Options<'_>) -> Result<Served> {
        let bad = |what: String| Error::input(&name, Place::default(), what);
        if reader.answers.iter().all(|answer| answer.failed) {
            return Err(match reader.failures.first() {
                Some(said) => bad(format!("the server answered with an error: {said}")),
                None => bad("holds no answer of a server".into()),
            });
        }
        let mut notes = Vec::new();
        for answer in &mut reader.answers {
            quirks::part_echo(answer, &mut notes);
        }
        notes.dedup();
        let lists = |part: &Part| part.steps.iter().any(|step| !step.listed.is_empty());
        let portion = options.portion.unwrap_or(match reader.answers.iter().any(|a| lists(&a.generated)) {
            false if reader.answers.iter().any(|a| lists(&a.prompt)) => Portion::Prompt,
            _ => Portion::Generated,
        });
        let parts: Vec<&Part> = reader.answers.iter().map(|answer| part(answer, portion)).collect();
        if !parts.iter().any(|part| lists(part)) {
            let what = quirks::without_logprobs(&reader, portion);
            return Err(bad(what));
        }
        notes.extend(quirks::notes(&reader, portion));
        let mut prompts: Vec<&Arc<[TokenId]>> =
            reader.answers.iter().filter_map(|a| a.asked.prompt.as_ref()).collect();
        // one that is held once is looked at once
        prompts.dedup_by(|a, b| Arc::ptr_eq(a, b));
        let asked = prompts.iter().flat_map(|ids| ids.iter());
        let told = reader.answers.iter().flat_map(|a| a.generated.ids.iter().flatten()).chain(asked);
        let highest = told.max().map_or(0, |id| *id as usize + 1);
        if let Some(given) = options.vocab_size {
            let known = reader.pool.tokens.iter().filter_map(|token| token.id);
            let highest = known.max().map_or(0, |id| id as usize + 1).max(highest);
            if highest > given {
                let what = format!("the rows of {name} have the id {}", highest - 1);
                return Err(Error::setting("vocab_size", given, what));
            }
        }
        let least = options.vocab_size.unwrap_or(0).max(highest);
        let ids = naming::ids(&reader.pool, options.names, least).map_err(bad)?;
        notes.extend(quirks::unnamed(&reader, &ids, options.names.is_some()));
        let mut odd = 0;
        let mut rows =
            |part: &Part| part.steps.iter().map(|step| ServedRow::new(step, &ids, &mut odd)).collect();
        let own = parts.iter().enumerate().filter(|(at, part)| {
            at.checked_sub(1).is_none_or(|before| !Arc::ptr_eq(&parts[before].steps, &part.steps))
        });
        let all = own.map(|(_, part)| part.steps.len()).fold(0usize, usize::saturating_add);
        if all > MOST_ROWS {
            let what = format!(
                "{all} steps in {} answers: more than {MOST_ROWS} are not read; cut it into parts",
                parts.len()
            );
            return Err(bad(what));
        }
        let mut sequences: Vec<Arc<Vec<ServedRow>>> = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| (parts[at], &sequences[at]));
            let shared = before.filter(|(other, _)| Arc::ptr_eq(&other.steps, &part.steps));
            let of_part = shared.map_or_else(|| Arc::new(rows(part)), |(_, rows)| rows.clone());
            sequences.push(of_part);
        }
        if odd > 0 {
            notes.push(format!(
                "the numbers of {} are no log-probabilities, as they sum to more than 1: they are read as logits",
                counted(odd, "step")
            ));
        }
        let mut carried: Vec<Carried> = Vec::with_capacity(parts.len());
        for (at, (answer, part)) in reader.answers.iter().zip(&parts).enumerate() {
            let before = at.checked_sub(1).map(|at| (&reader.answers[at].prompt.steps, &carried[at].prompt));
            let shared = before.filter(|(steps, _)| Arc::ptr_eq(steps, &answer.prompt.steps));
            let prompt = match (portion, &answer.asked.prompt, shared) {
                (Portion::Prompt, ..) => Arc::default(),
                (_, Some(prompt), _) => prompt.clone(),
                (_, None, Some((_, prompt))) if !answer.prompt.steps.is_empty() => prompt.clone(),
                _ => prompt_of(answer, &ids),
            };
            carried.push(carried_by(answer, part, &ids, portion, prompt));
        }
        // nothing stands before a prompt's first token; an answer without its prompt's rows says nothing of where they begin
        let bare = |rows: &Arc<Vec<ServedRow>>| rows.iter().take_while(|row| row.ids.is_empty()).count();
        let first = match portion {
            Portion::Prompt => sequences.iter().filter(|rows| !rows.is_empty()).map(bare).min().unwrap_or(0),
            Portion::Generated => 0,
        };
        if first > 1 {
            notes.push(format!("the first {first} tokens of its prompts have no log-probabilities: the rows begin behind them"));
        }
        let steps = sequences.iter().map(|rows| rows.len()).max().unwrap_or(0);
        let mut grid = Grid::of(Layout::Btv, sequences.len(), steps, ids.vocab);
        grid.select(&name, options.rows)?;
        grid.chosen_steps.start = grid.chosen_steps.start.max(first).min(grid.chosen_steps.end);
        let names = reader.answers.iter().enumerate().filter_map(|(at, a)| Some((at, a.name.clone()?)));
        let labels =
            reader.pool.tokens.iter().zip(&ids.of).filter_map(|(t, id)| Some((*id, naming::label(t)?)));
        let format = match (portion, reader.streams) {
            (Portion::Prompt, _) => "a server's answer, the prompt",
            (_, true) => "a server's answer, streamed",
            _ => "a server's answer",
        };
        let (strings, ids_by_sequence, vocab) = (Vocab::from_iter(labels), names.collect(), ids.vocab);
        Ok(Served { name, sequences, grid, vocab, strings, ids: ids_by_sequence, carried, notes, format })
    }
}

fn part(answer: &Answer, portion: Portion) -> &Part {
    match portion {
        Portion::Generated => &answer.generated,
        Portion::Prompt => &answer.prompt,
    }
}

/// The ids of steps, as far as they are known from the first on.
fn taken<'a>(steps: &'a [Step], ids: &'a Ids) -> impl Iterator<Item = TokenId> + 'a {
    steps.iter().map_while(|step| step.taken.and_then(|number| ids.of.get(number as usize)).copied())
}

/// The ids of a prompt's steps, where all are known.
fn prompt_of(answer: &Answer, ids: &Ids) -> Arc<[TokenId]> {
    let prompt: Vec<TokenId> = taken(&answer.prompt.steps, ids).collect();
    if prompt.len() == answer.prompt.steps.len() { prompt.into() } else { Arc::default() }
}

fn carried_by(answer: &Answer, part: &Part, ids: &Ids, portion: Portion, prompt: Arc<[TokenId]>) -> Carried {
    let taken: Vec<TokenId> = taken(&part.steps, ids).collect();
    let steps = || part.steps.iter().take(taken.len());
    let is_made_up =
        |step: &Step| step.taken.is_some_and(|number| ids.unknown.binary_search(&(number as usize)).is_ok());
    let numbered = steps().enumerate().filter(|(_, step)| is_made_up(step)).map(|(at, _)| at).collect();
    let logprobs = steps().map(|step| step.logprob).collect();
    let floors = steps().enumerate().filter(|(_, step)| step.floored).map(|(at, _)| at).collect();
    let text = Some(answer.text.clone()).filter(|text| portion == Portion::Generated && !text.is_empty());
    Carried { prompt, ids: taken, logprobs, floors, text, numbered }
}

impl ServedRow {
    /// The row of a step; `odd` counts rows of other numbers than log-probabilities.
    fn new(step: &Step, ids: &Ids, odd: &mut usize) -> ServedRow {
        let id = |number: u32| ids.of.get(number as usize).copied();
        let mut listed: Vec<(TokenId, f32)> =
            step.listed.iter().filter_map(|(number, logprob)| Some((id(*number)?, *logprob))).collect();
        listed.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        // a text and an id may stand for one token
        listed.dedup_by_key(|(id, _)| *id);
        let taken = step.taken.and_then(id);
        let taken = taken.map(|id| Taken { id, rank: step.rank, is_outside: step.is_outside });
        let (ids_of_row, logits): (Vec<TokenId>, Vec<f32>) = listed.into_iter().unzip();
        let rest = Rest::of(&ids_of_row, &logits, taken, ids.vocab);
        if rest.is_none() && mass(&logits) > 1.0 + SLACK {
            *odd += 1;
        }
        ServedRow { ids: ids_of_row, logits, rest }
    }
}

impl ReadAt for Served {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        self.grid.find(&self.name, at)?;
        let inside = self.grid.chosen_steps.contains(&at.step);
        let Some(found) = self.sequences[at.sequence].get(at.step).filter(|_| inside) else {
            row.end();
            return Ok(());
        };
        if found.ids.is_empty() {
            let what = "the answer lists no token here: its log-probabilities are floors, or missing";
            return Err(Error::input(&self.name, Place::row(at.sequence, at.step), what));
        }
        row.start_sparse(&found.ids, &found.logits, self.vocab);
        row.rest = found.rest;
        Ok(())
    }
}

impl LogitsSource for Served {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        self.grid.shape(Access::Random)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        read_rows(self, at, out, false)
    }

    fn shared(&self) -> Option<&dyn ReadAt> {
        Some(self)
    }

    fn into_shared(self: Box<Self>) -> Option<Arc<dyn ReadAt>> {
        Some(Arc::new(*self))
    }

    fn strings(&self) -> Option<Vocab> {
        Some(self.strings.clone()).filter(|strings| !strings.is_empty())
    }

    fn ids(&self) -> BTreeMap<usize, Name> {
        self.ids.clone()
    }

    fn carried(&self) -> &[Carried] {
        &self.carried
    }

    fn leaves_out(&self) -> bool {
        true
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn format(&self) -> Format {
        Format { name: self.format.into(), ..Format::default() }
    }
}
