//! Writers of logits: NPY, `.npz`, safetensors, JSON and JSON Lines, a row at a time.

mod tensors;

pub use tensors::{SafetensorsWriter, write_npz};

use std::io::{self, Write};

use super::Row;

/// Writes rows as an NPY file: version 1.0, `<f4`, C order.
///
/// ```
/// use tokpick::source::{LogitsSource, Open, write::NpyWriter};
/// let mut bytes = Vec::new();
/// let mut npy = NpyWriter::new(&mut bytes, &[2, 3])?;
/// npy.row(&[0.0, 1.0, 2.0])?;
/// npy.row(&[3.0, 4.0, 5.0])?;
/// npy.finish()?;
/// let source = Open::new("-").read(std::io::Cursor::new(bytes))?;
/// assert_eq!(source.format().to_string(), "NPY 1.0, float32, little endian, C order, axes [2, 3], layout tv");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpyWriter<W> {
    to: W,
    rows: Rows,
}

impl<W: Write> NpyWriter<W> {
    /// Writes the header for an array with these axes; the last one is V.
    ///
    /// # Errors
    /// Axes that are no logits; a failed write.
    pub fn new(mut to: W, axes: &[usize]) -> io::Result<Self> {
        let rows = Rows::new(axes)?;
        to.write_all(&npy_header("<f4", axes))?;
        Ok(NpyWriter { to, rows })
    }

    /// Writes the next row.
    ///
    /// # Errors
    /// A row of another length than V, a row too many, a failed write.
    pub fn row(&mut self, logits: &[f32]) -> io::Result<()> {
        self.rows.check(logits)?;
        tensors::write_f32(&mut self.to, logits)
    }

    /// Ends the file and gives the writer back.
    ///
    /// # Errors
    /// Rows are missing; a failed write.
    pub fn finish(mut self) -> io::Result<W> {
        self.rows.end()?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// The header of an NPY file as NumPy writes it: version 1.0, C order.
pub(super) fn npy_header(descr: &str, axes: &[usize]) -> Vec<u8> {
    let shape: String = axes.iter().map(|n| format!("{n}, ")).collect();
    // NumPy writes (5,) and (5, 6).
    let shape = if axes.len() == 1 { shape.trim_end() } else { shape.trim_end_matches(", ") };
    let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Magic, version, length, dictionary and newline fill a multiple of 64 bytes, so that the data are aligned.
    let len = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((len as u16).to_le_bytes());
    header.extend(format!("{dict:<width$}\n", width = len - 1).bytes());
    header
}

/// Writes rows as a JSON array, nested as deep as there are axes, a row on a line.
///
/// Numbers are the shortest decimals that give the f32 back; what is not finite is written as Python writes it (`-Infinity`).
///
/// ```
/// use tokpick::source::write::JsonWriter;
/// let mut json = JsonWriter::new(Vec::new(), &[2, 1, 2])?;
/// json.row(&[0.1, f32::NEG_INFINITY])?;
/// json.row(&[2.0, -1e-9])?;
/// assert_eq!(json.finish()?, b"[[[0.1,-Infinity]],\n[[2.0,-1e-9]]]\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonWriter<W> {
    to: W,
    axes: Vec<usize>,
    rows: Rows,
}

impl<W: Write> JsonWriter<W> {
    /// Begins an array with these axes; the last one is V.
    ///
    /// # Errors
    /// Axes that are no logits.
    pub fn new(to: W, axes: &[usize]) -> io::Result<Self> {
        Ok(JsonWriter { to, axes: axes.to_vec(), rows: Rows::new(axes)? })
    }

    /// Writes the next row.
    ///
    /// # Errors
    /// A row of another length than V, a row too many, a failed write.
    pub fn row(&mut self, logits: &[f32]) -> io::Result<()> {
        let number = self.rows.done;
        self.rows.check(logits)?;
        self.to.write_all(if number == 0 { b"" } else { b",\n" })?;
        self.bracket(number, b"[")?;
        write_numbers(&mut self.to, logits.iter().copied())?;
        self.bracket(number + 1, b"]")
    }

    /// The brackets of the axes that begin (or end) at a row.
    fn bracket(&mut self, row: usize, bracket: &[u8]) -> io::Result<()> {
        let mut rows = 1;
        for axis in self.axes.iter().rev().skip(1) {
            rows *= axis;
            if row.is_multiple_of(rows) {
                self.to.write_all(bracket)?;
            }
        }
        Ok(())
    }

    /// Ends the document and gives the writer back.
    ///
    /// # Errors
    /// Rows are missing; a failed write.
    pub fn finish(mut self) -> io::Result<W> {
        self.rows.end()?;
        self.to.write_all(b"\n")?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Writes a row as a line of JSON: `{"logits": […]}`, for a sparse one `{"ids": […], "logits": […]}`, with `logprobs`
/// where its numbers are such and leave tokens out; of a token that stands in it only because it was taken, `taken` and its `rank`.
/// Before all, the caller's own name of the sequence, if there is one.
///
/// ```
/// use tokpick::source::{Row, write::write_line};
/// let mut lines = Vec::new();
/// write_line(&mut lines, &Row::dense(vec![0.5, f32::NEG_INFINITY]), Some(&"q7".into()))?;
/// assert_eq!(lines, b"{\"id\":\"q7\",\"logits\":[0.5,-Infinity]}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// A failed write.
pub fn write_line(to: &mut impl Write, row: &Row, id: Option<&serde_json::Value>) -> io::Result<()> {
    to.write_all(b"{")?;
    if let Some(id) = id {
        write!(to, "\"id\":{id},")?;
    }
    if let Some(ids) = &row.ids {
        to.write_all(b"\"ids\":[")?;
        for (at, id) in ids.iter().enumerate() {
            write!(to, "{}{id}", if at > 0 { "," } else { "" })?;
        }
        to.write_all(b"],")?;
    }
    let is_list = row.ids.is_some() && row.rest.is_some();
    to.write_all(if is_list { b"\"logprobs\":" } else { b"\"logits\":" })?;
    write_numbers(to, row.logits.iter().copied())?;
    if let Some(taken) = row.rest.and_then(|rest| rest.outside).filter(|_| is_list) {
        write!(to, ",\"taken\":{}", taken.id)?;
        if let Some(rank) = taken.rank {
            write!(to, ",\"rank\":{rank}")?;
        }
    }
    to.write_all(b"}\n")
}

/// A row as a JSON array.
pub(super) fn write_numbers(to: &mut impl Write, logits: impl Iterator<Item = f32>) -> io::Result<()> {
    to.write_all(b"[")?;
    for (i, logit) in logits.enumerate() {
        if i > 0 {
            to.write_all(b",")?;
        }
        write_number(to, logit)?;
    }
    to.write_all(b"]")
}

/// The shortest decimal that gives `x` back to a reader that takes numbers for f64 first (Python, JavaScript, this crate).
fn write_number(to: &mut impl Write, x: f32) -> io::Result<()> {
    if x.is_nan() {
        return to.write_all(b"NaN");
    }
    if x.is_infinite() {
        return to.write_all(if x > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    // Below 1e-4 the shortest decimal of an f32 may lie so near the middle between two f32 that its f64 is the middle:
    // 7.038531e-26 is the known case.
    if x != 0.0 && x.abs() < 1e-4 {
        let shortest = serde_json::to_string(&x)?;
        if shortest.parse::<f64>().is_ok_and(|wide| wide as f32 != x) {
            return Ok(serde_json::to_writer(to, &f64::from(x))?);
        }
        return to.write_all(shortest.as_bytes());
    }
    Ok(serde_json::to_writer(to, &x)?)
}

/// Counts the rows of a writer.
#[derive(Debug)]
struct Rows {
    vocab: usize,
    count: usize,
    done: usize,
}

impl Rows {
    fn new(axes: &[usize]) -> io::Result<Rows> {
        let count = axes.iter().rev().skip(1).try_fold(1usize, |n, axis| n.checked_mul(*axis));
        match (axes.last(), count) {
            (Some(&vocab), Some(count)) if axes.len() <= 3 && vocab > 0 && count > 0 => {
                Ok(Rows { vocab, count, done: 0 })
            }
            _ => Err(invalid(format!("the axes {axes:?} are no logits: 1 to 3 axes, none of them 0"))),
        }
    }

    fn check(&mut self, logits: &[f32]) -> io::Result<()> {
        if logits.len() != self.vocab {
            return Err(invalid(format!("a row of {} logits, V is {}", logits.len(), self.vocab)));
        }
        if self.done == self.count {
            return Err(invalid(format!("more than the {} rows that were promised", self.count)));
        }
        self.done += 1;
        Ok(())
    }

    fn end(&self) -> io::Result<()> {
        match self.count - self.done {
            0 => Ok(()),
            missing => Err(invalid(format!("{missing} of the {} rows are missing", self.count))),
        }
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
