//! `.kld`: what `llama-perplexity --kl-divergence-base` keeps of a model, the log-probabilities of a text in 16 bits each.
//!
//! ```text
//! _logits_  u32 n_ctx  i32 n_vocab  i32 n_chunk  i32 tokens[n_chunk · n_ctx]
//! then for each chunk n_ctx − 1 − n_ctx/2 rows of
//! f32 scale  f32 min  u16 codes[V]  (one u16 more where V is odd)
//! ```
//!
//! A log-probability is scale · code + min, in f32 as in llama.cpp. What is more than 16 nats below the largest one is stored as
//! 16 nats below: a floor, which [`Floor`] finds. A chunk is a sequence; the row of its step t is the distribution of its token t,
//! and the first one stored is that of token n_ctx/2 + 1.

mod floor;
mod head;

pub use floor::Floor;

use std::fs::File;
use std::io::{self, BufReader, Read};

use head::Header;

use super::array::expect_end;
use super::dtype::{Codec, Dtype, Fault};
use super::header::explain;
use super::in_place::{InPlace, Stored};
use super::layout::Grid;
use super::positioned::PositionedFile;
use super::stream::{Rows, Stream};
use super::{Carried, Format, LogitsSource, Row, RowRange, Wrapper};
use crate::{Error, Place, Result, TokenId, kernel};

/// Bytes of a row before its codes.
const ROW_HEAD: usize = 8;

/// How far rounding may bring a log-probability above 0.
const SLACK: f32 = 1e-3;

/// The codes of a row.
const CODES: Codec = Codec { dtype: Dtype::U16, big_endian: false };

/// The name of the format.
pub(crate) const NAME: &str = "kld";

/// Opens a `.kld` in a regular file of `len` bytes: as many as its header promises, or it is refused.
pub(super) fn open_file(
    name: String,
    mut from: BufReader<File>,
    len: u64,
    rows: Option<RowRange>,
) -> Result<InPlace<KldFile>> {
    let head = Header::read(&name, &mut from, Some(len))?;
    let mut grid = head.grid();
    grid.select(&name, rows)?;
    let file = PositionedFile::new(from.into_inner());
    Ok(InPlace(KldFile { name, file, head, grid }))
}

/// Opens a `.kld` that comes from a pipe: its tokens are held, its rows go by.
pub(super) fn open_pipe(
    name: String,
    mut from: Box<dyn Read + Send>,
    rows: Option<RowRange>,
) -> Result<KldPipe> {
    let head = Header::read(&name, &mut from, None)?;
    let mut grid = head.grid();
    grid.select(&name, rows)?;
    let stored = StoredRows { name: name.clone(), from, grid: grid.clone(), next: 0 };
    Ok(KldPipe { rows: Stream::new(name, stored, grid, format()), head })
}

/// How it is stored, for reports.
fn format() -> Format {
    let (dtype, byte_order) = (Some(Dtype::U16.name()), Some("little endian"));
    Format { name: NAME.into(), dtype, byte_order, ..Format::default() }
}

/// Bytes of a stored row.
fn row_bytes(vocab: usize) -> u64 {
    (ROW_HEAD + 2 * vocab.next_multiple_of(2)) as u64
}

/// Reads one row; `fill` gives its bytes in order. What is wrong with its numbers is said in words.
fn read_row(
    vocab: usize,
    row: &mut Row,
    mut fill: impl FnMut(&mut [u8]) -> io::Result<()>,
) -> std::result::Result<Option<String>, Fault> {
    let mut head = [0; ROW_HEAD];
    fill(&mut head).map_err(Fault::Io)?;
    let [a, b, c, d, e, f, g, h] = head;
    let (scale, min) = (f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h]));
    let out = row.overwrite_dense(vocab);
    CODES.read(vocab, out, fill)?;
    if !(scale >= 0.0 && min.is_finite() && (scale * f32::from(u16::MAX) + min).is_finite()) {
        return Ok(Some(format!("the row's scale {scale} and minimum {min} give no log-probabilities")));
    }
    for x in &mut *out {
        *x = scale * *x + min;
    }
    let best = kernel::max(out);
    if best > SLACK {
        return Ok(Some(format!("its best token has {best}, above 0: no log-probability")));
    }
    Ok(None)
}

/// The error of a row that could not be read.
fn fail(name: &str, place: Place, read: std::result::Result<Option<String>, Fault>) -> Result<()> {
    match read {
        Ok(None) => Ok(()),
        Ok(Some(what)) => Err(Error::input(name, place, what)),
        Err(fault) => Err(explain(name, fault, place, |token| place.token(token as TokenId))),
    }
}

/// A `.kld` in a file: rows are read where they lie, none is kept.
pub(crate) struct KldFile {
    name: String,
    file: PositionedFile,
    head: Header,
    grid: Grid,
}

impl Stored for KldFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn read(&self, index: usize, row: &mut Row) -> Result<()> {
        // the file's length was checked: no product here is beyond it
        let mut position = self.head.rows_start() + index as u64 * row_bytes(self.grid.vocab);
        let read = read_row(self.grid.vocab, row, |bytes| {
            self.file.read_exact_at(bytes, position)?;
            position += bytes.len() as u64;
            Ok(())
        });
        fail(&self.name, self.grid.place(index), read)
    }

    fn carried(&self) -> &[Carried] {
        &self.head.text
    }

    fn keep_rows(&mut self) {
        self.head.text = Vec::new();
    }

    fn format(&self) -> Format {
        format()
    }
}

/// A `.kld` from a pipe.
pub(crate) struct KldPipe {
    rows: Stream<StoredRows>,
    head: Header,
}

impl Wrapper for KldPipe {
    fn inner(&self) -> &dyn LogitsSource {
        &self.rows
    }

    fn inner_mut(&mut self) -> &mut dyn LogitsSource {
        &mut self.rows
    }

    fn carried_around(&self) -> &[Carried] {
        &self.head.text
    }
}

/// The rows of a pipe, one after the other.
struct StoredRows {
    name: String,
    from: Box<dyn Read + Send>,
    grid: Grid,
    next: usize,
}

impl StoredRows {
    /// Passes over bytes that hold nothing more.
    fn pass(&mut self, bytes: u64, place: Place) -> Result<()> {
        let passed = io::copy(&mut self.from.by_ref().take(bytes), &mut io::sink())
            .map_err(|source| Error::Io { file: self.name.clone(), source })?;
        if passed < bytes {
            return fail(&self.name, place, Err(Fault::Io(io::ErrorKind::UnexpectedEof.into())));
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<bool> {
        self.next += 1;
        if self.next == self.grid.rows() {
            expect_end(&self.name, &mut self.from)?;
        }
        Ok(true)
    }
}

impl Rows for StoredRows {
    fn next(&mut self, row: &mut Row) -> Result<bool> {
        if self.next == self.grid.rows() {
            return Ok(false);
        }
        let (place, vocab) = (self.grid.place(self.next), self.grid.vocab);
        let read = read_row(vocab, row, |bytes| self.from.read_exact(bytes));
        fail(&self.name, place, read)?;
        self.pass(row_bytes(vocab) - (ROW_HEAD + 2 * vocab) as u64, place)?;
        self.advance()
    }

    fn skip(&mut self) -> Result<bool> {
        if self.next == self.grid.rows() {
            return Ok(false);
        }
        self.pass(row_bytes(self.grid.vocab), self.grid.place(self.next))?;
        self.advance()
    }
}

#[cfg(test)]
mod tests;
