//! Bigram matrices: the next token depends on the last one alone.

use super::{Access, Format, LogitsSource, Query, ReadAt, Row, Shape, read_rows};
use crate::{Error, Place, Result};
use std::sync::Arc;

/// A `[V, V]` matrix as a source that follows the prefix: row i holds the logits after token i.
///
/// It needs a last token, so a run begins with a prompt (or a prefix). It never ends by itself.
///
/// ```
/// use tokpick::source::{Bigram, LogitsSource, Query, Steps};
/// let matrix = Steps::new("m", &[2, 2], None, vec![0.0, 1.0, 5.0, 2.0])?;
/// let mut bigram = Bigram::new(matrix)?;
/// let mut rows = Vec::new();
/// bigram.rows(&[Query { sequence: 0, step: 0, context: &[0, 1], prompt_len: 2 }], &mut rows)?;
/// assert_eq!(rows[0].logits, [5.0, 2.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Bigram<S> {
    matrix: S,
    vocab: usize,
}

impl<S: LogitsSource + ReadAt> Bigram<S> {
    /// Wraps a matrix: one sequence of V steps (whole, from step 0) over a vocabulary of V.
    ///
    /// # Errors
    /// A source of any other shape.
    pub fn new(matrix: S) -> Result<Self> {
        let shape = matrix.shape();
        match (shape.vocab, shape.end_step) {
            (Some(v), Some(t)) if v == t && shape.first_step == 0 && shape.sequences == (0..1) => {
                Ok(Bigram { matrix, vocab: v })
            }
            _ => {
                let axes = matrix.format().axes;
                let what = format!("a bigram matrix is square, [V, V]; the axes here are {axes:?}");
                Err(Error::input(matrix.name(), Place::default(), what))
            }
        }
    }
}

impl<S: LogitsSource + ReadAt> ReadAt for Bigram<S> {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        let bad =
            |what: String| Err(Error::input(self.matrix.name(), Place::row(at.sequence, at.step), what));
        let Some(&last) = at.context.last() else {
            return bad("a bigram matrix needs a last token; give `Job::prompt`".into());
        };
        if last as usize >= self.vocab {
            return bad(format!("the last token, {last}, is outside the vocabulary of {}", self.vocab));
        }
        let matrix_row = Query { step: last as usize, ..*at };
        // What is wrong in a row is named by the row's own number, its token.
        self.matrix.read(&matrix_row, row)
    }
}

impl<S: LogitsSource + ReadAt + 'static> LogitsSource for Bigram<S> {
    fn name(&self) -> &str {
        self.matrix.name()
    }

    fn shape(&self) -> Shape {
        Shape::following(Some(self.vocab), Access::Random)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        read_rows(self, at, out, true)
    }

    fn shared(&self) -> Option<&dyn ReadAt> {
        Some(self)
    }

    fn into_shared(self: Box<Self>) -> Option<Arc<dyn ReadAt>> {
        Some(Arc::new(*self))
    }

    fn vocab(&self) -> Option<&[String]> {
        self.matrix.vocab()
    }

    fn format(&self) -> Format {
        let format = self.matrix.format();
        Format { name: format!("bigram matrix ({})", format.name), layout: None, ..format }
    }
}
