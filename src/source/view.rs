//! A source seen through something: under other numbers, or counted.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::{Carried, Format, LogitsSource, Query, ReadAt, Row, Shape, Vocab, Wrapper, read_rows};
use crate::{Error, Place, Result};

type Source = Box<dyn LogitsSource + Send>;

/// What is different in a source that is seen through it.
pub(super) trait View: Send + Sync {
    /// The number of a sequence, from the source's own.
    fn sequence(&self, own: usize) -> usize {
        own
    }

    /// The sequences, from the source's own.
    fn sequences(&self, own: Range<usize>) -> Range<usize> {
        self.sequence(own.start)..self.sequence(own.end)
    }

    /// A question, as the source is to be asked.
    fn query<'a>(&self, at: &Query<'a>) -> Query<'a> {
        *at
    }

    /// An error, as it is to be told.
    fn error(&self, error: Error) -> Error {
        error
    }

    /// So many rows were read.
    fn read(&self, _rows: usize) {}

    /// Looks at a row that was read; an error refuses it.
    fn seen(&self, _at: &Query<'_>, _row: &Row) -> Result<()> {
        Ok(())
    }
}

/// The source, seen through `view`; its rows can be read by several threads if they could before.
///
/// # Errors
/// A source that shares its rows and doesn't give them away.
pub(super) fn through(source: Source, view: impl View + 'static) -> Result<Source> {
    if source.shared().is_none() {
        return Ok(Box::new(Forward { source, view }));
    }
    let (name, format) = (source.name().to_owned(), source.format());
    let shape = renumbered(source.shape(), &view);
    let vocab = source.vocab().map(<[String]>::to_vec);
    let ids = renamed(source.ids(), &view);
    let (carried, strings, notes) =
        (carried_in(source.as_ref(), &view).to_vec(), source.strings(), source.notes().to_vec());
    let leaves_out = source.leaves_out();
    match source.into_shared() {
        Some(rows) => Ok(Box::new(Shared {
            name,
            shape,
            vocab,
            strings,
            notes,
            leaves_out,
            ids,
            carried,
            format,
            rows,
            view,
        })),
        None => Err(Error::input(name, Place::default(), "shares its rows, but doesn't give them away")),
    }
}

/// What the sequences carry that are seen: all, or a part of them under the same numbers.
fn carried_in<'a>(source: &'a dyn LogitsSource, view: &impl View) -> &'a [Carried] {
    let (own, carried) = (source.shape().sequences, source.carried());
    let seen = view.sequences(own.clone());
    if seen.len() == own.len() {
        return carried;
    }
    let from = seen.start.saturating_sub(own.start);
    carried.get(from..from + seen.len()).unwrap_or_default()
}

fn renumbered(mut shape: Shape, view: &impl View) -> Shape {
    shape.sequences = view.sequences(shape.sequences);
    shape
}

fn renamed(ids: BTreeMap<usize, Value>, view: &impl View) -> BTreeMap<usize, Value> {
    ids.into_iter().map(|(sequence, id)| (view.sequence(sequence), id)).collect()
}

/// One whose rows come in an order.
struct Forward<V> {
    source: Source,
    view: V,
}

impl<V: View> Wrapper for Forward<V> {
    fn inner(&self) -> &dyn LogitsSource {
        self.source.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn LogitsSource {
        self.source.as_mut()
    }

    fn shape_around(&self) -> Shape {
        renumbered(self.source.shape(), &self.view)
    }

    fn rows_around(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        let asked: Vec<Query<'_>> = at.iter().map(|at| self.view.query(at)).collect();
        self.source.rows(&asked, out).map_err(|e| self.view.error(e))?;
        let repeats = |pair: &&[Query<'_>]| {
            (pair[0].sequence, pair[0].step, pair[0].context)
                == (pair[1].sequence, pair[1].step, pair[1].context)
        };
        let repeated = at.windows(2).filter(repeats).count();
        let ended = out.iter().filter(|row| row.ended).count();
        self.view.read(at.len().saturating_sub(repeated + ended));
        at.iter()
            .zip(out.iter())
            .filter(|(_, row)| !row.ended)
            .try_for_each(|(at, row)| self.view.seen(at, row))
    }

    fn ids_around(&self) -> BTreeMap<usize, Value> {
        renamed(self.source.ids(), &self.view)
    }

    fn carried_around(&self) -> &[Carried] {
        carried_in(self.source.as_ref(), &self.view)
    }
}

/// One whose rows can be read at random.
struct Shared<V> {
    name: String,
    shape: Shape,
    vocab: Option<Vec<String>>,
    strings: Option<Vocab>,
    notes: Vec<String>,
    leaves_out: bool,
    ids: BTreeMap<usize, Value>,
    carried: Vec<Carried>,
    format: Format,
    rows: Arc<dyn ReadAt>,
    view: V,
}

impl<V: View> ReadAt for Shared<V> {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        self.rows.read(&self.view.query(at), row).map_err(|e| self.view.error(e))?;
        self.view.read(1);
        if row.ended { Ok(()) } else { self.view.seen(at, row) }
    }
}

impl<V: View + 'static> LogitsSource for Shared<V> {
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

    fn strings(&self) -> Option<Vocab> {
        self.strings.clone()
    }

    fn leaves_out(&self) -> bool {
        self.leaves_out
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn carried(&self) -> &[Carried] {
        &self.carried
    }

    fn format(&self) -> Format {
        self.format.clone()
    }
}
