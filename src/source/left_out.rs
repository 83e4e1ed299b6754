//! How much of the probability the rows of a run leave out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::view::{View, through};
use super::{LogitsSource, Query, Rest, Row};
use crate::{Error, Place, Result};

type Source = Box<dyn LogitsSource + Send>;

/// What the rows that were read leave out, taken together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LeftOut {
    /// How many rows are lists that leave tokens out.
    pub rows: usize,
    /// Σ of the masses that they leave out.
    pub sum: f64,
    /// The largest of them.
    pub largest: f64,
    /// The largest of what the tokens have together that are not sure to be among the likeliest: those that are left out, and a taken one.
    pub unsure: f64,
    /// The row that leaves out most.
    pub at: Place,
    /// How many tokens every row lists that none of the others can overtake.
    pub fewest_best: usize,
    /// The largest bound of a token that is not listed, as ln p, and as ln of its share of the most probable one's.
    pub bound: f64,
    /// As `bound`, below the most probable token.
    pub below_best: f64,
    /// Truncations by mass count what is missing.
    pub counts: bool,
}

impl LeftOut {
    /// The mean of the masses.
    pub fn mean(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.sum / self.rows as f64 }
    }

    /// What one row leaves out, of which these are the listed numbers.
    pub(crate) fn of_row(logits: &[f32], rest: Rest) -> LeftOut {
        let mut left_out = LeftOut::default();
        left_out.add(Place::default(), logits, rest);
        left_out
    }

    fn add(&mut self, place: Place, logits: &[f32], rest: Rest) {
        if self.rows == 0 {
            (self.fewest_best, self.counts) = (usize::MAX, true);
            (self.bound, self.below_best) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        }
        self.rows += 1;
        self.sum += rest.mass;
        if rest.mass > self.largest || self.rows == 1 {
            (self.largest, self.at) = (rest.mass, place);
        }
        let best = logits.iter().fold(f32::NEG_INFINITY, |m, x| m.max(*x));
        let sure = logits.iter().filter(|x| f64::from(**x) >= rest.bound).count();
        let doubtful = logits.iter().map(|x| f64::from(*x)).filter(|x| *x < rest.bound);
        self.unsure = self.unsure.max(rest.mass + doubtful.map(crate::kernel::exp).sum::<f64>());
        self.fewest_best = self.fewest_best.min(sure);
        self.bound = self.bound.max(rest.bound);
        self.below_best = self.below_best.max(rest.bound - f64::from(best));
        self.counts &= rest.counts;
    }
}

/// What [`left_out`] has seen so far.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<Rows>>);

/// Each place counts once, however often it is read.
#[derive(Debug, Default)]
struct Rows {
    left_out: LeftOut,
    places: BTreeSet<(usize, usize)>,
}

impl Seen {
    /// What the rows that were read leave out.
    pub fn so_far(&self) -> LeftOut {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left_out.clone()
    }
}

/// Watches what the rows of a source leave out, and refuses those that leave out more than `most` of the probability.
///
/// ```
/// use tokpick::source::{Open, left_out, row_iter};
/// let line = br#"{"ids": [3, 7], "logprobs": [-0.5, -1.5]}"#;
/// let (mut source, seen) = left_out(Open::new("a.jsonl").read(&line[..])?, None)?;
/// assert_eq!(row_iter(source.as_mut()).count(), 1);
/// assert!((seen.so_far().mean() - 0.17034).abs() < 1e-5);
/// let (mut source, _) = left_out(Open::new("a.jsonl").read(&line[..])?, Some(0.1))?;
/// let said = row_iter(source.as_mut()).next().unwrap().unwrap_err().to_string();
/// assert!(said.contains("0.170339 of the probability is in tokens that are not listed"));
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A source that shares its rows and doesn't give them away.
pub fn left_out(source: Source, most: Option<f64>) -> Result<(Source, Seen)> {
    let seen = Seen::default();
    let watch = Watch { name: source.name().to_owned(), most, seen: seen.clone() };
    Ok((through(source, watch)?, seen))
}

struct Watch {
    name: String,
    most: Option<f64>,
    seen: Seen,
}

impl View for Watch {
    fn seen(&self, at: &Query<'_>, row: &Row) -> Result<()> {
        let Some(rest) = row.rest else { return Ok(()) };
        let mut rows = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.places.insert((at.sequence, at.step)) {
            rows.left_out.add(Place::row(at.sequence, at.step), &row.logits, rest);
        }
        drop(rows);
        match self.most {
            Some(most) if rest.mass > most => {
                let what = format!(
                    "{:.6} of the probability is in tokens that are not listed, more than `left_out` allows, {most}: ask for \
                     more log-probabilities",
                    rest.mass
                );
                Err(Error::input(&self.name, Place::row(at.sequence, at.step), what))
            }
            _ => Ok(()),
        }
    }
}
