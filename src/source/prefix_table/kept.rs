//! The rows of a table: in memory, and beyond a bound where they lie in its file.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crate::source::Row;
use crate::source::positioned::PositionedFile;
use crate::source::text::json::{Content, Hints};
use crate::source::text::jsonl::{LineOptions, sparse};
use crate::source::text::lines::BOM;
use crate::{Error, Place, Result, TokenId};

#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    rows: Vec<Slot>,
    /// Where rows can be read again.
    file: Option<Arc<PositionedFile>>,
    /// Bytes that rows may still take in memory.
    room: usize,
    vocab: usize,
    options: LineOptions,
}

#[derive(Debug, Clone)]
enum Slot {
    Row(Box<Row>),
    /// The number of its line, and its bytes in the file.
    Line(usize, Range<u64>),
}

impl Kept {
    /// No rows yet; of a file, `room` bytes of rows will be in memory.
    pub fn new(file: Option<PositionedFile>, room: usize) -> Self {
        Kept { file: file.map(Arc::new), room, ..Kept::default() }
    }

    /// Keeps the row of a line, or where to find it.
    pub fn push(&mut self, row: Row, line: usize, bytes: Range<u64>) {
        let size = size_of_val(&*row.logits) + row.ids.as_ref().map_or(0, |ids| size_of_val(&**ids));
        self.rows.push(match (self.room.checked_sub(size), &self.file) {
            (None, Some(_)) => Slot::Line(line, bytes),
            (left, _) => {
                self.room = left.unwrap_or(0);
                Slot::Row(Box::new(row))
            }
        });
    }

    /// All rows have come: their V is known, and how strings are read.
    pub fn settle(&mut self, vocab: usize, options: LineOptions) {
        (self.vocab, self.options) = (vocab, options);
        for held in &mut self.rows {
            if let Slot::Row(row) = held {
                row.vocab = vocab;
            }
        }
    }

    /// Copies the row of a prefix; `name` is that of the file.
    ///
    /// # Errors
    /// A file that can't be read, or has changed.
    pub fn copy(&self, name: &str, index: usize, prefix: &[TokenId], to: &mut Row) -> Result<()> {
        let (line, bytes, file) = match (self.rows.get(index), &self.file) {
            (Some(Slot::Row(row)), _) => {
                to.copy_from(row);
                return Ok(());
            }
            (Some(Slot::Line(line, bytes)), Some(file)) => (*line, bytes, file),
            // rows that stay in a file come with it, and every index is of a row
            _ => return Err(Error::input(name, Place::default(), format!("there is no row {index}"))),
        };
        DESK.with_borrow_mut(|(text, content)| {
            text.resize((bytes.end - bytes.start) as usize, 0);
            let read = file.read_exact_at(text, bytes.start);
            read.map_err(|source| Error::Io { file: name.to_string(), source })?;
            let LineOptions { null_is_masked, probs, .. } = self.options;
            let hints = Hints { file: name, null_is_masked, probs, line, step: None, layout: None };
            // what was read when the table was opened is read again, unless somebody writes to the file
            let same = content.parse(text.strip_prefix(BOM).unwrap_or(text), hints).is_ok()
                && content.resolve(self.options.names.as_ref()).is_ok()
                && content.prefix.as_deref() == Some(prefix)
                && content.is_row()
                && fill(to, content, name, line).is_ok();
            let fits = match &to.ids {
                Some(ids) => ids.last().is_none_or(|last| (*last as usize) < self.vocab),
                None => to.logits.len() == self.vocab,
            };
            to.vocab = self.vocab;
            if same && fits { Ok(()) } else { Err(changed(name, line)) }
        })
    }
}

thread_local! {
    /// Buffers for the line that a thread is reading again.
    static DESK: RefCell<(Vec<u8>, Content)> = RefCell::default();
}

/// Takes the numbers of a line over into a row, dense or sparse; V of a sparse one is not known yet.
pub(super) fn fill(row: &mut Row, content: &mut Content, file: &str, line: usize) -> Result<()> {
    match content.ids.take() {
        Some(ids) => sparse(Place::line(line), file, &ids, &content.logits, row)?,
        None => row.start_dense(content.logits.len()).extend_from_slice(&content.logits),
    }
    content.rest(row);
    Ok(())
}

fn changed(name: &str, line: usize) -> Error {
    let what =
        "the line is another one than when the table was opened: leave the file alone while it is read";
    Error::input(name, Place::line(line), what)
}
