//! The tokens that are still possible, with their scores.

mod change;
mod look;

pub use look::Normalizer;

use crate::kernel::{self, Band, Slice, Weigh};
use crate::source::Row;
use crate::{Error, Place, Result, TokenId};

/// The candidates of one step: what a [`Processor`](super::Processor) changes and a [`Draw`](crate::draw::Draw) chooses from.
///
/// One type over three states, so that most methods never write V floats:
///
/// 1. **dense**: the row as the source gave it, with a few edited tokens, a pending `score = scale · value + shift` and a pending
///    lower cut;
/// 2. **mapped**: V own values, once a method has rewritten every score;
/// 3. **sparse**: a list of ids and values, once a truncation has cut.
///
/// Two arithmetics live side by side. *Decisions* (which tokens stay, which is drawn) use the f32 values and the sums of
/// [`kernel`], the same on every machine. *Reports* (scores, probabilities, entropies) are evaluated in f64 from the row; an edited
/// or mapped score is kept in f64 for them.
///
/// ```
/// use tokpick::processor::Candidates;
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![2.0, 0.0, 1.0, f32::NEG_INFINITY]), 0, 0).unwrap();
/// c.scale(2.0);                                   // temperature 0.5
/// c.edit(1, |score| score + 3.0);                 // a bias
/// let cut = c.kth_best(2).unwrap();
/// c.keep_at_or_above(cut);
/// let kept: Vec<_> = c.members().collect();
/// assert_eq!(kept, [(0, 4.0), (1, 3.0)]);
/// ```
#[derive(Debug, Default)]
pub struct Candidates {
    row: Row,
    /// Maxima of spans of the row's logits; empty once they may be wrong.
    maxima: Vec<f32>,
    /// Edits by ascending id: the logit as it was, and the new value in f64.
    edits: Vec<Edit>,
    /// In the states mapped and sparse: the values, and for sparse the ids.
    own: Own,
    /// Buffers for the next list, and the next edits.
    spare: Own,
    spare_edits: Vec<Edit>,
    scale: f64,
    shift: f64,
    /// Pending cut: members have `value >= lo`.
    lo: f32,
    /// The largest value of a member.
    best: f32,
    blocks: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Edit {
    id: TokenId,
    raw: f32,
    value: f64,
}

#[derive(Debug, Default)]
struct Own {
    state: State,
    ids: Vec<TokenId>,
    values: Vec<f32>,
    /// The same values in f64; empty where the f32 values are exact.
    exact: Vec<f64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Row,
    Mapped,
    Sparse,
}

impl Candidates {
    /// Takes a row over (its buffers are swapped in; [`release`](Self::release) gives them back).
    ///
    /// # Errors
    /// NaN, +∞, or a row without a finite logit, named by sequence, step and token; the row is given back.
    pub fn load(&mut self, row: &mut Row, sequence: usize, step: usize) -> Result<()> {
        let scan = kernel::scan(&row.logits, &mut self.maxima);
        let place = Place::row(sequence, step);
        if let Some(at) = scan.bad {
            let id = row.ids.as_ref().map_or(at as TokenId, |ids| ids[at]);
            return Err(Error::decode(
                place.token(id),
                format!(
                    "the logit is {}: mend the model's output, or put remove_invalid_values into the chain",
                    if row.logits[at].is_nan() { "NaN" } else { "+inf" }
                ),
            ));
        }
        if scan.max == f32::NEG_INFINITY {
            return Err(Error::decode(place, "no logit is finite: every token is masked"));
        }
        std::mem::swap(&mut self.row, row);
        self.edits.clear();
        self.own.state = State::Row;
        self.scale = 1.0;
        self.shift = 0.0;
        self.lo = f32::NEG_INFINITY;
        self.best = scan.max;
        Ok(())
    }

    /// Starts again from the row that was loaded.
    pub fn reset(&mut self) {
        self.restore_row();
        self.own.state = State::Row;
        self.scale = 1.0;
        self.shift = 0.0;
        self.lo = f32::NEG_INFINITY;
        self.best = kernel::scan(&self.row.logits, &mut self.maxima).max;
    }

    /// Gives the row back as it was loaded.
    pub fn release(&mut self, row: &mut Row) {
        self.restore_row();
        std::mem::swap(&mut self.row, row);
        self.own.state = State::Row;
    }

    fn restore_row(&mut self) {
        for edit in self.edits.drain(..) {
            if let Some(at) = position(&self.row.ids, &self.row.logits, edit.id) {
                self.row.logits[at] = edit.raw;
            }
        }
    }

    fn slice(&self) -> Slice<'_> {
        match self.own.state {
            State::Row => Slice { ids: self.row.ids.as_deref(), values: &self.row.logits },
            State::Mapped => Slice { ids: None, values: &self.own.values },
            State::Sparse => Slice { ids: Some(&self.own.ids), values: &self.own.values },
        }
    }

    fn maxima_of_row(&self) -> &[f32] {
        if self.own.state == State::Row { &self.maxima } else { &[] }
    }

    fn band(&self) -> Band {
        Band { lo: self.lo, hi: f32::INFINITY }
    }

    fn weigh(&self) -> Weigh {
        Weigh { max: self.best, scale: (self.scale as f32).clamp(f32::MIN_POSITIVE, f32::MAX) }
    }

    fn base(&self, at: usize, id: TokenId) -> f64 {
        if self.own.state != State::Row && !self.own.exact.is_empty() {
            return self.own.exact[at];
        }
        match self.edits.binary_search_by_key(&id, |e| e.id) {
            Ok(e) => self.edits[e].value,
            Err(_) => self.slice().values[at] as f64,
        }
    }

    /// Turns the members into a sparse list.
    fn gather(&mut self, band: Band) {
        let mut list = std::mem::take(&mut self.spare);
        kernel::gather(self.slice(), band, &mut list.ids, &mut list.values);
        list.exact.clear();
        if self.own.state != State::Row && !self.own.exact.is_empty() {
            let set = self.slice();
            let at = list.ids.iter().filter_map(|&id| position_in(set, id));
            list.exact.extend(at.map(|at| self.own.exact[at]));
        }
        list.state = State::Sparse;
        self.spare = std::mem::replace(&mut self.own, list);
        self.lo = f32::NEG_INFINITY;
    }

    fn find_best(&mut self) {
        let values = if self.own.state == State::Row { &self.maxima } else { &self.own.values };
        self.best = values.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x));
    }

    fn refresh_maxima(&mut self, ids: &[TokenId]) {
        let mut last = usize::MAX;
        for &id in ids {
            let Some(at) = position(&self.row.ids, &self.row.logits, id) else { continue };
            let span = at / kernel::SPAN;
            if span != last {
                let from = span * kernel::SPAN;
                let to = (from + kernel::SPAN).min(self.row.logits.len());
                let max = self.row.logits[from..to].iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x));
                if let Some(slot) = self.maxima.get_mut(span) {
                    *slot = max;
                }
                last = span;
            }
        }
    }
}

/// No edit makes a finite score infinite.
const FINITE: f64 = f32::MAX as f64;

/// A place in the order of the candidates' values, where a truncation cuts.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Cut(f32);

impl Cut {
    /// The lower one of two cuts: the one that keeps more.
    pub fn lower(self, other: Cut) -> Cut {
        Cut(self.0.min(other.0))
    }
}

fn position(ids: &Option<Vec<TokenId>>, values: &[f32], id: TokenId) -> Option<usize> {
    position_in(Slice { ids: ids.as_deref(), values }, id)
}

fn position_in(set: Slice<'_>, id: TokenId) -> Option<usize> {
    match set.ids {
        Some(ids) => ids.binary_search(&id).ok(),
        None => Some(id as usize).filter(|&at| at < set.values.len()),
    }
}

#[cfg(test)]
mod tests;
