//! Rows counted while they are read.

use super::LogitsSource;
use super::view::{View, through};
use crate::Result;

/// Tells of every row that is read, from whichever thread: what a progress bar needs.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use tokpick::source::{Open, counting};
/// let read = Arc::new(AtomicUsize::new(0));
/// let count = read.clone();
/// let source = Open::new("a.json").read(&b"[[0.5, 2.0], [1.5, 0.0]]"[..])?;
/// let mut source = counting(source, move |rows| drop(count.fetch_add(rows, Ordering::Relaxed)))?;
/// source.array()?;
/// assert_eq!(read.load(Ordering::Relaxed), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A source that shares its rows and doesn't give them away.
pub fn counting(
    source: Box<dyn LogitsSource + Send>,
    tell: impl Fn(usize) + Send + Sync + 'static,
) -> Result<Box<dyn LogitsSource + Send>> {
    through(source, Counter(tell))
}

struct Counter<F>(F);

impl<F: Fn(usize) + Send + Sync> View for Counter<F> {
    fn read(&self, rows: usize) {
        (self.0)(rows);
    }
}
