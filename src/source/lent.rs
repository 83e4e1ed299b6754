//! Logits that lie in the memory of another program, and are opened by a name like a file.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::header::{Header, explain};
use super::in_place::{InPlace, Stored};
use super::layout::Grid;
use super::npy::header;
use super::{DtypeHint, Format, Layout, LogitsSource, Row, RowRange};
use crate::{Error, Place, Result, TokenId};

/// The numbers of an array, wherever and in whatever order they lie.
///
/// It is read from several threads, and by rows: those along the last axis, numbered as in C order.
pub trait Elements: Send + Sync {
    /// The element type as NumPy writes it: `<f4`, `<f2`, `<V2` (bfloat16) …
    fn descr(&self) -> &str;

    /// The axes; the last is V.
    fn axes(&self) -> &[usize];

    /// Copies the bytes of the elements of `row` from the element `first` on, as many as fit: whole elements.
    fn copy(&self, row: usize, first: usize, bytes: &mut [u8]);
}

/// What is lent.
#[derive(Clone)]
pub enum Loan {
    /// An array: opened as an NPY file of the same content is, with the same settings; as often as wanted.
    Array(Arc<dyn Elements>),
    /// A source, opened once.
    Source(Arc<Mutex<Option<Box<dyn LogitsSource + Send>>>>),
}

impl Loan {
    /// A source to lend.
    pub fn source(source: impl LogitsSource + Send + 'static) -> Loan {
        Loan::Source(Arc::new(Mutex::new(Some(Box::new(source)))))
    }
}

thread_local! {
    /// What each run may see: the innermost is the last.
    static LENT: RefCell<Vec<Vec<(PathBuf, Loan)>>> = const { RefCell::new(Vec::new()) };
}

/// Lends logits to everything that [`Open`](super::Open) opens under their names, in this thread and while `run` runs: a
/// name wins over a file of the same path, and what was lent before is hidden.
///
/// ```
/// use std::sync::Arc;
/// use tokpick::source::{Elements, Loan, LogitsSource, Open, lend};
///
/// struct Mine([f32; 6]);
/// impl Elements for Mine {
///     fn descr(&self) -> &str {
///         "<f4"
///     }
///     fn axes(&self) -> &[usize] {
///         &[2, 3]
///     }
///     fn copy(&self, row: usize, first: usize, bytes: &mut [u8]) {
///         for (x, to) in self.0[row * 3 + first..].iter().zip(bytes.chunks_mut(4)) {
///             to.copy_from_slice(&x.to_le_bytes());
///         }
///     }
/// }
/// let mine = Loan::Array(Arc::new(Mine([0.0, 1.0, 2.0, 5.0, 4.0, 3.0])));
/// let all = lend(vec![("mine".into(), mine)], || Open::new("mine").open()?.array())?;
/// assert_eq!(all[[0, 1, 0]], 5.0);
/// assert!(Open::new("mine").open().is_err());
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn lend<T>(loans: Vec<(PathBuf, Loan)>, run: impl FnOnce() -> T) -> T {
    /// Takes back what was lent, also from a run that panics.
    struct Until(usize);
    impl Drop for Until {
        fn drop(&mut self) {
            LENT.with_borrow_mut(|lent| lent.truncate(self.0));
        }
    }
    let _until = Until(LENT.with_borrow(Vec::len));
    LENT.with_borrow_mut(|lent| lent.push(loans));
    run()
}

/// What is lent under a name.
pub(crate) fn find(name: &Path) -> Option<Loan> {
    LENT.with_borrow(|lent| {
        let mut lent = lent.last().into_iter().flatten();
        lent.find(|(lent, _)| lent == name).map(|(_, loan)| loan.clone())
    })
}

/// Whether something is lent under a name.
pub fn is_lent(name: &Path) -> bool {
    find(name).is_some()
}

/// Takes a source that was lent.
pub(super) fn take(
    name: &str,
    source: &Mutex<Option<Box<dyn LogitsSource + Send>>>,
) -> Result<Box<dyn LogitsSource + Send>> {
    let source = source.lock().unwrap_or_else(PoisonError::into_inner).take();
    source
        .ok_or_else(|| Error::input(name, Place::default(), "can be asked by one run, and another has begun"))
}

/// An array that was lent: rows are read where they lie.
pub(crate) struct LentArray {
    name: String,
    elements: Arc<dyn Elements>,
    header: Header,
    grid: Grid,
}

impl LentArray {
    /// The array as logits.
    ///
    /// # Errors
    /// Elements or axes that are no logits; a selection outside.
    pub fn open(
        name: String,
        elements: Arc<dyn Elements>,
        hint: Option<DtypeHint>,
        layout: Option<Layout>,
        rows: Option<RowRange>,
    ) -> Result<InPlace<LentArray>> {
        let axes = elements.axes().to_vec();
        let codec = header::element(&name, elements.descr(), hint)?;
        let mut grid = Grid::new(&name, &axes, layout)?;
        grid.select(&name, rows)?;
        let container = String::new();
        let header = Header { container, version: None, codec, fortran: false, axes, data_start: 0 };
        Ok(InPlace(LentArray { name, elements, header, grid }))
    }
}

impl Stored for LentArray {
    fn name(&self) -> &str {
        &self.name
    }

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn read(&self, index: usize, row: &mut Row) -> Result<()> {
        let (v, codec) = (self.grid.vocab, self.header.codec);
        let mut first = 0;
        let result = codec.read(v, row.overwrite_dense(v), |bytes| {
            self.elements.copy(index, first, bytes);
            first += bytes.len() / codec.dtype.size();
            Ok(())
        });
        let place = self.grid.place(index);
        result.map_err(|fault| explain(&self.name, fault, place, |token| place.token(token as TokenId)))
    }

    fn format(&self) -> Format {
        Format { order: None, ..self.header.format(self.grid.layout) }
    }
}

/// The bytes of the NPY file (version 1.0, C order) that holds what is lent, piece by piece: what a digest of it is made of.
#[cfg(feature = "cli")]
pub(crate) fn as_npy(elements: &dyn Elements, mut piece: impl FnMut(&[u8])) {
    let descr = elements.descr();
    piece(&super::write::npy_header(descr, elements.axes()));
    let (vocab, axes) = (elements.axes().last().copied().unwrap_or(1), elements.axes());
    let size = descr.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(1);
    let rows: usize = axes.iter().rev().skip(1).product();
    let mut bytes = vec![0; vocab * size];
    for row in 0..rows {
        elements.copy(row, 0, &mut bytes);
        piece(&bytes);
    }
}
