//! Logits in NPY files and pipes.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

pub(crate) mod header;
mod literal;

use super::dtype::{Codec, DtypeHint, Fault};
use super::layout::Grid;
use super::stream::{Rows, Stream};
use super::{Access, Format, Layout, LogitsSource, Query, ReadAt, Row, RowRange, Shape, Steps, read_rows};
use crate::{Error, Place, Result, TokenId};
use header::Header;

/// How an NPY input is to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NpyOptions {
    pub layout: Option<Layout>,
    pub rows: Option<RowRange>,
    pub hint: Option<DtypeHint>,
}

/// A C-order array in a file: rows are read where they lie, none is kept.
pub(crate) struct NpyFile {
    name: String,
    file: PositionedFile,
    codec: Codec,
    data_start: u64,
    grid: Grid,
    format: Format,
}

/// What an NPY input turned out to be.
pub(crate) enum Npy {
    File(NpyFile),
    Memory(Steps),
    Pipe(Stream<NpyPipe>),
}

/// Opens a regular file: its length is checked against its header first.
pub(crate) fn open_file(name: String, mut file: BufReader<File>, options: NpyOptions) -> Result<Npy> {
    let header = Header::read(&name, &mut file, options.hint)?;
    let io = |source| Error::Io { file: name.clone(), source };
    let len = file.get_ref().metadata().map_err(io)?.len();
    let held = len.saturating_sub(header.data_start);
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
        return load_fortran(name, &header, &grid, &mut file, options).map(Npy::Memory);
    }
    let format = header.format(grid.layout);
    let file = PositionedFile::new(file.into_inner());
    Ok(Npy::File(NpyFile { name, file, codec: header.codec, data_start: header.data_start, grid, format }))
}

/// Opens a pipe: C order row by row, Fortran order whole.
pub(crate) fn open_pipe(name: String, mut from: Box<dyn Read + Send>, options: NpyOptions) -> Result<Npy> {
    let header = Header::read(&name, &mut from, options.hint)?;
    let mut grid = Grid::new(&name, &header.axes, options.layout)?;
    grid.select(&name, options.rows)?;
    if header.fortran && header.axes.len() > 1 {
        // Memory is taken as the data come, whatever the header promises.
        let promised = header.data_len().unwrap_or(u64::MAX);
        let mut data = Vec::new();
        let read = from.by_ref().take(promised).read_to_end(&mut data);
        read.map_err(|source| Error::Io { file: name.clone(), source })?;
        if (data.len() as u64) < promised {
            let what =
                format!("truncated: the header promises {promised} bytes of data, {} came", data.len());
            return Err(Error::input(name, Place::default(), what));
        }
        expect_end(&name, &mut from)?;
        return load_fortran(name, &header, &grid, &mut &data[..], options).map(Npy::Memory);
    }
    let format = header.format(grid.layout);
    let pipe = NpyPipe { name: name.clone(), from, codec: header.codec, grid: grid.clone(), next: 0 };
    Ok(Npy::Pipe(Stream::new(name, pipe, grid, format)))
}

/// Reads an array in Fortran order and turns it into rows. The first axis runs fastest in the file, so neighbours in a row are
/// far apart there: it is read in bands of some tokens for all rows.
fn load_fortran(
    name: String,
    header: &Header,
    grid: &Grid,
    from: &mut dyn Read,
    options: NpyOptions,
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

/// The error for a run of elements that could not be read; `end` is where the data stopped.
fn explain(name: &str, fault: Fault, end: Place, place: impl Fn(usize) -> Place) -> Error {
    match fault {
        Fault::Overflow(i) => {
            Error::input(name, place(i), "a number too large for f32; scale the logits down")
        }
        Fault::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Error::input(name, end, "truncated: the data end here, the header promises more")
        }
        Fault::Io(source) => Error::Io { file: name.into(), source },
    }
}

/// Nothing may follow an array.
fn expect_end(name: &str, from: &mut dyn Read) -> Result<()> {
    loop {
        match from.read(&mut [0]) {
            Ok(0) => return Ok(()),
            Ok(_) => return Err(Error::input(name, Place::default(), "bytes after the end of the array")),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Io { file: name.into(), source }),
        }
    }
}

impl ReadAt for NpyFile {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        let Some(index) = self.grid.find(&self.name, at)? else {
            row.end();
            return Ok(());
        };
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
        let place = |token| self.grid.place(index).token(token as TokenId);
        result.map_err(|fault| explain(&self.name, fault, self.grid.place(index), place))
    }
}

impl LogitsSource for NpyFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        self.grid.shape(Access::Random)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        read_rows(self, at, out, false)
    }

    fn shared(&self) -> Option<&dyn ReadAt> {
        Some(self)
    }

    fn into_shared(self: Box<Self>) -> Option<Arc<dyn ReadAt>> {
        Some(Arc::new(*self))
    }

    fn format(&self) -> Format {
        self.format.clone()
    }
}

/// A C-order array from a pipe, row by row.
pub(crate) struct NpyPipe {
    name: String,
    from: Box<dyn Read + Send>,
    codec: Codec,
    grid: Grid,
    next: usize,
}

impl NpyPipe {
    fn advance(&mut self) -> Result<()> {
        self.next += 1;
        if self.next == self.grid.rows() { expect_end(&self.name, &mut self.from) } else { Ok(()) }
    }
}

impl Rows for NpyPipe {
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

/// A file that is read at given positions through a shared reference.
#[cfg(unix)]
struct PositionedFile(File);

#[cfg(unix)]
impl PositionedFile {
    fn new(file: File) -> Self {
        PositionedFile(file)
    }

    fn read_exact_at(&self, bytes: &mut [u8], position: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, bytes, position)
    }
}

/// A file that is read at given positions through a shared reference: seek and read under a lock.
#[cfg(not(unix))]
struct PositionedFile(std::sync::Mutex<File>);

#[cfg(not(unix))]
impl PositionedFile {
    fn new(file: File) -> Self {
        PositionedFile(std::sync::Mutex::new(file))
    }

    fn read_exact_at(&self, bytes: &mut [u8], position: u64) -> io::Result<()> {
        use std::io::{Seek, SeekFrom};
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(bytes)
    }
}
