//! The rows of a table: in memory, and beyond a bound where they lie in its file.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use flate2::Crc;

use crate::source::Row;
use crate::source::positioned::PositionedFile;
use crate::source::text::json::{Content, Hints};
use crate::source::text::jsonl::{LineOptions, sparse};
use crate::source::text::lines::{BOM, Lines};
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
    Line(Line),
}

/// A line of a table, so that it can be read again.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub number: usize,
    /// Its bytes in the file, and their checksum (without a mark before the first).
    bytes: Range<u64>,
    checksum: u32,
}

impl Line {
    /// The line that was read last.
    pub fn of(lines: &Lines) -> Self {
        Line { number: lines.line, bytes: lines.at.clone(), checksum: checksum(&lines.text) }
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

impl Kept {
    /// No rows yet; of a file, `room` bytes of rows will be in memory.
    pub fn new(file: Option<PositionedFile>, room: usize) -> Self {
        Kept { file: file.map(Arc::new), room, ..Kept::default() }
    }

    /// Keeps the row of a line, or where to find it.
    pub fn push(&mut self, row: Row, line: Line) {
        let numbers = row.logits.capacity() * size_of::<f32>();
        let ids = row.ids.as_ref().map_or(0, Vec::capacity) * size_of::<TokenId>();
        let size = size_of::<Row>() + numbers + ids;
        self.rows.push(match (self.room.checked_sub(size), &self.file) {
            (None, Some(_)) => Slot::Line(line),
            (left, _) => {
                self.room = left.unwrap_or(0);
                Slot::Row(Box::new(row))
            }
        });
    }

    #[cfg(test)]
    pub fn in_memory(&self) -> usize {
        self.rows.iter().filter(|slot| matches!(slot, Slot::Row(_))).count()
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
        let (&Line { number, ref bytes, checksum: expected }, file) = match (self.rows.get(index), &self.file)
        {
            (Some(Slot::Row(row)), _) => {
                to.copy_from(row);
                return Ok(());
            }
            (Some(Slot::Line(line)), Some(file)) => (line, file),
            // rows that stay in a file come with it, and every index is of a row
            _ => return Err(Error::input(name, Place::default(), format!("there is no row {index}"))),
        };
        DESK.with_borrow_mut(|(text, content)| {
            text.resize((bytes.end - bytes.start) as usize, 0);
            let read = file.read_exact_at(text, bytes.start);
            read.map_err(|source| Error::Io { file: name.to_string(), source })?;
            let LineOptions { null_is_masked, probs, .. } = self.options;
            let hints = Hints { file: name, null_is_masked, probs, line: number, step: None, layout: None };
            let text = text.strip_prefix(BOM).unwrap_or(text);
            // what was read when the table was opened is read again, unless somebody writes to the file
            let same = checksum(text) == expected
                && content.parse(text, hints).is_ok()
                && content.resolve(self.options.names.as_ref()).is_ok()
                && content.prefix.as_deref() == Some(prefix)
                && content.is_row()
                && fill(to, content, name, number).is_ok();
            let fits = match &to.ids {
                Some(ids) => ids.last().is_none_or(|last| (*last as usize) < self.vocab),
                None => to.logits.len() == self.vocab,
            };
            to.vocab = self.vocab;
            if same && fits { Ok(()) } else { Err(changed(name, number)) }
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
