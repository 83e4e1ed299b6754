//! Logits in JSON: the one parser behind documents, streams and tables.
//!
//! A number is what Python and JavaScript take it for, an f64, and is rounded to f32 once: the same logits come out of a JSON
//! file and of a float64 NPY file. Python's `-Infinity`, `Infinity` and `NaN` are numbers too. Keys may stand in any order;
//! unknown keys are refused, so that a slip of the pen (`"vocabs"`) is not silently without effect.

mod errors;
mod lists;

use jiter::{Jiter, Peek};

use super::decimal;
use serde_json::Value;

use crate::source::{Layout, Names, Rest, Row, Taken, probs};
use crate::{Place, Result, TokenId};

/// The keys of an object of logits.
const KEYS: [&str; 9] = ["logits", "logprobs", "probs", "ids", "prefix", "vocab", "id", "taken", "rank"];

/// What one JSON text holds. The buffers are reused from line to line.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// Axes of the logits, outermost first; empty where there are none.
    pub axes: Vec<usize>,
    /// The logits or log-probabilities.
    pub logits: Vec<f32>,
    /// They stood under `logprobs`.
    pub logprobs: bool,
    /// They stood under `probs`, and are logits now.
    pub probs: bool,
    pub ids: Option<Vec<TokenId>>,
    pub prefix: Option<Vec<TokenId>>,
    pub vocab: Option<Vec<String>>,
    /// The token of `ids` that was taken, and its rank in the whole row.
    pub taken: Option<TokenId>,
    pub rank: Option<usize>,
    /// Tokens that `ids` and `prefix` name by their strings; an id holds the place until it is found.
    pub named: Vec<Named>,
    /// The caller's own name of the sequence: a string or a whole number.
    pub id: Option<Value>,
    /// The text ended in the middle.
    pub cut_off: bool,
}

/// A token string in the place of an id.
#[derive(Debug)]
pub(crate) struct Named {
    /// `ids` or `prefix`.
    key: &'static str,
    /// The entry of that list.
    at: usize,
    text: String,
}

/// What a parser has to know beside the text: most of it is for its messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hints<'a> {
    pub file: &'a str,
    pub null_is_masked: bool,
    /// The numbers are probabilities, whatever their key.
    pub probs: bool,
    /// Number of the first line of the text.
    pub line: usize,
    /// The step, where the text is one.
    pub step: Option<usize>,
    /// What nested arrays mean.
    pub layout: Option<Layout>,
}

impl Content {
    /// Reads a whole text.
    pub fn parse(&mut self, text: &[u8], context: Hints<'_>) -> Result<()> {
        self.axes.clear();
        self.logits.clear();
        self.named.clear();
        (self.ids, self.prefix, self.vocab, self.id) = (None, None, None, None);
        (self.taken, self.rank) = (None, None);
        (self.logprobs, self.probs) = (false, false);
        self.cut_off = false;
        let mut parser = Parser {
            json: general(text),
            start: 0,
            text,
            context,
            content: self,
            depth: 0,
            row: [0; 2],
            began: 0,
        };
        parser.document()
    }

    /// Finds the ids of the tokens that are named by their strings.
    ///
    /// # Errors
    /// A string that names none; strings without `names`.
    pub fn resolve(&mut self, names: Option<&Names>) -> std::result::Result<(), String> {
        for Named { key, at, text } in std::mem::take(&mut self.named) {
            let found = match names {
                Some(names) => names.id(&text),
                None => Err("is a token string: give the strings of the vocabulary (`Vocab`), or ids".into()),
            };
            let id = found.map_err(|what| format!("entry {at} of {key:?}: {text:?} {what}"))?;
            let list = match key {
                "taken" => {
                    self.taken = Some(id);
                    continue;
                }
                "ids" => &mut self.ids,
                _ => &mut self.prefix,
            };
            if let Some(place) = list.as_mut().and_then(|ids| ids.get_mut(at)) {
                *place = id;
            }
        }
        Ok(())
    }

    /// Says what a sparse row leaves out, where its numbers are log-probabilities.
    pub fn rest(&self, row: &mut Row) {
        if let Some(ids) = row.ids.as_ref().filter(|_| self.logprobs || self.probs) {
            let taken = self.taken.map(|id| Taken { rank: self.rank, ..Taken::new(id) });
            let rest = Rest::of(ids, &row.logits, taken, row.vocab);
            row.rest = rest.map(|rest| Rest { counts: false, ..rest });
        }
    }

    /// What is wrong with the token that was taken.
    pub fn wrong_taken(&self) -> Option<&'static str> {
        match (self.taken, self.rank, &self.ids) {
            (None, None, _) => None,
            (Some(id), _, Some(ids)) if ids.contains(&id) => None,
            (Some(_), _, Some(_)) => Some("\"taken\" is not among the \"ids\" of the step"),
            _ => Some("\"taken\" names one of the \"ids\" of a step, and \"rank\" is its rank"),
        }
    }

    /// The logits of a line, which must be one row.
    pub fn is_row(&self) -> bool {
        self.axes.len() == 1
    }
}

/// The general parser.
fn general(text: &[u8]) -> Jiter<'_> {
    Jiter::new(text).with_allow_inf_nan()
}

struct Parser<'j, 'c> {
    json: Jiter<'j>,
    /// Where its text begins in the whole.
    start: usize,
    text: &'j [u8],
    context: Hints<'c>,
    content: &'c mut Content,
    /// How deep the logits are nested, and outer and inner number of the row that is being read.
    depth: usize,
    row: [usize; 2],
    /// Where the logits begin.
    began: usize,
}

impl Parser<'_, '_> {
    fn document(&mut self) -> Result<()> {
        match self.json.peek().map_err(|e| self.syntax(e))? {
            Peek::Array => self.logits()?,
            Peek::Object => self.object()?,
            other => {
                return Err(
                    self.unexpected(other, "where an array of logits, or an object with \"logits\", begins")
                );
            }
        }
        if self.content.axes.is_empty() {
            return Err(self.bad(self.here(), "the object has no \"logits\""));
        }
        self.json.finish().map_err(|e| self.syntax(e))?;
        if self.content.probs || self.context.probs { self.probabilities() } else { Ok(()) }
    }

    /// Turns probabilities into logits.
    fn probabilities(&mut self) -> Result<()> {
        if self.content.logprobs {
            let place = self.line_of(self.began);
            return Err(self.bad(place, "\"logprobs\", and `Open::probs` says that they are probabilities"));
        }
        let axes = &self.content.axes;
        let v = axes.last().copied().unwrap_or(0).max(1);
        let inner = if axes.len() == 3 { axes[1].max(1) } else { 1 };
        self.content.probs = true;
        let (depth, ids) = (axes.len(), self.content.ids.take());
        let mut logits = std::mem::take(&mut self.content.logits);
        for (number, row) in logits.chunks_mut(v).enumerate() {
            self.row = if depth == 3 { [number / inner, number % inner] } else { [0, number] };
            probs::to_logits(row, ids.as_deref()).map_err(|(token, what)| {
                // not found yet
                let token = token.filter(|_| self.content.named.is_empty());
                // the parser is past the row
                let line = self.line_of(self.began).line;
                let place = self.place(None);
                let line = place.line.and(line);
                self.bad(Place { token, line, ..place }, what)
            })?;
        }
        (self.content.logits, self.content.ids) = (logits, ids);
        Ok(())
    }

    /// True of what tokpick itself writes of a run, in which an unknown key stands.
    fn is_result(&self, key: &str) -> bool {
        let head = &self.text[..self.text.len().min(4096)];
        key == "sequence" || head.windows(9).any(|bytes| bytes == b"\"tokpick\"")
    }

    fn object(&mut self) -> Result<()> {
        let mut seen = [false; KEYS.len()];
        let mut key = self.json.known_object().map(known);
        loop {
            let found = match key {
                Err(e) => return Err(self.syntax(e)),
                Ok(Key::End) => return Ok(()),
                Ok(Key::Unknown(name)) => {
                    let what = match self.is_result(&name) {
                        true => "a record or a result of tokpick, which holds no logits: give the input that it was made from".to_string(),
                        false => format!("unknown key {name:?}; known are {}", KEYS.join(", ")),
                    };
                    return Err(self.bad(self.here(), what));
                }
                Ok(Key::Known(found)) => found,
            };
            if std::mem::replace(&mut seen[found], true) {
                return Err(self.bad(self.here(), format!("the key {:?} stands twice", KEYS[found])));
            }
            match KEYS[found] {
                "ids" => self.content.ids = Some(self.ids("ids")?),
                "prefix" => self.content.prefix = Some(self.ids("prefix")?),
                "vocab" => self.content.vocab = Some(self.strings()?),
                "id" => self.content.id = Some(self.name()?),
                "taken" => self.content.taken = Some(self.taken()?),
                "rank" => self.content.rank = Some(self.rank()?),
                name => {
                    if !self.content.axes.is_empty() {
                        return Err(self.bad(
                            self.here(),
                            "two of \"logits\", \"logprobs\" and \"probs\" at once; give one of them",
                        ));
                    }
                    (self.content.logprobs, self.content.probs) = (name == "logprobs", name == "probs");
                    match self.json.peek().map_err(|e| self.syntax(e))? {
                        Peek::Array => self.logits()?,
                        other => {
                            return Err(
                                self.unexpected(other, &format!("as {name:?}; it is an array of numbers"))
                            );
                        }
                    }
                }
            }
            key = self.json.next_key().map(known);
        }
    }

    /// An array of numbers, nested one to three deep.
    fn logits(&mut self) -> Result<()> {
        let rest = &self.text[self.index()..];
        let depth = rest.iter().filter(|b| !b.is_ascii_whitespace()).take_while(|b| **b == b'[').count();
        if depth > 3 {
            return Err(
                self.bad(self.here(), "arrays nested deeper than 3; logits are [V], [T, V] or [B, T, V]")
            );
        }
        let mut axes = [None; 3];
        (self.depth, self.row, self.began) = (depth, [0; 2], self.index());
        self.nest(&mut axes[3 - depth..])?;
        self.content.axes = axes[3 - depth..].iter().map(|n| n.unwrap_or(0)).collect();
        Ok(())
    }

    /// One array of `axes.len()` levels; every array of a level is as long as the first one.
    fn nest(&mut self, axes: &mut [Option<usize>]) -> Result<()> {
        let Some((axis, inner)) = axes.split_first_mut() else { return Ok(()) };
        let count = if inner.is_empty() { self.numbers()? } else { self.children(inner)? };
        match *axis.get_or_insert(count) {
            expected if expected == count => Ok(()),
            expected => {
                let (what, place) = match inner.len() {
                    0 => ("logits", self.place(None)),
                    _ => ("rows", self.here()),
                };
                Err(self.bad(
                    place,
                    format!("{count} {what} here, {expected} in the one before: all must be equal"),
                ))
            }
        }
    }

    fn children(&mut self, inner: &mut [Option<usize>]) -> Result<usize> {
        let level = 2 - inner.len();
        let mut count = 0;
        let mut next = self.json.known_array().map_err(|e| self.syntax(e))?;
        while let Some(peek) = next {
            self.row[level] = count;
            if inner.len() == 2 {
                self.row[1] = 0;
            }
            if peek != Peek::Array {
                return Err(self.unexpected(peek, "where a row begins: every row is an array"));
            }
            self.nest(inner)?;
            count += 1;
            next = self.json.array_step().map_err(|e| self.syntax(e))?;
        }
        Ok(count)
    }

    fn numbers(&mut self) -> Result<usize> {
        let start = self.content.logits.len();
        let mut next = self.json.known_array().map_err(|e| self.syntax(e))?;
        while let Some(peek) = next {
            let token = self.content.logits.len() - start;
            let logit = if peek.is_num() {
                let wide = self.json.known_float(peek).map_err(|e| self.syntax_at(e, Some(token)))?;
                // the lowest number is how programs write a mask
                let narrow = if wide == f64::MIN { f32::NEG_INFINITY } else { wide as f32 };
                // Only the word Infinity ends in y.
                if narrow.is_infinite() && wide != f64::MIN && self.text.get(self.index() - 1) != Some(&b'y')
                {
                    return Err(self
                        .bad(self.place(Some(token)), "a number too large for f32; scale the logits down"));
                }
                narrow
            } else {
                self.no_number(peek, token)?
            };
            self.content.logits.push(logit);
            self.pass();
            let token = self.content.logits.len() - start;
            next = self.json.array_step().map_err(|e| self.syntax_at(e, Some(token)))?;
        }
        Ok(self.content.logits.len() - start)
    }

    /// Takes the plain numbers that follow.
    fn pass(&mut self) {
        let here = self.index();
        let passed = decimal::more(&self.text[here..], &mut self.content.logits);
        if passed > 0 {
            self.start = here + passed;
            self.json = general(&self.text[self.start..]);
        }
    }

    /// What stands where a number should.
    fn no_number(&mut self, peek: Peek, token: usize) -> Result<f32> {
        let place = self.place(Some(token));
        match peek {
            Peek::Null => {
                self.json.next_null().map_err(|e| self.syntax_at(e, Some(token)))?;
                if self.context.null_is_masked {
                    return Ok(f32::NEG_INFINITY);
                }
                Err(self.bad(
                    place,
                    "null is not a number; `Open::null_is_masked` reads it as a masked token (-inf)",
                ))
            }
            Peek::Array => {
                Err(self.bad(place, "an array among the numbers: all numbers must be nested equally deep"))
            }
            other => Err(self.unexpected_at(place, other, "among the numbers")),
        }
    }
}

/// A key of an object, without the parser's borrow.
enum Key {
    Known(usize),
    Unknown(String),
    End,
}

fn known(key: Option<&str>) -> Key {
    match key {
        None => Key::End,
        Some(key) => match KEYS.iter().position(|known| *known == key) {
            Some(i) => Key::Known(i),
            None => Key::Unknown(key.chars().take(40).collect()),
        },
    }
}
