//! Rows until somebody wants no more of them.

use super::view::{View, through};
use super::{LogitsSource, Query, Row};
use crate::{Error, Result};

/// Asks for every row that is read, in whichever thread it is, whether the run is to end: with [`Error::Stopped`].
///
/// ```
/// use tokpick::Error;
/// use tokpick::source::{Open, until};
/// let source = Open::new("a.json").read(&b"[[0.5, 2.0], [1.5, 0.0]]"[..])?;
/// let mut source = until(source, || true)?;
/// assert!(matches!(source.array(), Err(Error::Stopped)));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// A source that shares its rows and doesn't give them away.
pub fn until(
    source: Box<dyn LogitsSource + Send>,
    ends: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<Box<dyn LogitsSource + Send>> {
    through(source, Until(ends))
}

struct Until<F>(F);

impl<F: Fn() -> bool + Send + Sync> View for Until<F> {
    fn seen(&self, _at: &Query<'_>, _row: &Row) -> Result<()> {
        if (self.0)() { Err(Error::Stopped) } else { Ok(()) }
    }
}
