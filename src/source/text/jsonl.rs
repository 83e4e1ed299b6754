//! JSON Lines: a stream of steps, dense or sparse, one step a line.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ahead::{Ahead, LONG_FILE, LONG_LINE};
use super::json::{Content, Hints};
use super::lines::Lines;
use crate::source::stream::Rows;
use crate::source::{Names, Row};
use crate::{Error, Place, Result, TokenId};

impl Lines {
    /// What the parser of the current line has to know.
    pub(crate) fn context(&self, options: &LineOptions, step: Option<usize>) -> Hints<'_> {
        let LineOptions { null_is_masked, probs, .. } = *options;
        Hints { file: &self.name, null_is_masked, probs, line: self.line, step, layout: None }
    }
}

/// Settings of a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineOptions {
    pub null_is_masked: bool,
    pub probs: bool,
    /// Every line is a sequence of one step.
    pub each_is_a_sequence: bool,
    /// V, where the caller knows it.
    pub vocab_size: Option<usize>,
    /// What tokens may be named by.
    pub names: Option<Names>,
}

/// The steps of a JSON Lines stream.
pub(crate) struct JsonLines {
    name: String,
    lines: Feed,
    /// Number of the current line.
    line: usize,
    options: LineOptions,
    content: Content,
    /// The first line, which tells the format, was read and parsed before it was asked for.
    waiting: bool,
    step: usize,
    /// The threads that may parse ahead, from the next line on that is not passed over.
    threads: usize,
    ids: BTreeMap<usize, Value>,
    sparse: Option<bool>,
    /// The first line lists log-probabilities or probabilities.
    lists: bool,
    /// V: of the first dense row, or above the ids so far; 0 before the first dense row.
    vocab: usize,
}

/// Who reads and parses.
enum Feed {
    /// The thread that asks, one line after the other.
    Here(Lines),
    /// Others, too.
    Ahead(Ahead),
}

impl JsonLines {
    /// `lines` stands at the first step, and `content` is what it holds.
    pub fn new(lines: Lines, content: Content, options: LineOptions) -> Self {
        let vocab = options.vocab_size.filter(|_| content.ids.is_some()).unwrap_or(0);
        let ids = content.id.clone().map(|id| (0, id)).into_iter().collect();
        let lists = content.ids.is_some() && (content.logprobs || content.probs);
        JsonLines {
            name: lines.name.clone(),
            line: lines.line,
            lines: Feed::Here(lines),
            options,
            content,
            waiting: true,
            step: 0,
            threads: 1,
            ids,
            sparse: None,
            lists,
            vocab,
        }
    }

    /// Reads and parses the next line; `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        if std::mem::take(&mut self.waiting) {
            return Ok(true);
        }
        if self.threads > 1
            && self.pays_ahead()
            && let Feed::Here(lines) = &mut self.lines
        {
            let LineOptions { null_is_masked, probs, .. } = self.options;
            self.lines =
                Feed::Ahead(Ahead::new(lines.take(), self.step, null_is_masked, probs, self.threads));
        }
        let line = match &mut self.lines {
            Feed::Here(lines) => match lines.advance()? {
                true => {
                    let context = lines.context(&self.options, Some(self.step));
                    self.content.parse(&lines.text, context)?;
                    Some(lines.line)
                }
                false => None,
            },
            Feed::Ahead(ahead) => ahead.next(&mut self.content)?,
        };
        self.line = line.unwrap_or(self.line);
        Ok(line.is_some())
    }

    fn place(&self) -> Place {
        Place { step: Some(self.step), ..Place::line(self.line) }
    }

    fn bad<T>(&self, place: Place, what: impl Into<String>) -> Result<T> {
        Err(Error::input(&self.name, place, what))
    }

    /// Checks that the line is a step, and of the same kind as those before.
    fn check(&mut self) -> Result<()> {
        let place = self.place();
        if let Err(what) = self.content.resolve(self.options.names.as_ref()) {
            return self.bad(place, what);
        }
        if let Some(id) = self.content.id.take() {
            match self.ids.get(&0) {
                _ if self.options.each_is_a_sequence => drop(self.ids.insert(self.step, id)),
                Some(first) if *first == id => {}
                _ => {
                    let what = "another \"id\" than the first line: a stream is one sequence; `Layout::Bv` makes every line its own";
                    return self.bad(place, what);
                }
            }
        }
        let content = &self.content;
        if content.prefix.is_some() {
            return self.bad(place, "\"prefix\" in a stream of steps: a prefix table has it on every line");
        }
        if content.vocab.is_some() {
            return self.bad(place, "\"vocab\" in a stream of steps; give the strings with `Vocab`");
        }
        if !content.is_row() {
            return self.bad(place, "arrays within arrays; in JSON Lines a line is one step, [V]");
        }
        let sparse = content.ids.is_some();
        if content.logprobs && !sparse {
            return self
                .bad(place, "\"logprobs\" without \"ids\"; give all V of them as \"logits\", or the ids");
        }
        if let Some(what) = content.wrong_taken() {
            return self.bad(place, what);
        }
        if *self.sparse.get_or_insert(sparse) != sparse {
            return self
                .bad(place, "dense and sparse steps in one stream; give \"ids\" on every line, or on none");
        }
        Ok(())
    }

    fn dense(&mut self, row: &mut Row) -> Result<()> {
        let found = self.content.logits.len();
        if found == 0 {
            return self.bad(self.place(), "V = 0: the step holds no token");
        }
        if let Some(least) = self.options.vocab_size.filter(|least| *least > found || *least == 0) {
            return self.bad(self.place(), format!("{found} logits here, `Open::vocab_size` is {least}"));
        }
        if self.vocab == 0 {
            self.vocab = found;
        }
        if found != self.vocab {
            let expected = self.vocab;
            return self.bad(self.place(), format!("{found} logits here, {expected} in the lines before"));
        }
        std::mem::swap(row.start_dense(found), &mut self.content.logits);
        Ok(())
    }

    fn sparse(&mut self, ids: &[TokenId], row: &mut Row) -> Result<()> {
        let place = self.place();
        sparse(place, &self.name, ids, &self.content.logits, row)?;
        let last = row.ids.as_ref().and_then(|ids| ids.last().copied()).unwrap_or(0);
        match self.options.vocab_size {
            Some(v) if last as usize >= v => {
                return self.bad(place.token(last), format!("the id is outside the vocabulary of {v}"));
            }
            Some(_) => {}
            None => self.vocab = self.vocab.max(last as usize + 1),
        }
        row.vocab = self.vocab;
        self.content.rest(row);
        Ok(())
    }
}

/// Makes a sparse row of ids and their numbers, in any order; V is for the caller to set.
pub(crate) fn sparse(place: Place, file: &str, ids: &[TokenId], logits: &[f32], row: &mut Row) -> Result<()> {
    let bad = |place, what: String| Err(Error::input(file, place, what));
    if ids.len() != logits.len() {
        return bad(place, format!("{} ids, but {} logits", ids.len(), logits.len()));
    }
    if ids.is_empty() {
        return bad(place, "a sparse step without a token".into());
    }
    let mut order: Vec<(TokenId, f32)> = ids.iter().copied().zip(logits.iter().copied()).collect();
    order.sort_by_key(|(id, _)| *id);
    if let Some(twice) = order.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return bad(place.token(twice[0].0), "the id stands twice in the step".into());
    }
    let mut named = row.ids.take().unwrap_or_default();
    named.clear();
    named.extend(order.iter().map(|(id, _)| *id));
    row.start_dense(0).extend(order.iter().map(|(_, logit)| *logit));
    row.ids = Some(named);
    Ok(())
}

impl Rows for JsonLines {
    fn next(&mut self, row: &mut Row) -> Result<bool> {
        if !self.advance()? {
            return Ok(false);
        }
        self.check()?;
        match self.content.ids.take() {
            None => self.dense(row)?,
            Some(ids) => self.sparse(&ids, row)?,
        }
        self.step += 1;
        Ok(true)
    }

    fn leaves_out(&self) -> bool {
        self.lists
    }

    fn pays_ahead(&self) -> bool {
        match &self.lines {
            Feed::Here(lines) => lines.text.len() >= LONG_LINE && lines.rest() >= LONG_FILE,
            Feed::Ahead(_) => true,
        }
    }

    fn read_ahead(&mut self, threads: usize) {
        self.threads = threads;
    }

    fn ids(&self) -> BTreeMap<usize, Value> {
        self.ids.clone()
    }

    fn skip(&mut self) -> Result<bool> {
        let found = std::mem::take(&mut self.waiting)
            || match &mut self.lines {
                Feed::Here(lines) => lines.advance()?,
                Feed::Ahead(ahead) => ahead.skip()?,
            };
        self.step += usize::from(found);
        Ok(found)
    }
}
