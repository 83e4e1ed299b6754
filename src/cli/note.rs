//! Remarks on standard error that don't end the run.

use std::io::Write;

/// Says something that the user should know: a setting without effect, a seed that was taken.
pub fn note(text: impl AsRef<str>) {
    // standard error may be closed
    let _ = writeln!(std::io::stderr(), "tokpick: note: {}", text.as_ref());
}
