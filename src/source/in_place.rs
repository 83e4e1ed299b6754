//! Rows that are read where they are stored, in a file or in memory: what those sources have in common.

use std::sync::Arc;

use super::layout::Grid;
use super::{Access, Carried, Format, LogitsSource, Query, ReadAt, Row, Shape, read_rows};
use crate::Result;

/// Rows of a [`Grid`], each at a place of its own.
pub(crate) trait Stored: Send + Sync + 'static {
    /// As [`LogitsSource::name`].
    fn name(&self) -> &str;

    /// Which rows there are.
    fn grid(&self) -> &Grid;

    /// Reads the row with this number of the grid.
    fn read(&self, index: usize, row: &mut Row) -> Result<()>;

    /// As [`LogitsSource::format`].
    fn format(&self) -> Format;

    /// As [`LogitsSource::carried`].
    fn carried(&self) -> &[Carried] {
        &[]
    }

    /// Gives away what only [`carried`](Self::carried) needs: rows alone are read from now on.
    fn keep_rows(&mut self) {}
}

/// The source that stored rows are: any row at any time, from any thread.
pub(crate) struct InPlace<S>(pub S);

impl<S: Stored> ReadAt for InPlace<S> {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        if let Some(index) = self.0.grid().find(self.0.name(), at)? {
            return self.0.read(index, row);
        }
        row.end();
        Ok(())
    }
}

impl<S: Stored> LogitsSource for InPlace<S> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn shape(&self) -> Shape {
        self.0.grid().shape(Access::Random)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        read_rows(self, at, out, false)
    }

    fn shared(&self) -> Option<&dyn ReadAt> {
        Some(self)
    }

    fn into_shared(mut self: Box<Self>) -> Option<Arc<dyn ReadAt>> {
        self.0.keep_rows();
        Some(Arc::new(*self))
    }

    fn carried(&self) -> &[Carried] {
        self.0.carried()
    }

    fn format(&self) -> Format {
        self.0.format()
    }
}
