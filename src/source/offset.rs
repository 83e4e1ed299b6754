//! Sequences under other numbers: a part of a larger job.

use super::view::{View, through};
use super::{LogitsSource, Query};
use crate::{Error, Result};

type Source = Box<dyn LogitsSource + Send>;

/// Gives the sequences of a source numbers that begin `by` later. Draws are addressed by sequence, so a job that was cut into parts
/// draws in each part what the whole draws there.
///
/// ```
/// use tokpick::source::{Open, offset};
/// let source = Open::new("a.json").read(&b"[[0.25, 2.0], [0.5, 0.5]]"[..])?;
/// assert_eq!(offset(source, 7)?.shape().sequences, 7..8);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// Numbers beyond what can be counted.
pub fn offset(source: Source, by: usize) -> Result<Source> {
    if by == 0 {
        return Ok(source);
    }
    // draws take the number of a sequence as it is; JSON keeps numbers up to 2^53
    let last = source.shape().sequences.end.checked_add(by);
    if last.is_none_or(|last| last as u64 > 1 << 53) {
        return Err(Error::setting("sequence_offset", by, "is too large for the sequences of the input"));
    }
    through(source, Later(by))
}

/// Numbers that begin so much later.
struct Later(usize);

impl View for Later {
    fn sequence(&self, own: usize) -> usize {
        own + self.0
    }

    fn query<'a>(&self, at: &Query<'a>) -> Query<'a> {
        Query { sequence: at.sequence.saturating_sub(self.0), ..*at }
    }

    fn error(&self, error: Error) -> Error {
        match error {
            Error::Input { file, mut place, what } => {
                place.sequence = place.sequence.map(|sequence| sequence + self.0);
                Error::Input { file, place, what }
            }
            other => other,
        }
    }
}
