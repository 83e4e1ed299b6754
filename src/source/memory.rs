//! Steps that are held in memory.

use super::layout::Grid;
use super::{Access, Format, Layout, LogitsSource, Query, ReadAt, Row, RowRange, Shape, read_rows};
use crate::{Error, Place, Result};
use std::sync::Arc;

/// Logits in memory: `[V]`, `[T, V]`, `[B, V]`, `[B, T, V]` or `[T, B, V]` in one vector, C order.
///
/// What JSON documents and Fortran arrays are read into, and the source for a program that has its logits already.
///
/// ```
/// use tokpick::source::{LogitsSource, Steps};
/// let steps = Steps::new("mine", &[2, 3], None, vec![0.0, 1.0, 2.0, 5.0, 4.0, 3.0])?;
/// assert_eq!(steps.shape().end_step, Some(2));
/// assert_eq!(steps.shape().vocab, Some(3));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Steps {
    name: String,
    grid: Grid,
    logits: Vec<f32>,
    vocab: Option<Vec<String>>,
    format: Format,
}

impl Steps {
    /// Steps from a vector whose axes are `axes`; `layout` says what two or three axes are (default `tv`, `btv`).
    ///
    /// # Errors
    /// Axes that are no logits (zero rows, V = 0, more than three), a layout for another number of axes, a vector of another
    /// length than the axes promise.
    pub fn new(
        name: impl Into<String>,
        axes: &[usize],
        layout: Option<Layout>,
        logits: Vec<f32>,
    ) -> Result<Self> {
        let name = name.into();
        let grid = Grid::new(&name, axes, layout)?;
        if grid.rows() * grid.vocab != logits.len() {
            let what = format!(
                "the axes {axes:?} ask for {} logits, there are {}",
                grid.rows() * grid.vocab,
                logits.len()
            );
            return Err(Error::input(name, Place::default(), what));
        }
        let layout = (axes.len() > 1).then_some(grid.layout);
        let format = Format { axes: axes.to_vec(), layout, ..Format::default() };
        Ok(Steps { name, grid, logits, vocab: None, format })
    }

    /// Takes a part of the steps, keeping their numbers.
    ///
    /// # Errors
    /// A range that is not inside the steps (the sequences with [`Layout::Bv`]).
    pub fn select(mut self, range: Option<RowRange>) -> Result<Self> {
        self.grid.select(&self.name, range)?;
        Ok(self)
    }

    /// Gives the tokens their strings.
    ///
    /// # Errors
    /// Any number of strings but V.
    pub fn with_vocab(mut self, vocab: Option<Vec<String>>) -> Result<Self> {
        if let Some(strings) = &vocab
            && strings.len() != self.grid.vocab
        {
            let what =
                format!("\"vocab\" has {} strings, the rows have {} logits", strings.len(), self.grid.vocab);
            return Err(Error::input(self.name, Place::default(), what));
        }
        self.vocab = vocab;
        Ok(self)
    }

    /// Says what the steps were read from.
    pub(crate) fn with_format(mut self, format: Format) -> Self {
        let Format { axes, layout, .. } = self.format;
        self.format = Format { axes, layout, ..format };
        self
    }

    /// Reads all rows of another source in the order it gives them: random access to what was forward only.
    ///
    /// # Errors
    /// What the source finds wrong; rows that follow the prefix or were selected from a larger input; sparse rows, rows of
    /// different lengths, sequences of different lengths.
    pub fn collect(source: &mut dyn LogitsSource) -> Result<Self> {
        let shape = source.shape();
        let name = source.name().to_owned();
        let bad = |place, what: &str| Err(Error::input(name.clone(), place, what));
        if shape.follows_prefix || shape.first_step != 0 || shape.sequences.start != 0 {
            return bad(Place::default(), "only a whole input of steps can be collected");
        }
        let (mut logits, mut row, mut vocab, mut places) = (Vec::new(), Vec::new(), None, 0);
        let sequences = shape.sequences.len();
        let mut ended = vec![None; sequences];
        let by_step = shape.access == Access::ByStep;
        let (mut sequence, mut step) = (0, 0);
        while ended.contains(&None) {
            let end = shape.end_step.is_some_and(|end| step >= end) || {
                source.rows(&[Query { sequence, step, context: &[], prompt_len: 0 }], &mut row)?;
                row.first().is_none_or(|row| row.ended)
            };
            if end {
                ended[sequence] = Some(step);
            } else if let Some(row) = row.first() {
                if row.ids.is_some() || *vocab.get_or_insert(row.vocab) != row.vocab {
                    return bad(
                        Place::row(sequence, step),
                        "not a dense row of the same length as the others",
                    );
                }
                logits.extend_from_slice(&row.logits);
                places += 1;
            }
            (sequence, step) = match (by_step, end) {
                (true, _) => ((sequence + 1) % sequences, step + (sequence + 1) / sequences),
                (false, true) => (sequence + 1, 0),
                (false, false) => (sequence, step + 1),
            };
        }
        let steps = ended.first().copied().flatten().unwrap_or(0);
        if places != sequences * steps || ended.iter().any(|end| *end != Some(steps)) {
            return bad(Place::default(), "its sequences have different numbers of steps");
        }
        let v = vocab.unwrap_or(0);
        let all = match (sequences, by_step) {
            (1, _) => Steps::new(name, &[steps, v], None, logits)?,
            (_, true) => Steps::new(name, &[steps, sequences, v], Some(Layout::Tbv), logits)?,
            (_, false) => Steps::new(name, &[sequences, steps, v], Some(Layout::Btv), logits)?,
        };
        all.with_format(source.format()).with_vocab(source.vocab().map(<[String]>::to_vec))
    }

    /// The same rows under another layout.
    pub(crate) fn relabel(mut self, layout: Layout) -> Result<Self> {
        self.grid = Grid::new(&self.name, &self.format.axes, Some(layout))?;
        self.format.layout = Some(layout);
        Ok(self)
    }
}

impl ReadAt for Steps {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        match self.grid.find(&self.name, at)? {
            None => row.end(),
            Some(index) => {
                let v = self.grid.vocab;
                row.start_dense(v).extend_from_slice(&self.logits[index * v..(index + 1) * v]);
            }
        }
        Ok(())
    }
}

impl LogitsSource for Steps {
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

    fn vocab(&self) -> Option<&[String]> {
        self.vocab.as_deref()
    }

    fn format(&self) -> Format {
        self.format.clone()
    }
}
