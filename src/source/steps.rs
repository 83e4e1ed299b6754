//! Steps that are held in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array, ArrayBase, ArrayView3, Axis, Data, Ix1, Ix2, Ix3, IxDyn, OwnedRepr, RawDataClone};

use serde_json::Value;

use super::layout::Grid;
use super::{Access, Format, Layout, LogitsSource, Query, ReadAt, Row, RowRange, Shape, iter, read_rows};
use crate::{Error, Place, Result};

/// Logits in memory: what JSON documents and Fortran arrays are read into, and the source for a program that has its logits
/// already, as an [`ndarray`] or as a vector.
///
/// `Steps::from` takes arrays `[V]`, `[T, V]` and `[B, T, V]` as they lie, owned or lent, and never copies: a view, a slice or a
/// transposed array is read where it is.
///
/// ```
/// use ndarray::{Array3, array};
/// use tokpick::source::{LogitsSource, Steps};
/// let steps = Steps::from(array![[0.0, 1.0, 2.0], [5.0, 4.0, 3.0]]);
/// assert_eq!((steps.shape().end_step, steps.shape().vocab), (Some(2), Some(3)));
///
/// // the stacked output_logits of transformers are [T, B, V]
/// let stacked = Array3::<f32>::zeros((7, 2, 50));
/// let mut batch = Steps::from(stacked.view().permuted_axes([1, 0, 2]));
/// assert_eq!((batch.shape().sequences, batch.shape().end_step), (0..2, Some(7)));
/// assert_eq!(batch.array()?.dim(), (2, 7, 50));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug)]
pub struct Steps<S = OwnedRepr<f32>>
where
    S: Data<Elem = f32>,
{
    name: String,
    grid: Grid,
    /// `[B, T, V]`, in whatever order it lies.
    rows: ArrayBase<S, Ix3>,
    vocab: Option<Vec<String>>,
    ids: BTreeMap<usize, Value>,
    format: Format,
}

impl Steps {
    /// Steps from a vector in C order whose axes are `axes`; `layout` says what two or three axes are (default `tv`, `btv`).
    ///
    /// ```
    /// use tokpick::source::{LogitsSource, Steps};
    /// let steps = Steps::new("mine", &[2, 3], None, vec![0.0, 1.0, 2.0, 5.0, 4.0, 3.0])?;
    /// assert_eq!(steps.shape().end_step, Some(2));
    /// # Ok::<(), tokpick::Error>(())
    /// ```
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
        let (asked, found) = (grid.rows() * grid.vocab, logits.len());
        let array = Array::from_shape_vec(IxDyn(axes), logits);
        let rows = array.ok().and_then(|array| in_order(array, grid.layout)).ok_or_else(|| {
            let what = format!("the axes {axes:?} ask for {asked} logits, there are {found}");
            Error::input(&name, Place::default(), what)
        })?;
        let layout = (axes.len() > 1).then_some(grid.layout);
        let format = Format { axes: axes.to_vec(), layout, ..Format::default() };
        Ok(Steps { name, grid, rows, vocab: None, ids: BTreeMap::new(), format })
    }

    /// Reads all rows of another source in the order it gives them: random access to what was forward only.
    ///
    /// # Errors
    /// What the source finds wrong; rows that follow the prefix or were selected from a larger input; sparse rows, rows of
    /// different lengths, sequences of different lengths.
    pub fn collect(source: &mut dyn LogitsSource) -> Result<Self> {
        let shape = source.shape();
        let name = source.name().to_owned();
        if shape.follows_prefix || shape.first_step != 0 || shape.sequences.start != 0 {
            let what = "only a whole input of steps can be collected";
            return Err(Error::input(name, Place::default(), what));
        }
        let rows = iter::array(source)?;
        let (sequences, steps, v) = rows.dim();
        let (axes, layout) = match (sequences, shape.access) {
            (1, _) => (vec![steps, v], Layout::Tv),
            (_, Access::ByStep) => (vec![steps, sequences, v], Layout::Tbv),
            _ => (vec![sequences, steps, v], Layout::Btv),
        };
        let grid = Grid::new(&name, &axes, Some(layout))?;
        let format = Format { axes, layout: Some(layout), ..Format::default() };
        let all = Steps { name, grid, rows, vocab: None, ids: source.ids(), format };
        all.with_format(source.format()).with_vocab(source.vocab().map(<[String]>::to_vec))
    }

    /// These rows under another layout of as many axes.
    pub(crate) fn relabel(mut self, layout: Layout) -> Result<Self> {
        self.grid = Grid::new(&self.name, &self.format.axes, Some(layout))?;
        self.format.layout = Some(layout);
        if (layout == Layout::Bv) != (self.rows.len_of(Axis(0)) > 1) {
            self.rows.swap_axes(0, 1);
        }
        Ok(self)
    }
}

impl<S: Data<Elem = f32>> Steps<S> {
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

    /// Gives sequences the caller's own names.
    pub(crate) fn with_ids(mut self, ids: BTreeMap<usize, Value>) -> Self {
        self.ids = ids;
        self
    }

    /// Says what the steps were read from.
    pub(crate) fn with_format(mut self, format: Format) -> Self {
        let Format { axes, layout, .. } = self.format;
        self.format = Format { axes, layout, ..format };
        self
    }

    /// The logits, `[B, T, V]`, where they lie.
    pub fn view(&self) -> ArrayView3<'_, f32> {
        self.rows.view()
    }

    /// Steps from an array `[B, T, V]` that had these axes.
    fn of(rows: ArrayBase<S, Ix3>, axes: Vec<usize>, layout: Layout) -> Self {
        let (sequences, steps, vocab) = rows.dim();
        let grid = Grid::of(layout, sequences, steps, vocab);
        let layout = (axes.len() > 1).then_some(layout);
        let format = Format { axes, layout, ..Format::default() };
        Steps { name: "the array".into(), grid, rows, vocab: None, ids: BTreeMap::new(), format }
    }
}

impl<S: Data<Elem = f32> + RawDataClone> Clone for Steps<S> {
    fn clone(&self) -> Self {
        let Steps { name, grid, rows, vocab, ids, format } = self;
        Steps {
            name: name.clone(),
            grid: grid.clone(),
            rows: rows.clone(),
            vocab: vocab.clone(),
            ids: ids.clone(),
            format: format.clone(),
        }
    }
}

/// `[V]`: one step.
impl<S: Data<Elem = f32>> From<ArrayBase<S, Ix1>> for Steps<S> {
    fn from(row: ArrayBase<S, Ix1>) -> Self {
        let axes = row.shape().to_vec();
        Steps::of(row.insert_axis(Axis(0)).insert_axis(Axis(0)), axes, Layout::Tv)
    }
}

/// `[T, V]`: the steps of one sequence.
impl<S: Data<Elem = f32>> From<ArrayBase<S, Ix2>> for Steps<S> {
    fn from(steps: ArrayBase<S, Ix2>) -> Self {
        let axes = steps.shape().to_vec();
        Steps::of(steps.insert_axis(Axis(0)), axes, Layout::Tv)
    }
}

/// `[B, T, V]`: the steps of B sequences.
impl<S: Data<Elem = f32>> From<ArrayBase<S, Ix3>> for Steps<S> {
    fn from(batch: ArrayBase<S, Ix3>) -> Self {
        let axes = batch.shape().to_vec();
        Steps::of(batch, axes, Layout::Btv)
    }
}

/// The axes in the order `[B, T, V]`.
fn in_order(array: Array<f32, IxDyn>, layout: Layout) -> Option<Array<f32, Ix3>> {
    let array = match (array.ndim(), layout) {
        (1, _) => array.insert_axis(Axis(0)).insert_axis(Axis(0)),
        (2, Layout::Bv) => array.insert_axis(Axis(1)),
        (2, _) => array.insert_axis(Axis(0)),
        (3, Layout::Tbv) => array.permuted_axes(IxDyn(&[1, 0, 2])),
        _ => array,
    };
    array.into_dimensionality().ok()
}

impl<S: Data<Elem = f32> + Send + Sync> ReadAt for Steps<S> {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        if self.grid.find(&self.name, at)?.is_none() {
            row.end();
            return Ok(());
        }
        let sequence = self.rows.index_axis(Axis(0), at.sequence);
        let logits = sequence.index_axis(Axis(0), at.step);
        let out = row.start_dense(self.grid.vocab);
        match logits.as_slice() {
            Some(logits) => out.extend_from_slice(logits),
            None => out.extend(logits),
        }
        Ok(())
    }
}

impl<S: Data<Elem = f32> + Send + Sync> LogitsSource for Steps<S> {
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
        let Steps { name, grid, rows, vocab, ids, format } = *self;
        Some(Arc::new(Steps { name, grid, rows: rows.into_owned(), vocab, ids, format }))
    }

    fn vocab(&self) -> Option<&[String]> {
        self.vocab.as_deref()
    }

    fn ids(&self) -> BTreeMap<usize, Value> {
        self.ids.clone()
    }

    fn format(&self) -> Format {
        self.format.clone()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, Slice};

    use super::*;
    use crate::source::row_iter;

    fn logits<S: Data<Elem = f32> + Send + Sync>(steps: &mut Steps<S>) -> Vec<(usize, usize, Vec<f32>)> {
        let rows = row_iter(steps).map(|at| at.map(|at| (at.sequence, at.step, at.row.logits)));
        rows.collect::<Result<_>>().expect("rows")
    }

    #[test]
    fn arrays_are_read_as_they_lie() {
        let array = Array3::from_shape_fn((2, 3, 4), |(b, t, v)| (b * 100 + t * 10 + v) as f32);
        let expected = logits(&mut Steps::from(array.clone()));
        assert_eq!(expected[4], (1, 1, vec![110.0, 111.0, 112.0, 113.0]));
        let stacked = array.view().permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
        assert_eq!(logits(&mut Steps::from(stacked.view().permuted_axes([1, 0, 2]))), expected);
        // V is the outermost in memory
        let turned = array.view().permuted_axes([2, 1, 0]).as_standard_layout().into_owned();
        assert_eq!(logits(&mut Steps::from(turned.view().reversed_axes())), expected);
        let mut part = array.index_axis(Axis(0), 1);
        part.slice_axis_inplace(Axis(0), Slice::from(..).step_by(2));
        part.slice_axis_inplace(Axis(1), Slice::from(1..3));
        let mut part = Steps::from(part);
        assert_eq!(logits(&mut part), [(0, 0, vec![101.0, 102.0]), (0, 1, vec![121.0, 122.0])]);
        let vector = Steps::new("m", &[3, 2, 4], Some(Layout::Tbv), stacked.into_raw_vec_and_offset().0);
        assert_eq!(logits(&mut vector.expect("steps")), expected);
        assert_eq!(Steps::from(array.clone()).array().expect("all"), array);
    }

    #[test]
    fn arrays_without_rows_end_at_once() {
        for axes in [(0, 3), (2, 0), (0, 0)] {
            let mut steps = Steps::from(Array2::<f32>::zeros(axes));
            let rows = logits(&mut steps);
            assert!(rows.len() == axes.0 && rows.iter().all(|(_, _, row)| row.is_empty()));
        }
        assert!(logits(&mut Steps::from(Array3::<f32>::zeros((0, 2, 3)))).is_empty());
    }
}
