//! Binary arrays of logits, wherever they lie: rows of files where they are, rows of pipes as they come.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::dtype::{Codec, Fault};
use super::header::{Header, explain};
use super::in_place::{InPlace, Stored};
use super::layout::Grid;
use super::lent::LentArray;
use super::positioned::PositionedFile;
use super::stream::{Rows, Stream};
use super::{Format, Layout, Row, RowRange, Steps};
use crate::{Error, Place, Result, TokenId};

/// The largest array that is held in memory before its bytes are all there.
const LARGEST: u64 = 1 << 30;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

/// How an array is to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ArrayOptions {
    pub layout: Option<Layout>,
    pub rows: Option<RowRange>,
}

/// A C-order array in a file: rows are read where they lie, none is kept.
pub(crate) struct ArrayFile {
    name: String,
    file: PositionedFile,
    codec: Codec,
    data_start: u64,
    grid: Grid,
    format: Format,
}

/// What an array turned out to be.
pub(crate) enum Array {
    File(InPlace<ArrayFile>),
    Memory(Steps),
    Lent(InPlace<LentArray>),
    Pipe(Stream<ArrayPipe>),
}

/// Opens an array in a regular file, which holds `held` bytes of data: as many as the header promises, or it is refused.
pub(crate) fn open_file(
    name: String,
    mut file: File,
    header: Header,
    held: u64,
    options: ArrayOptions,
) -> Result<Array> {
    let bad = |what| Err(Error::input(name.clone(), Place::default(), what));
    let axes = &header.axes;
    match header.data_len() {
        Some(promised) if promised < held => {
            return bad(format!("{} bytes after the end of the array {axes:?}", held - promised));
        }
        Some(promised) if promised == held => {}
        promised => {
            let promised = promised.map_or("more than 2^64".into(), |n| n.to_string());
            return bad(format!(
                "truncated: the header promises {promised} bytes of data ({} {axes:?}), the file holds {held}",
                header.codec.dtype
            ));
        }
    }
    let mut grid = Grid::new(&name, axes, options.layout)?;
    grid.select(&name, options.rows)?;
    if header.fortran && axes.len() > 1 {
        file.seek(SeekFrom::Start(header.data_start))
            .map_err(|source| Error::Io { file: name.clone(), source })?;
        let mut from = BufReader::with_capacity(BUFFER, file);
        return load_fortran(name, &header, &grid, &mut from, options).map(Array::Memory);
    }
    let format = header.format(grid.layout);
    let file = PositionedFile::new(file);
    let Header { codec, data_start, .. } = header;
    Ok(Array::File(InPlace(ArrayFile { name, file, codec, data_start, grid, format })))
}

/// Opens an array that comes from a pipe, which stands at its first element: C order row by row, Fortran order whole.
pub(crate) fn open_pipe(
    name: String,
    mut from: Box<dyn Read + Send>,
    header: Header,
    options: ArrayOptions,
) -> Result<Array> {
    let mut grid = Grid::new(&name, &header.axes, options.layout)?;
    grid.select(&name, options.rows)?;
    if header.fortran && header.axes.len() > 1 {
        // Memory is taken as the data come, whatever the header promises.
        let promised = header.data_len().unwrap_or(u64::MAX);
        let mut data = Vec::new();
        let read = from.by_ref().take(promised.min(LARGEST + 1)).read_to_end(&mut data);
        read.map_err(|source| Error::Io { file: name.clone(), source })?;
        if data.len() as u64 > LARGEST {
            let what = "an array in Fortran order comes whole through a pipe, and this one has more than 1 GiB: save it to a \
                        file, or in C order (numpy.ascontiguousarray)";
            return Err(Error::input(name, Place::default(), what));
        }
        if (data.len() as u64) < promised {
            let what =
                format!("truncated: the header promises {promised} bytes of data, {} came", data.len());
            return Err(Error::input(name, Place::default(), what));
        }
        expect_end(&name, &mut from)?;
        return load_fortran(name, &header, &grid, &mut &data[..], options).map(Array::Memory);
    }
    let format = header.format(grid.layout);
    let pipe = ArrayPipe { name: name.clone(), from, codec: header.codec, grid: grid.clone(), next: 0 };
    Ok(Array::Pipe(Stream::new(name, pipe, grid, format)))
}

/// Reads an array in Fortran order and turns it into rows. The first axis runs fastest in the file, so neighbours in a row are
/// far apart there: it is read in bands of some tokens for all rows.
fn load_fortran(
    name: String,
    header: &Header,
    grid: &Grid,
    from: &mut dyn Read,
    options: ArrayOptions,
) -> Result<Steps> {
    const BAND: usize = 16;
    let (rows, v) = (grid.rows(), grid.vocab);
    // In the file the row with axes [i, j] is number i + j · (length of the first axis).
    let lead = header.axes[0];
    let second = rows / lead;
    // The caller has seen that the data are there.
    let (mut out, mut band) = (vec![0.0; rows * v], Vec::new());
    for token in (0..v).step_by(BAND) {
        let tokens = BAND.min(v - token);
        let result = header.codec.read(tokens * rows, &mut band, |bytes| from.read_exact(bytes));
        let place = |i: usize| {
            let (i, token) = (i % rows, token + i / rows);
            grid.place(i % lead * second + i / lead).token(token as TokenId)
        };
        result.map_err(|fault| explain(&name, fault, place(band.len()), place))?;
        for stored in 0..rows {
            let row = stored % lead * second + stored / lead;
            for (k, slot) in out[row * v + token..][..tokens].iter_mut().enumerate() {
                *slot = band[k * rows + stored];
            }
        }
    }
    Steps::new(name, &header.axes, options.layout, out)?
        .with_format(header.format(grid.layout))
        .select(options.rows)
}

/// Nothing may follow an array.
pub(super) fn expect_end(name: &str, from: &mut dyn Read) -> Result<()> {
    loop {
        match from.read(&mut [0]) {
            Ok(0) => return Ok(()),
            Ok(_) => return Err(Error::input(name, Place::default(), "bytes after the end of the array")),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Io { file: name.into(), source }),
        }
    }
}

impl Stored for ArrayFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn read(&self, index: usize, row: &mut Row) -> Result<()> {
        let v = self.grid.vocab;
        // The file's length was checked: no product here is beyond it.
        let mut position = self.data_start + (index * v * self.codec.dtype.size()) as u64;
        let out = row.overwrite_dense(v);
        out.reserve(v.saturating_sub(out.len()));
        let result = self.codec.read(v, out, |bytes| {
            self.file.read_exact_at(bytes, position)?;
            position += bytes.len() as u64;
            Ok(())
        });
        let place = self.grid.place(index);
        result.map_err(|fault| explain(&self.name, fault, place, |token| place.token(token as TokenId)))
    }

    fn format(&self) -> Format {
        self.format.clone()
    }
}

/// A C-order array from a pipe, row by row.
pub(crate) struct ArrayPipe {
    name: String,
    from: Box<dyn Read + Send>,
    codec: Codec,
    grid: Grid,
    next: usize,
}

impl ArrayPipe {
    fn advance(&mut self) -> Result<()> {
        self.next += 1;
        if self.next == self.grid.rows() { expect_end(&self.name, &mut self.from) } else { Ok(()) }
    }
}

impl Rows for ArrayPipe {
    fn next(&mut self, row: &mut Row) -> Result<bool> {
        if self.next == self.grid.rows() {
            return Ok(false);
        }
        let place = self.grid.place(self.next);
        let result = self
            .codec
            .read(self.grid.vocab, row.overwrite_dense(self.grid.vocab), |b| self.from.read_exact(b));
        let token = |i| place.token(i as TokenId);
        result.map_err(|fault| explain(&self.name, fault, place, token))?;
        self.advance()?;
        Ok(true)
    }

    fn skip(&mut self) -> Result<bool> {
        if self.next == self.grid.rows() {
            return Ok(false);
        }
        let bytes = (self.grid.vocab * self.codec.dtype.size()) as u64;
        let passed = io::copy(&mut self.from.by_ref().take(bytes), &mut io::sink())
            .map_err(|source| Error::Io { file: self.name.clone(), source })?;
        if passed < bytes {
            let fault = Fault::Io(io::ErrorKind::UnexpectedEof.into());
            let place = self.grid.place(self.next);
            return Err(explain(&self.name, fault, place, |_| place));
        }
        self.advance()?;
        Ok(true)
    }
}

/// Rows of raw numbers, until they end.
pub(crate) struct RawPipe {
    pub name: String,
    pub from: BufReader<Box<dyn Read + Send>>,
    pub codec: Codec,
    pub vocab: usize,
    pub next: usize,
}

impl Rows for RawPipe {
    fn next(&mut self, row: &mut Row) -> Result<bool> {
        let io = |source| Error::Io { file: self.name.clone(), source };
        if self.from.fill_buf().map_err(io)?.is_empty() {
            return Ok(false);
        }
        let place = Place::row(0, self.next);
        let result =
            self.codec.read(self.vocab, row.overwrite_dense(self.vocab), |b| self.from.read_exact(b));
        result.map_err(|fault| match fault {
            Fault::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                let what = format!(
                    "the data end within a row of {} numbers: is `Open::vocab_size` right?",
                    self.vocab
                );
                Error::input(&self.name, place, what)
            }
            fault => explain(&self.name, fault, place, |i| place.token(i as TokenId)),
        })?;
        self.next += 1;
        Ok(true)
    }

    fn skip(&mut self) -> Result<bool> {
        self.next(&mut Row::default())
    }
}
