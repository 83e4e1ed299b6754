//! What an input holds.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::kit::{Look, count_of, sparkline, token};
use super::{Table, Tokens, said};
use crate::candidates::Candidates;
use crate::kernel::{self, Band};
use crate::source::{Access, Format, Row, Shape};
use crate::{Error, TokenId};

/// What is known of one row of logits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowInfo {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// How many logits are NaN.
    pub nan: usize,
    /// How many are +∞.
    pub infinite: usize,
    /// How many are −∞: masked tokens (in a sparse row of logits, those that it does not name).
    pub masked: usize,
    /// How many tokens a list of the likeliest ones leaves out.
    pub unlisted: usize,
    /// Entropy in nats, at least so much where tokens are left out; `None` where the row gives no distribution.
    pub entropy: Option<f64>,
    /// The largest logit.
    pub max: Option<f64>,
    /// The most probable tokens: (id, probability).
    pub top: Vec<(TokenId, f64)>,
    /// The probability of the tokens that a list of the likeliest ones leaves out; `None` where nothing is left out.
    pub missing_mass: Option<f64>,
    /// Why the row can't be decoded as it is.
    pub problem: Option<String>,
}

impl RowInfo {
    /// Looks at a row; it stays as it is.
    pub fn new(sequence: usize, step: usize, row: &mut Row, top: usize, buffer: &mut Candidates) -> Self {
        let (all, finite) =
            (row.logits.len(), kernel::count(&row.logits, Band { lo: f32::MIN, hi: f32::MAX }));
        let count = |of: fn(f32) -> bool| match all == finite {
            true => 0,
            false => row.logits.iter().filter(|&&x| of(x)).count(),
        };
        let unnamed = row.vocab - row.logits.len().min(row.vocab);
        let mut info = RowInfo {
            sequence,
            step,
            nan: count(f32::is_nan),
            infinite: count(|x| x == f32::INFINITY),
            masked: count(|x| x == f32::NEG_INFINITY) + if row.rest.is_none() { unnamed } else { 0 },
            unlisted: if row.rest.is_some() { unnamed } else { 0 },
            entropy: None,
            max: None,
            top: Vec::new(),
            missing_mass: row.rest.map(|rest| rest.mass),
            problem: None,
        };
        match buffer.load(std::mem::take(row), sequence, step) {
            Err(Error::Decode { place, what }) => {
                info.problem = Some(place.token.map_or(what.clone(), |t| format!("token {t}: {what}")));
            }
            Err(other) => info.problem = Some(other.to_string()),
            Ok(()) => {
                let figures = buffer.raw_figures();
                info.entropy = Some(figures.entropy);
                info.max = Some(buffer.max_score());
                let p = |score| figures.normalizer.log_probability(score).map_or(0.0, kernel::exp);
                info.top = buffer.ranked(top).into_iter().map(|(id, score)| (id, p(score))).collect();
            }
        }
        *row = buffer.take_row();
        info
    }
}

/// What an input holds, as a whole.
#[derive(Debug, Clone)]
pub struct InputInfo {
    /// Its name.
    pub input: String,
    /// How it is stored.
    pub format: Format,
    /// What was known of its shape before a row was read; V as the rows have it.
    pub shape: Shape,
    /// How many tokens have strings.
    pub strings: Option<usize>,
    /// The caller's own names of sequences, by their numbers.
    pub ids: BTreeMap<usize, Value>,
    /// Its rows.
    pub rows: Vec<RowInfo>,
    /// How many further rows there are that were not looked at.
    pub unread: bool,
}

impl InputInfo {
    /// Writes it as text.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, tokens: Option<&Tokens>, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let mut head = Table::new("lw");
        head.row(["input", &said(&self.input)]);
        head.row(["format", &said(&self.format.to_string())]);
        head.row(["shape", &words(&self.shape)]);
        let strings = self.strings.map_or("no token strings".to_string(), |n| count_of(n, "token string"));
        let v = self.shape.vocab.map_or("unknown".to_string(), |v| v.to_string());
        head.row(["vocabulary", &format!("{v}, {strings}")]);
        let entropies: Vec<f64> = self.rows.iter().filter_map(|r| r.entropy).collect();
        if !entropies.is_empty() {
            let mean = entropies.iter().sum::<f64>() / entropies.len() as f64;
            let (low, high) = entropies.iter().fold((f64::MAX, 0.0f64), |(l, h), &e| (l.min(e), h.max(e)));
            let [low, high, mean] = [low, high, mean].map(|x| look.number(x));
            head.row(["entropy", &format!("{low} to {high} nats, {mean} on average")]);
            if entropies.len() > 1 {
                head.row(["", &sparkline(&entropies, look.width.saturating_sub(12), look.ascii)]);
            }
        }
        for (what, count) in [
            ("NaN", self.rows.iter().map(|r| r.nan).sum::<usize>()),
            ("+inf", self.rows.iter().map(|r| r.infinite).sum()),
            ("-inf", self.rows.iter().map(|r| r.masked).sum()),
        ] {
            if count > 0 {
                head.row([what, &count_of(count, "logit")]);
            }
        }
        let missing: Vec<f64> = self.rows.iter().filter_map(|r| r.missing_mass).collect();
        if !missing.is_empty() {
            let largest = missing.iter().fold(0.0f64, |a, b| a.max(*b));
            let [mean, largest] =
                [missing.iter().sum::<f64>() / missing.len() as f64, largest].map(|x| look.number(x));
            let unlisted = count_of(self.rows.iter().map(|r| r.unlisted).sum(), "token");
            let mass = format!("{mean} of the probability on average, {largest} at most");
            head.row(["not listed", &format!("{unlisted}: {mass}")]);
        }
        head.write_within(look, to)?;
        writeln!(to)?;
        let lists = !missing.is_empty();
        let mut table = Table::new(if lists { "rrdddw" } else { "rrddw" }).keys(2);
        let named = ["sequence", "step", "entropy", "max logit", "not listed", "most probable"];
        table.row(named.into_iter().filter(|name| lists || *name != "not listed"));
        for row in &self.rows {
            let number = |x: Option<f64>| x.map_or(String::new(), |x| look.number(x));
            // blanks that don't break keep a token and its number on one line
            let top = row.top.iter().map(|&(id, p)| match tokens {
                Some(_) => {
                    format!("{id} {} {p:.4}", look.clip(&token(tokens, id), 24)).replace(' ', "\u{a0}")
                }
                None => format!("{id} {p:.4}").replace(' ', "\u{a0}"),
            });
            let last = row.problem.clone().unwrap_or_else(|| top.collect::<Vec<_>>().join(", "));
            let (sequence, step) = (row.sequence.to_string(), row.step.to_string());
            let missing = lists.then(|| number(row.missing_mass));
            let cells = [sequence, step, number(row.entropy), number(row.max)];
            table.row(cells.into_iter().chain(missing).chain([last]));
        }
        table.write_within(look, to)?;
        if self.unread {
            writeln!(to, "{}", look.text("… and further rows"))?;
        }
        Ok(())
    }

    /// Writes it as one JSON document.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn json(&self, to: &mut dyn Write) -> io::Result<()> {
        let (format, shape) = (&self.format, &self.shape);
        let document = Document {
            input: &self.input,
            format: json!({
                "name": format.name,
                "version": format.version.map(|(major, minor)| format!("{major}.{minor}")),
                "dtype": format.dtype,
                "byte_order": format.byte_order,
                "order": format.order,
                "axes": format.axes,
                "layout": format.layout.map(|layout| layout.to_string()),
            }),
            shape: json!({
                "first_sequence": shape.sequences.start,
                "sequences": shape.sequences.len(),
                "first_step": shape.first_step,
                "steps": shape.steps(),
                "vocab": shape.vocab,
                "follows_prefix": shape.follows_prefix,
                "access": access(shape.access).0,
            }),
            strings: self.strings,
            rows: Rows(self),
        };
        serde_json::to_writer(&mut *to, &document)?;
        writeln!(to)
    }
}

/// The document of an input.
#[derive(Serialize)]
struct Document<'a> {
    format: Value,
    input: &'a str,
    rows: Rows<'a>,
    shape: Value,
    strings: Option<usize>,
}

/// Its rows, written one by one.
struct Rows<'a>(&'a InputInfo);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Rows(info) = self;
        to.collect_seq(info.rows.iter().map(|row| with_id(json!(row), info.ids.get(&row.sequence))))
    }
}

/// What is told of a sequence, with the caller's own name of it as `id`.
pub fn with_id(mut document: Value, id: Option<&Value>) -> Value {
    if let Some(id) = id {
        document["id"] = id.clone();
    }
    document
}

/// A shape for people.
fn words(shape: &Shape) -> String {
    let (from, to) = (shape.sequences.start, shape.sequences.end);
    let sequences = match shape.sequences.len() {
        n if from == 0 => count_of(n, "sequence"),
        n => format!("{} ({from} to {})", count_of(n, "sequence"), to.saturating_sub(1)),
    };
    let steps = match shape.end_step {
        _ if shape.follows_prefix => "rows follow the prefix".to_string(),
        None => format!("steps from {} until the stream ends", shape.first_step),
        Some(end) if end <= shape.first_step + 1 => format!("step {}", shape.first_step),
        Some(end) => format!("steps {} to {}", shape.first_step, end - 1),
    };
    format!("{sequences}, {steps}, {}", access(shape.access).1)
}

/// An access in JSON, and for people.
fn access(access: Access) -> (&'static str, &'static str) {
    match access {
        Access::Random => ("random", "read at random"),
        Access::BySequence => ("by sequence", "read forward, sequence by sequence"),
        Access::ByStep => ("by step", "read forward, step by step"),
    }
}
