//! What the axes of an array mean, and which of its rows are taken.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::{Access, Query, Shape};
use crate::{Error, Place, Result};

/// What the axes of an array of logits are, in the order they are stored: t = step, b = sequence of the batch, v = token.
///
/// Two axes are [`Layout::Tv`] and three [`Layout::Btv`] unless something else is said. One axis, `[V]`, is one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[T, V]`: the steps of one sequence.
    Tv,
    /// `[B, V]`: every row is its own sequence of one step.
    Bv,
    /// `[B, T, V]`: B sequences of T steps.
    Btv,
    /// `[T, B, V]`: what stacking the `output_logits` of transformers' `generate` gives.
    Tbv,
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "tv" => Ok(Layout::Tv),
            "bv" => Ok(Layout::Bv),
            "btv" => Ok(Layout::Btv),
            "tbv" => Ok(Layout::Tbv),
            _ => Err(Error::setting("layout", s, "is not a layout; give tv, bv, btv or tbv")),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Tv => "tv",
            Layout::Bv => "bv",
            Layout::Btv => "btv",
            Layout::Tbv => "tbv",
        })
    }
}

/// A part of the steps (of the sequences with [`Layout::Bv`]): `A..B`, `A..` or `..B`, first included, last not.
///
/// ```
/// use tokpick::source::RowRange;
/// let range: RowRange = "5..9".parse()?;
/// assert_eq!((range.start, range.end), (5, Some(9)));
/// assert_eq!("9..5".parse::<RowRange>().unwrap_err().to_string(), "rows 9..5: selects nothing; the end must be above the start");
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRange {
    /// First step that is taken.
    pub start: usize,
    /// One past the last; `None` = to the end.
    pub end: Option<usize>,
}

impl FromStr for RowRange {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let bad = || Error::setting("rows", s, "is not a range; write A..B, A.. or ..B (B not included)");
        let number = |part: &str| if part.is_empty() { Ok(None) } else { part.parse().map(Some) };
        let (start, end) = s.split_once("..").ok_or_else(bad)?;
        let (start, end) = (number(start.trim()).map_err(|_| bad())?, number(end.trim()).map_err(|_| bad())?);
        let range = RowRange { start: start.unwrap_or(0), end };
        match end {
            Some(end) if end <= range.start => {
                Err(Error::setting("rows", s, "selects nothing; the end must be above the start"))
            }
            _ => Ok(range),
        }
    }
}

impl RowRange {
    /// True for a row of the range.
    pub fn contains(&self, row: usize) -> bool {
        self.start <= row && self.end.is_none_or(|end| row < end)
    }
}

impl fmt::Display for RowRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..", self.start)?;
        self.end.map_or(Ok(()), |end| write!(f, "{end}"))
    }
}

/// The rows of an array: which sequence and step each one is, and which were selected.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    pub layout: Layout,
    /// All rows, selected or not.
    pub sequences: usize,
    pub steps: usize,
    /// Number of the first step that is stored: 0, but for chunks that begin later.
    pub first: usize,
    pub vocab: usize,
    /// The number of steps is not known: a stream.
    pub endless: bool,
    /// What was selected.
    pub chosen_sequences: Range<usize>,
    pub chosen_steps: Range<usize>,
}

impl Grid {
    /// The grid of an array with these axes.
    pub fn new(file: &str, axes: &[usize], layout: Option<Layout>) -> Result<Grid> {
        let bad = |what: String| Err(Error::input(file, Place::default(), what));
        let (layout, sequences, steps, vocab) = match (axes, layout) {
            (&[v], None) => (Layout::Tv, 1, 1, v),
            (&[t, v], None | Some(Layout::Tv)) => (Layout::Tv, 1, t, v),
            (&[b, v], Some(Layout::Bv)) => (Layout::Bv, b, 1, v),
            (&[b, t, v], None | Some(Layout::Btv)) => (Layout::Btv, b, t, v),
            (&[t, b, v], Some(Layout::Tbv)) => (Layout::Tbv, b, t, v),
            ([_] | [_, _] | [_, _, _], Some(layout)) => {
                let fit = ["none: it is one step", "tv or bv", "btv or tbv"][axes.len() - 1];
                let what = format!("does not fit the axes {axes:?} of {file}; layouts for them: {fit}");
                return Err(Error::setting("layout", layout, what));
            }
            ([], _) => return bad("a single number: logits need an axis of tokens".into()),
            _ => return bad(format!("{} axes {axes:?}: logits have 1 to 3", axes.len())),
        };
        if vocab == 0 {
            return bad(format!("V = 0: the rows of the axes {axes:?} hold no token"));
        }
        if sequences == 0 || steps == 0 {
            return bad(format!("zero rows: the axes are {axes:?}"));
        }
        let rows = sequences.checked_mul(steps);
        if rows.and_then(|rows| rows.checked_mul(vocab)).is_none() || vocab as u64 > 1 << 32 {
            return bad(format!("the axes {axes:?} are too large to be logits"));
        }
        Ok(Grid::of(layout, sequences, steps, vocab))
    }

    /// The grid of rows that are there.
    pub fn of(layout: Layout, sequences: usize, steps: usize, vocab: usize) -> Grid {
        let (chosen_sequences, chosen_steps) = (0..sequences, 0..steps);
        Grid { layout, sequences, steps, first: 0, vocab, endless: false, chosen_sequences, chosen_steps }
    }

    /// The grid of sequences whose stored steps are numbered from `first` on.
    pub fn from_step(first: usize, sequences: usize, steps: usize, vocab: usize) -> Grid {
        let chosen_steps = first..first + steps;
        Grid { first, chosen_steps, ..Grid::of(Layout::Btv, sequences, steps, vocab) }
    }

    /// One sequence of unknown length.
    pub fn endless() -> Grid {
        let (chosen_sequences, chosen_steps) = (0..1, 0..usize::MAX);
        Grid {
            layout: Layout::Tv,
            sequences: 1,
            steps: usize::MAX,
            first: 0,
            vocab: 0,
            endless: true,
            chosen_sequences,
            chosen_steps,
        }
    }

    /// Takes a part of the rows; the others keep their numbers.
    pub fn select(&mut self, file: &str, range: Option<RowRange>) -> Result<()> {
        let Some(range) = range else { return Ok(()) };
        let (name, all, chosen) = match self.layout {
            Layout::Bv => ("sequences", 0..self.sequences, &mut self.chosen_sequences),
            _ => ("steps", self.first..self.first.saturating_add(self.steps), &mut self.chosen_steps),
        };
        let end = range.end.unwrap_or(all.end);
        if range.start < all.start || range.start >= end || end > all.end {
            let what = format!("out of range: the {name} of {file} are {}..{}", all.start, all.end);
            return Err(Error::setting("rows", range, what));
        }
        *chosen = range.start..end;
        Ok(())
    }

    /// Number of all rows.
    pub fn rows(&self) -> usize {
        self.sequences.saturating_mul(self.steps)
    }

    /// Where a row of the file is: they are stored one after the other.
    pub fn index(&self, sequence: usize, step: usize) -> usize {
        let step = step - self.first;
        match self.layout {
            Layout::Tv | Layout::Tbv => step * self.sequences + sequence,
            Layout::Bv | Layout::Btv => sequence * self.steps + step,
        }
    }

    /// The sequence and step of a row.
    pub fn place(&self, index: usize) -> Place {
        match self.layout {
            Layout::Tv | Layout::Tbv => {
                Place::row(index % self.sequences, self.first + index / self.sequences)
            }
            Layout::Bv | Layout::Btv => Place::row(index / self.steps, self.first + index % self.steps),
        }
    }

    /// The row that answers a query; `None` after the last step.
    pub fn find(&self, file: &str, at: &Query<'_>) -> Result<Option<usize>> {
        let place = Place::row(at.sequence, at.step);
        if !self.chosen_sequences.contains(&at.sequence) {
            let what = format!("no such row: the sequences here are {:?}", self.chosen_sequences);
            return Err(Error::input(file, place, what));
        }
        if at.step < self.chosen_steps.start {
            let what = format!("no such row: the first step here is {}", self.chosen_steps.start);
            return Err(Error::input(file, place, what));
        }
        Ok((at.step < self.chosen_steps.end).then(|| self.index(at.sequence, at.step)))
    }

    /// The shape of a source over these rows.
    pub fn shape(&self, access: Access) -> Shape {
        let open_end = self.endless && self.chosen_steps.end == usize::MAX;
        Shape {
            sequences: self.chosen_sequences.clone(),
            first_step: self.chosen_steps.start,
            end_step: (!open_end).then_some(self.chosen_steps.end),
            vocab: (self.vocab > 0).then_some(self.vocab),
            follows_prefix: false,
            access,
        }
    }

    /// The order in which a reader that can't go back meets the rows.
    pub fn forward(&self) -> Access {
        match self.layout {
            Layout::Tv | Layout::Tbv => Access::ByStep,
            Layout::Bv | Layout::Btv => Access::BySequence,
        }
    }
}
