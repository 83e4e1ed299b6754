//! Files and pipes by what they are: arrays in NPY, `.npz`, safetensors and bare, compressed streams, JSON.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::{LARGEST, Meaning, Open, Source, file_and_array};
use crate::source::array::{self, Array, ArrayOptions, RawPipe};
use crate::source::container::kind::{self, FileKind};
use crate::source::container::safetensors::Found;
use crate::source::container::{compressed, npz, safetensors};
use crate::source::header::Header;
use crate::source::layout::Grid;
use crate::source::lent::{self, LentArray};
use crate::source::npy::header;
use crate::source::padding::Padded;
use crate::source::probs::Probabilities;
use crate::source::stream::Stream;
use crate::source::text::lines::Lines;
use crate::source::{Bigram, Format, Layout, Loan, RawDtype, Steps};
use crate::{Error, Place, Result};

/// How often something compressed may be compressed again.
const MOST_LAYERS: usize = 2;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

impl Open {
    /// Opens the input.
    ///
    /// # Errors
    /// A file that can't be read, content that is no logits, a setting that doesn't fit the content.
    pub fn open(self) -> Result<Source> {
        let vocab_size = self.vocab_size;
        Ok(padded(self.find()?, vocab_size))
    }

    fn find(mut self) -> Result<Source> {
        if let Some(loan) = lent::find(&self.path) {
            return self.lent(loan);
        }
        if self.path == Path::new("-") {
            widen(&io::stdin());
            return self.packed(Box::new(io::stdin()), 0);
        }
        let (path, array) = file_and_array(&self.path);
        (self.path, self.array) = (path, self.array.or(array));
        let name = self.name();
        let io = |source| Error::Io { file: name.clone(), source };
        let file = File::open(&self.path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            widen(&file);
            return self.packed(Box::new(file), 0);
        }
        let len = metadata.len();
        let mut file = BufReader::with_capacity(BUFFER, file);
        let kind = kind::of(file.fill_buf().map_err(io)?);
        if let Some(raw) = self.raw.filter(|_| !matches!(kind, FileKind::Gzip | FileKind::Zstd)) {
            let header = self.raw_header(raw, len)?;
            return self.in_file(name, file.into_inner(), header, len);
        }
        if file.buffer().is_empty() {
            return Err(empty(name));
        }
        match kind {
            FileKind::Npy => {
                self.no_array("an NPY file")?;
                let header = header::read(&name, &mut file, self.dtype)?;
                let held = len.saturating_sub(header.data_start);
                self.in_file(name, file.into_inner(), header, held)
            }
            FileKind::Safetensors => {
                self.no_dtype("safetensors")?;
                let found = safetensors::find(&name, &mut file, self.array.as_deref())?;
                if found.len != len {
                    let what = match len.checked_sub(found.len) {
                        Some(more) => format!("{more} bytes after the last tensor"),
                        None => format!(
                            "truncated: the header promises {} bytes, the file holds {len}",
                            found.len
                        ),
                    };
                    return Err(Error::input(name, Place::default(), what));
                }
                let held = found.header.data_len().unwrap_or(0);
                self.in_file(name, file.into_inner(), found.header, held)
            }
            FileKind::Zip => {
                let file = file.into_inner();
                let again = || file.try_clone().map_err(io);
                let found = npz::find(&name, rawzip::FileReader::from(again()?), len, self.array.as_deref())?;
                let name = format!("{name}#{}", found.name);
                let mut from = npz::read_file(again()?, &found);
                let mut header = header::read(&name, &mut from, self.dtype)?;
                if !found.is_stored {
                    header.container = "NPZ, NPY".into();
                    return self.in_pipe(name, from, header);
                }
                npz::test(&name, again()?, &found)?;
                let held = (found.end - found.start).saturating_sub(header.data_start);
                header.container = "NPZ, NPY".into();
                header.data_start += found.start;
                self.in_file(name, file, header, held)
            }
            FileKind::Kld => self.kld_file(name, file, len),
            FileKind::Json => self.json(Lines::of_file(name, file)),
            FileKind::Gzip => self.packed(compressed::gzip(file), 1),
            FileKind::Zstd => self.packed(compressed::zstd(file), 1),
            FileKind::Refused(what) => Err(Error::input(name, Place::default(), what)),
        }
    }

    /// Reads the input from a reader, forward only: a pipe, a socket, bytes in memory. `path` is its name in messages.
    ///
    /// # Errors
    /// As [`Open::open`].
    pub fn read(self, from: impl Read + Send + 'static) -> Result<Source> {
        let vocab_size = self.vocab_size;
        Ok(padded(self.packed(Box::new(from), 0)?, vocab_size))
    }

    /// Reads the input from a reader; `depth` says in how many layers of compression it was.
    fn packed(self, from: Box<dyn Read + Send>, depth: usize) -> Result<Source> {
        let name = self.name();
        let io = |source| Error::Io { file: name.clone(), source };
        let mut from = begin(from).map_err(io)?;
        let start = from.fill_buf().map_err(io)?;
        if start.is_empty() {
            return Err(empty(name));
        }
        let kind = kind::of(start);
        if depth > MOST_LAYERS && matches!(kind, FileKind::Gzip | FileKind::Zstd) {
            return Err(Error::input(
                name,
                Place::default(),
                "compressed within compressed, again and again",
            ));
        }
        match (kind, self.raw) {
            (FileKind::Gzip, _) => self.packed(compressed::gzip(from), depth + 1),
            (FileKind::Zstd, _) => self.packed(compressed::zstd(from), depth + 1),
            (_, Some(raw)) => self.raw_pipe(raw, from),
            (FileKind::Npy, None) => {
                self.no_array("an NPY file")?;
                let header = header::read(&name, &mut from, self.dtype)?;
                self.in_pipe(name, Box::new(from), header)
            }
            (FileKind::Safetensors, None) => {
                self.no_dtype("safetensors")?;
                let Found { header, skip, .. } = safetensors::find(&name, &mut from, self.array.as_deref())?;
                // tensors may come before this one
                io::copy(&mut from.by_ref().take(skip), &mut io::sink()).map_err(io)?;
                let data = from.take(header.data_len().unwrap_or(0));
                self.in_pipe(name, Box::new(data), header)
            }
            (FileKind::Zip, None) => {
                let mut archive = Vec::new();
                from.take(LARGEST + 1).read_to_end(&mut archive).map_err(io)?;
                if archive.len() as u64 > LARGEST {
                    let what = "an archive through a pipe is held in memory, and this one has more than 1 GiB: save it to a file";
                    return Err(Error::input(name, Place::default(), what));
                }
                let found = npz::find(&name, &archive[..], archive.len() as u64, self.array.as_deref())?;
                let name = format!("{name}#{}", found.name);
                let mut from = npz::read_bytes(archive, &found);
                let mut header = header::read(&name, &mut from, self.dtype)?;
                header.container = "NPZ, NPY".into();
                self.in_pipe(name, from, header)
            }
            (FileKind::Kld, None) => self.kld_pipe(name, Box::new(from)),
            (FileKind::Json, None) => self.json(Lines::new(name, Box::new(from))),
            (FileKind::Refused(what), None) => Err(Error::input(name, Place::default(), what)),
        }
    }

    /// What another program lends under this name.
    fn lent(self, loan: Loan) -> Result<Source> {
        let name = self.name();
        self.no_array("lent, not read from a file")?;
        if let Some(raw) = self.raw {
            let value = format!("{raw:?}").to_lowercase();
            return Err(Error::setting(
                "raw",
                value,
                format!("{name} is an array that says its type itself"),
            ));
        }
        match loan {
            Loan::Array(elements) => {
                let found = LentArray::open(name, elements, self.dtype, self.layout, self.rows)?;
                self.array(Array::Lent(found))
            }
            Loan::Source(source) => {
                self.no_dtype("a function")?;
                self.no_steps("a function")?;
                let source = lent::take(&name, &source)?;
                let source = if self.probs { Box::new(Probabilities(source)) } else { source };
                self.checked(source)
            }
        }
    }

    fn in_file(self, name: String, file: File, header: Header, held: u64) -> Result<Source> {
        self.no_portion(&name)?;
        let options = self.options();
        self.array(array::open_file(name, file, header, held, options)?)
    }

    fn in_pipe(self, name: String, from: Box<dyn Read + Send>, header: Header) -> Result<Source> {
        self.no_portion(&name)?;
        let options = self.options();
        self.array(array::open_pipe(name, from, header, options)?)
    }

    fn options(&self) -> ArrayOptions {
        ArrayOptions { layout: self.layout, rows: self.rows }
    }

    /// V of raw numbers, which nothing but the caller can know.
    fn raw_vocab(&self, raw: RawDtype) -> Result<usize> {
        self.no_array("a file of raw numbers")?;
        self.no_dtype("raw numbers")?;
        match self.vocab_size {
            Some(v) if v > 0 && v as u64 <= 1 << 32 => Ok(v),
            Some(v) => Err(Error::setting("vocab_size", v, "must be from 1 to 2^32")),
            None => {
                let value = format!("{raw:?}").to_lowercase();
                Err(Error::setting(
                    "raw",
                    value,
                    "needs `Open::vocab_size`: nothing else tells where a row ends",
                ))
            }
        }
    }

    fn raw_header(&self, raw: RawDtype, len: u64) -> Result<Header> {
        let vocab = self.raw_vocab(raw)?;
        let codec = raw.codec();
        let row = (vocab * codec.dtype.size()) as u64;
        if len == 0 || !len.is_multiple_of(row) {
            let what = format!(
                "{len} bytes are no whole number of rows of {row} bytes: is `Open::vocab_size` right?"
            );
            return Err(Error::input(self.name(), Place::default(), what));
        }
        let axes = vec![(len / row) as usize, vocab];
        Ok(Header { container: "raw".into(), version: None, codec, fortran: false, axes, data_start: 0 })
    }

    /// Raw numbers through a pipe: as many steps as come.
    fn raw_pipe(self, raw: RawDtype, from: BufReader<Box<dyn Read + Send>>) -> Result<Source> {
        let (name, vocab) = (self.name(), self.raw_vocab(raw)?);
        if let Some(layout) = self.layout.filter(|layout| *layout != Layout::Tv) {
            let what = format!("{name} is a stream of raw numbers, one row after the other: tv");
            return Err(Error::setting("layout", layout, what));
        }
        let codec = raw.codec();
        let mut grid = Grid { vocab, ..Grid::endless() };
        grid.select(&name, self.rows)?;
        let format = Format { name: "raw".into(), dtype: Some(codec.dtype.name()), ..Format::default() };
        let rows = RawPipe { name: name.clone(), from, codec, vocab, next: 0 };
        let stream = Stream::new(name, rows, grid, format);
        if self.kind == Meaning::Bigram {
            return Err(Error::setting(
                "source",
                "bigram",
                "is for a whole matrix: save the raw numbers to a file",
            ));
        }
        let source: Source = Box::new(stream);
        Ok(if self.probs { Box::new(Probabilities(source)) } else { source })
    }

    /// A binary array as a source.
    fn array(self, array: Array) -> Result<Source> {
        let probs = self.probs;
        let source = self.stored(array)?;
        Ok(if probs { Box::new(Probabilities(source)) } else { source })
    }

    fn stored(self, array: Array) -> Result<Source> {
        match (array, self.kind) {
            (Array::File(source), Meaning::Auto) => self.checked(Box::new(source)),
            (Array::Memory(source), Meaning::Auto) => self.checked(Box::new(source)),
            (Array::Lent(source), Meaning::Auto) => self.checked(Box::new(source)),
            (Array::Pipe(source), Meaning::Auto) => self.checked(Box::new(source)),
            (Array::File(matrix), Meaning::Bigram) => {
                self.no_steps("a bigram matrix")?;
                self.checked(Box::new(Bigram::new(matrix)?))
            }
            (Array::Memory(matrix), Meaning::Bigram) => self.bigram(matrix),
            (Array::Lent(matrix), Meaning::Bigram) => {
                self.no_steps("a bigram matrix")?;
                self.checked(Box::new(Bigram::new(matrix)?))
            }
            (Array::Pipe(mut matrix), Meaning::Bigram) => {
                self.no_steps("a bigram matrix")?;
                let matrix = Steps::collect(&mut matrix)?;
                self.bigram(matrix)
            }
        }
    }
}

/// The source, with the ids beyond its vocabulary masked where it may have some.
fn padded(source: Source, vocab_size: Option<usize>) -> Source {
    match vocab_size {
        Some(vocab) if source.shape().vocab != Some(vocab) => Box::new(Padded { source, vocab }),
        _ => source,
    }
}

/// Lets a pipe hold more than it does by default, 64 KiB: its writer goes on while a row is decoded, and is not woken for each
/// piece of one. Nothing changes where that is not allowed, or there is no pipe.
#[cfg(target_os = "linux")]
fn widen(pipe: &impl std::os::fd::AsFd) {
    use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
    /// What users are allowed by default.
    const WIDE: usize = 1 << 20;
    if fcntl_getpipe_size(pipe).is_ok_and(|size| size < WIDE) {
        let _ = fcntl_setpipe_size(pipe, WIDE);
    }
}

/// Pipes stay as they are.
#[cfg(not(target_os = "linux"))]
fn widen<T>(_: &T) {}

/// The error for an input without a byte.
fn empty(name: String) -> Error {
    Error::input(name, Place::default(), "empty; logits are NPY, JSON or JSON Lines")
}

/// Reads as many first bytes as tell what an input is: of a pipe they may come one by one.
fn begin(mut from: Box<dyn Read + Send>) -> io::Result<BufReader<Box<dyn Read + Send>>> {
    let mut start = vec![0; BUFFER];
    let mut len = 0;
    loop {
        match from.read(&mut start[len..]) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        if !kind::needs_more(&start[..len]) {
            break;
        }
    }
    start.truncate(len);
    let whole: Box<dyn Read + Send> = Box::new(io::Cursor::new(start).chain(from));
    Ok(BufReader::with_capacity(BUFFER, whole))
}
