//! Sequences under other numbers: a part of a larger job.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Format, LogitsSource, Query, ReadAt, Row, Shape, Wrapper, read_rows};
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
    let mut shape = source.shape();
    let too_large = || Error::setting("sequence_offset", by, "is too large for the sequences of the input");
    // draws take the number of a sequence as it is; JSON keeps numbers up to 2^53
    let last =
        shape.sequences.end.checked_add(by).filter(|last| *last as u64 <= 1 << 53).ok_or_else(too_large)?;
    shape.sequences = shape.sequences.start + by..last;
    if source.shared().is_none() {
        return Ok(Box::new(Forward { source, by }));
    }
    let (name, format) = (source.name().to_owned(), source.format());
    let vocab = source.vocab().map(<[String]>::to_vec);
    let ids = source.ids().into_iter().map(|(sequence, id)| (sequence + by, id)).collect();
    match source.into_shared() {
        Some(rows) => Ok(Box::new(Shared { name, shape, vocab, ids, format, rows, by })),
        None => Err(too_large()),
    }
}

/// Goes back to the source's own number.
fn inner<'a>(at: &Query<'a>, by: usize) -> Query<'a> {
    Query { sequence: at.sequence.saturating_sub(by), ..*at }
}

/// Names the new number in an error.
fn named(error: Error, by: usize) -> Error {
    match error {
        Error::Input { file, mut place, what } => {
            place.sequence = place.sequence.map(|sequence| sequence + by);
            Error::Input { file, place, what }
        }
        other => other,
    }
}

struct Forward {
    source: Source,
    by: usize,
}

impl Wrapper for Forward {
    fn inner(&self) -> &dyn LogitsSource {
        self.source.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn LogitsSource {
        self.source.as_mut()
    }

    fn shape_around(&self) -> Shape {
        let shape = self.source.shape();
        Shape { sequences: shape.sequences.start + self.by..shape.sequences.end + self.by, ..shape }
    }

    fn rows_around(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        let at: Vec<Query<'_>> = at.iter().map(|at| inner(at, self.by)).collect();
        self.source.rows(&at, out).map_err(|e| named(e, self.by))
    }

    fn ids_around(&self) -> BTreeMap<usize, Value> {
        self.source.ids().into_iter().map(|(sequence, id)| (sequence + self.by, id)).collect()
    }
}

struct Shared {
    name: String,
    shape: Shape,
    vocab: Option<Vec<String>>,
    ids: BTreeMap<usize, Value>,
    format: Format,
    rows: Arc<dyn ReadAt>,
    by: usize,
}

impl ReadAt for Shared {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        self.rows.read(&inner(at, self.by), row).map_err(|e| named(e, self.by))
    }
}

impl LogitsSource for Shared {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        read_rows(self, at, out, self.shape.follows_prefix)
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

    fn ids(&self) -> BTreeMap<usize, Value> {
        self.ids.clone()
    }

    fn format(&self) -> Format {
        self.format.clone()
    }
}
