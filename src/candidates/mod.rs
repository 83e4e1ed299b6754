//! The tokens that are still possible, with their scores.

mod change;
mod edit;
mod figures;
mod look;
mod pair;
mod race;
mod snapshot;

pub use figures::Figures;
pub use look::Normalizer;
pub(crate) use pair::Pair;
pub(crate) use race::Racers;
pub(crate) use snapshot::Snapshot;

use edit::Edits;

use crate::kernel::{self, Band, Kept, Running, Slice, Weigh};
use crate::source::Row;
use crate::{Error, Place, Result, TokenId};

/// The candidates of one step: what a [`Processor`](crate::processor::Processor) changes and a [`Draw`](crate::draw::Draw) chooses from.
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
/// use tokpick::candidates::Candidates;
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(Row::dense(vec![2.0, 0.0, 1.0, f32::NEG_INFINITY]), 0, 0).unwrap();
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
    /// Tokens whose score was changed alone.
    edits: Edits,
    /// NaN and +∞ of the row, by position: −∞ stands in their place.
    invalid: Vec<(usize, f32)>,
    /// In the states mapped and sparse: the values, and for sparse the ids.
    own: Own,
    /// Buffers for the next list.
    spare: Own,
    scale: f64,
    /// What of the scale is beyond its bounds, for a later factor to meet: 1 but for extreme temperatures.
    beyond: f64,
    shift: f64,
    /// Pending cut: members have `value >= lo`.
    lo: f32,
    /// The largest value of a member.
    best: f32,
    /// The largest logit of the row as it was loaded.
    raw_best: f32,
    /// The mass and, by block, its parts, as long as nothing has changed since they were summed.
    mass: Option<f64>,
    blocks: Vec<f64>,
    /// Mass and parts summed faster, with an error in the last bits: enough for most draws.
    near: Near,
    /// All running masses, if many draws needed them; `runs` as long as they are those of `mass`.
    running: Running,
    runs: bool,
    /// How many draws have been made from these members.
    drawn: usize,
    /// Counts whatever may have changed scores. A cut alone doesn't.
    changed: u64,
    /// A buffer for the parts of Σ p²: nothing is kept in it between calls.
    squares: Vec<f64>,
}

/// Sums of the members from `lo` up.
#[derive(Debug, Default)]
struct Near {
    sums: Kept,
    lo: f32,
}

impl Near {
    /// Whether they are known for this cut.
    fn is_for(&self, lo: f32) -> bool {
        self.sums.total.is_some() && self.lo == lo
    }
}

#[derive(Debug, Default)]
struct Own {
    state: State,
    ids: Vec<TokenId>,
    values: Vec<f32>,
    /// `values` in f64; empty where the f32 values are exact.
    exact: Vec<f64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Row,
    Mapped,
    Sparse,
}

/// The candidates of a row of logits by token id: NaN and +∞ are masked, until a `remove_invalid_values` of the chain repairs them.
/// [`Chain::on`](crate::processor::Chain::on) refuses them.
///
/// ```
/// use tokpick::candidates::Candidates;
///
/// let mut c = Candidates::from(&[1.0, 3.0, f32::NAN][..]);
/// assert_eq!((c.argmax(), c.count()), (Some(1), 2));
/// assert_eq!(Candidates::from(&[][..]).argmax(), None);
/// ```
impl From<&[f32]> for Candidates {
    fn from(logits: &[f32]) -> Self {
        let mut c = Candidates::default();
        c.load_to_repair(Row::dense(logits.to_vec()));
        c
    }
}

impl Candidates {
    /// Takes a row over. [`take_row`](Self::take_row) hands it out again; then the buffers of one row serve the next.
    ///
    /// # Errors
    /// NaN, +∞, or a row without a finite logit, named by sequence, step and token. Such a row can still be taken.
    pub fn load(&mut self, row: Row, sequence: usize, step: usize) -> Result<()> {
        self.invalid.clear();
        let bad = self.start(row);
        let place = Place::row(sequence, step);
        if let Some(at) = bad {
            let id = self.row.ids.as_ref().map_or(at as TokenId, |ids| ids[at]);
            return Err(Error::decode(
                place.token(id),
                format!(
                    "the logit is {}: mend the model's output, or put remove_invalid_values into the chain",
                    if self.row.logits[at].is_nan() { "NaN" } else { "+inf" }
                ),
            ));
        }
        if self.best == f32::NEG_INFINITY {
            return Err(Error::decode(place, "no logit is finite: every token is masked"));
        }
        Ok(())
    }

    /// Takes a row over that [`repair`](Self::repair) will be applied to: NaN and +∞ are masked until then, and no logit needs to be
    /// finite.
    pub fn load_to_repair(&mut self, mut row: Row) {
        self.invalid.clear();
        for (at, x) in row.logits.iter_mut().enumerate().filter(|(_, x)| x.is_nan() || **x == f32::INFINITY) {
            self.invalid.push((at, *x));
            *x = f32::NEG_INFINITY;
        }
        self.start(row);
    }

    /// Where the row has a logit that is NaN or +∞.
    fn start(&mut self, row: Row) -> Option<usize> {
        self.row = row;
        self.edits.undo(&mut []);
        let scan = kernel::scan(&self.row.logits, &mut self.maxima);
        self.raw_best = scan.max;
        self.rewind(scan.max);
        scan.bad
    }

    fn rewind(&mut self, best: f32) {
        self.own.state = State::Row;
        (self.scale, self.beyond, self.shift) = (1.0, 1.0, 0.0);
        self.lo = f32::NEG_INFINITY;
        self.best = best;
        self.forget_sums();
    }

    /// Starts again from the row that was loaded.
    pub fn reset(&mut self) {
        self.restore_row();
        let best = kernel::scan(&self.row.logits, &mut self.maxima).max;
        self.rewind(best);
    }

    /// Hands the row out as it was loaded; no candidate is left.
    pub fn take_row(&mut self) -> Row {
        self.restore_row();
        for (at, x) in self.invalid.drain(..) {
            self.row.logits[at] = x;
        }
        self.maxima.clear();
        self.rewind(f32::NEG_INFINITY);
        std::mem::take(&mut self.row)
    }

    fn restore_row(&mut self) {
        self.edits.undo(&mut self.row.logits);
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

    /// The value at a position of the slice, in f64.
    fn base(&self, at: usize, id: TokenId, value: f32) -> f64 {
        if self.own.state != State::Row && !self.own.exact.is_empty() {
            return self.own.exact[at];
        }
        if self.edits.is_empty() {
            return value as f64;
        }
        let in_row = match self.own.state {
            State::Row => Some(at),
            _ => position(&self.row.ids, &self.row.logits, id),
        };
        in_row.and_then(|at| self.edits.value(at)).unwrap_or(value as f64)
    }

    /// Turns the members into a sparse list.
    fn gather(&mut self, band: Band) {
        let mut list = std::mem::take(&mut self.spare);
        kernel::gather_spans(self.slice(), self.maxima_of_row(), band, &mut list.ids, &mut list.values);
        list.exact.clear();
        if self.own.state != State::Row && !self.own.exact.is_empty() {
            let set = self.slice();
            let at = list.ids.iter().filter_map(|&id| position_in(set, id));
            list.exact.extend(at.map(|at| self.own.exact[at]));
        }
        list.state = State::Sparse;
        self.spare = std::mem::replace(&mut self.own, list);
        self.lo = f32::NEG_INFINITY;
        self.near.sums.total = None;
    }

    /// Makes a list of the members where the maxima tell that they are few: what follows then looks at them alone. Where one span
    /// in eight has none, the others have two or three of their 256, unless these crowd. No result depends on it.
    fn thin_out(&mut self) {
        let dense = self.own.state == State::Row && self.row.ids.is_none();
        if !dense || self.lo == f32::NEG_INFINITY || self.maxima.len() < 8 {
            return;
        }
        let spans = self.maxima.iter().filter(|&&max| max >= self.lo).count();
        if 8 * spans > 7 * self.maxima.len() {
            return;
        }
        let list = &mut self.spare;
        list.exact.clear();
        let set = Slice { ids: None, values: &self.row.logits };
        kernel::gather_spans(set, &self.maxima, Band::from(self.lo), &mut list.ids, &mut list.values);
        list.state = State::Sparse;
        std::mem::swap(&mut self.own, &mut self.spare);
        self.lo = f32::NEG_INFINITY;
        self.near.sums.total = None;
        self.runs = false;
    }

    /// After scores changed, or which tokens are members.
    fn forget_sums(&mut self) {
        (self.mass, self.drawn) = (None, 0);
        self.near.sums.total = None;
        self.changed = self.changed.wrapping_add(1);
    }

    fn find_best(&mut self) {
        let values = if self.own.state == State::Row { &self.maxima } else { &self.own.values };
        self.best = kernel::max(values);
        self.forget_sums();
    }
}

/// No edit makes a finite score infinite.
const FINITE: f64 = f32::MAX as f64;

/// A place in the order of the candidates' values, where a truncation cuts.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Cut(f32);

impl Cut {
    /// The cut that keeps everything.
    pub const NONE: Cut = Cut(f32::NEG_INFINITY);

    /// The lowest f32 that is at least `value`; NaN cuts nothing.
    fn at_least(value: f64) -> Cut {
        if value.is_nan() {
            return Cut::NONE;
        }
        let near = value as f32;
        Cut(if (near as f64) < value { near.next_up() } else { near })
    }

    /// The cut just above: it keeps what is strictly better.
    pub fn above(self) -> Cut {
        Cut(self.0.next_up())
    }

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
pub(crate) mod states;
#[cfg(test)]
mod tests;
