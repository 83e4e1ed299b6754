//! A function as a source: a program's own model.

use super::{Access, Format, LogitsSource, Query, Row, Shape};
use crate::{Error, Place, Result, TokenId};

/// A source that asks a function for the next-token logits after a context: prompt and generated ids, oldest first.
///
/// It is one sequence that never ends by itself; a limit or an end token ends it. The function is asked on one thread, again
/// where a context comes again; it gives `vocab` numbers in whatever holds them (`Vec<f32>`, `[f32; N]`, a slice).
///
/// ```
/// use tokpick::source::{LogitsSource, Query, from_fn};
/// // the next token is most likely one above the last
/// let mut source = from_fn(3, |context| {
///     let mut row = [0.0; 3];
///     row[(context.last().map_or(0, |last| last + 1) % 3) as usize] = 2.0;
///     row
/// });
/// let mut rows = Vec::new();
/// source.rows(&[Query { sequence: 0, step: 0, context: &[0, 1], prompt_len: 2 }], &mut rows)?;
/// assert_eq!(rows[0].logits, [0.0, 0.0, 2.0]);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn from_fn<F, R>(vocab: usize, function: F) -> FromFn<F>
where
    F: FnMut(&[TokenId]) -> R,
    R: AsRef<[f32]>,
{
    FromFn { vocab, function }
}

/// What [`from_fn`] gives.
#[derive(Clone, Copy)]
pub struct FromFn<F> {
    vocab: usize,
    function: F,
}

impl<F, R> LogitsSource for FromFn<F>
where
    F: FnMut(&[TokenId]) -> R,
    R: AsRef<[f32]>,
{
    fn name(&self) -> &str {
        "the function"
    }

    fn shape(&self) -> Shape {
        Shape::following(Some(self.vocab), Access::ByStep)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        out.resize_with(at.len(), Row::default);
        for (query, row) in at.iter().zip(out) {
            let logits = (self.function)(query.context);
            let (found, expected) = (logits.as_ref().len(), self.vocab);
            if found != expected {
                let what = format!("it gave {found} logits, the vocabulary has {expected}");
                return Err(Error::input(self.name(), Place::row(query.sequence, query.step), what));
            }
            row.start_dense(expected).extend_from_slice(logits.as_ref());
        }
        Ok(())
    }

    fn format(&self) -> Format {
        Format { name: "function".into(), axes: vec![self.vocab], ..Format::default() }
    }
}
