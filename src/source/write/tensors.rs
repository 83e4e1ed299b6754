//! Writers of archives and named tensors, a row at a time.

use std::io::{self, Write};

use bytemuck::cast_slice;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::{NpyWriter, Rows};

/// Writes rows as an `.npz` archive with one array, `logits`, stored (numpy.savez); `fill` writes the rows.
///
/// ```
/// use tokpick::source::{LogitsSource, Open, write::write_npz};
/// let bytes = write_npz(Vec::new(), &[2, 3], |npy| {
///     npy.row(&[0.0, 1.0, 2.0])?;
///     npy.row(&[3.0, 4.0, 5.0])
/// })?;
/// let source = Open::new("-").read(std::io::Cursor::new(bytes))?;
/// assert_eq!(source.format().to_string(), "NPZ, NPY 1.0, float32, little endian, C order, axes [2, 3], layout tv");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Axes that are no logits, rows that are missing or too many; those of `fill`; a failed write.
pub fn write_npz<W: Write>(
    to: W,
    axes: &[usize],
    fill: impl FnOnce(&mut NpyWriter<&mut dyn Write>) -> io::Result<()>,
) -> io::Result<W> {
    let mut archive = ZipArchiveWriter::new(to);
    let file = archive.new_file("logits.npy").compression_method(CompressionMethod::STORE);
    let (mut entry, config) = file.start().map_err(io::Error::other)?;
    let mut data = config.wrap(&mut entry);
    let mut npy = NpyWriter::new(&mut data as &mut dyn Write, axes)?;
    fill(&mut npy)?;
    npy.finish()?;
    let (_, descriptor) = data.finish().map_err(io::Error::other)?;
    entry.finish(descriptor).map_err(io::Error::other)?;
    let mut to = archive.finish().map_err(io::Error::other)?;
    to.flush()?;
    Ok(to)
}

/// Writes rows as a safetensors file with one f32 tensor, `logits`.
///
/// ```
/// use tokpick::source::{LogitsSource, Open, write::SafetensorsWriter};
/// let mut tensor = SafetensorsWriter::new(Vec::new(), &[1, 2])?;
/// tensor.row(&[0.5, 2.0])?;
/// let source = Open::new("-").read(std::io::Cursor::new(tensor.finish()?))?;
/// assert_eq!(source.format().name, "safetensors, tensor logits");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SafetensorsWriter<W> {
    to: W,
    rows: Rows,
}

impl<W: Write> SafetensorsWriter<W> {
    /// Writes the header for a tensor with these axes; the last one is V.
    ///
    /// # Errors
    /// Axes that are no logits; a failed write.
    pub fn new(mut to: W, axes: &[usize]) -> io::Result<Self> {
        let rows = Rows::new(axes)?;
        let bytes = axes.iter().try_fold(4usize, |n, axis| n.checked_mul(*axis));
        let bytes = bytes.ok_or_else(|| super::invalid(format!("the axes {axes:?} are too large")))?;
        let header =
            format!("{{\"logits\":{{\"dtype\":\"F32\",\"shape\":{axes:?},\"data_offsets\":[0,{bytes}]}}}}");
        // blanks at its end align the data
        let len = header.len().next_multiple_of(8);
        to.write_all(&(len as u64).to_le_bytes())?;
        write!(to, "{header:<len$}")?;
        Ok(SafetensorsWriter { to, rows })
    }

    /// Writes the next row.
    ///
    /// # Errors
    /// A row of another length than V, a row too many, a failed write.
    pub fn row(&mut self, logits: &[f32]) -> io::Result<()> {
        self.rows.check(logits)?;
        write_f32(&mut self.to, logits)
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

/// Numbers as little-endian bytes.
pub(super) fn write_f32(to: &mut impl Write, logits: &[f32]) -> io::Result<()> {
    if cfg!(target_endian = "little") {
        to.write_all(cast_slice(logits))
    } else {
        logits.iter().try_for_each(|x| to.write_all(&x.to_le_bytes()))
    }
}
