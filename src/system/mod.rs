//! What a run leaves in the system, and how that goes away again: files that are written whole or not at all, and what a signal has
//! to clean up.

mod signals;
mod whole;

#[cfg(unix)]
pub(crate) use signals::groups;
#[cfg(feature = "cli")]
pub use signals::{end_with_signals, fail_on_large_files, tidy_with_signals};
pub use whole::{WholeFile, follow, write_whole};
