//! `.npz`: a ZIP archive of NPY files, stored or deflated (numpy.savez, numpy.savez_compressed).

use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipLocator};

use super::kind;
use crate::source::positioned::PositionedFile;
use crate::{Error, Place, Result};

/// An array in an archive.
#[derive(Debug)]
pub(in crate::source) struct Entry {
    pub name: String,
    /// Where its bytes lie in the archive.
    pub start: u64,
    pub end: u64,
    pub is_stored: bool,
    size: u64,
    crc: u32,
}

/// Finds an array in an archive: the one that was asked for; else the only one, or the one called `logits`.
pub(in crate::source) fn find<R: ReaderAt>(
    file: &str,
    from: R,
    len: u64,
    wanted: Option<&str>,
) -> Result<Entry> {
    let bad = |what: String| Error::input(file, Place::default(), what);
    let broken = |e: rawzip::Error| bad(format!("a ZIP archive that can't be read: {e}"));
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let archive = ZipLocator::new().locate_in_reader(from, &mut buffer, len).map_err(|(_, e)| broken(e))?;
    let (mut names, mut ways, mut is_torch) = (Vec::<String>::new(), Vec::new(), false);
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(broken)? {
        let path = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        is_torch |= path == "data.pkl" || path.ends_with("/data.pkl");
        if let Some(name) = path.strip_suffix(".npy") {
            if names.len() == MOST {
                return Err(bad(format!("an archive of more than {MOST} arrays")));
            }
            names.push(name.to_owned());
            ways.push((
                entry.wayfinder(),
                entry.compression_method(),
                entry.crc32(),
                entry.flags().is_encrypted(),
            ));
        }
    }
    if names.is_empty() {
        return Err(bad(if is_torch {
            kind::pickle()
        } else {
            "a ZIP archive without a NumPy array in it".into()
        }));
    }
    let chosen = super::pick(&names, wanted.map(|w| w.strip_suffix(".npy").unwrap_or(w))).map_err(bad)?;
    if let Some(twice) = names.iter().skip(chosen + 1).find(|name| **name == names[chosen]) {
        return Err(bad(format!("two arrays are called {twice:?}: nothing tells which is meant")));
    }
    let (name, (way, method, crc, is_encrypted)) = (names.swap_remove(chosen), ways.swap_remove(chosen));
    if is_encrypted {
        return Err(bad(format!("the array {name:?} is encrypted")));
    }
    let is_stored = method == CompressionMethod::STORE;
    if !is_stored && method != CompressionMethod::DEFLATE {
        return Err(bad(format!(
            "the array {name:?} is packed by method {}; NumPy stores or deflates",
            method.as_u16()
        )));
    }
    let (start, end) = archive.get_entry(way).map_err(broken)?.compressed_data_range();
    let size = way.uncompressed_size_hint();
    if end > len || start > end || is_stored && size != end - start {
        return Err(bad(format!("the archive promises more for the array {name:?} than it holds")));
    }
    Ok(Entry { name, start, end, is_stored, size, crc })
}

/// The largest stored array whose checksum is tested when it is opened: a longer one would be read twice.
const TESTED: u64 = 16 << 20;

/// Tests the checksum of a stored array, whose rows are read where they lie.
///
/// # Errors
/// Bytes that are not those that were stored; those of the reader.
pub(in crate::source) fn test(file: &str, from: File, entry: &Entry) -> Result<()> {
    if !entry.is_stored || entry.end - entry.start > TESTED {
        return Ok(());
    }
    let tested = io::copy(&mut read_file(from, entry), &mut io::sink());
    tested.map(|_| ()).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => Error::input(file, Place::default(), e.to_string()),
        _ => Error::Io { file: file.into(), source: e },
    })
}

/// The most arrays of an archive.
const MOST: usize = 100_000;

/// The bytes of an array, from a file.
pub(in crate::source) fn read_file(file: File, entry: &Entry) -> Box<dyn Read + Send> {
    let part = Part { file: PositionedFile::new(file), at: entry.start, end: entry.end };
    unpack(part, entry)
}

/// The bytes of an array, from the bytes of an archive.
pub(in crate::source) fn read_bytes(archive: Vec<u8>, entry: &Entry) -> Box<dyn Read + Send> {
    let mut bytes = io::Cursor::new(archive);
    bytes.set_position(entry.start);
    unpack(bytes.take(entry.end - entry.start), entry)
}

fn unpack(part: impl Read + Send + 'static, entry: &Entry) -> Box<dyn Read + Send> {
    let part = BufReader::with_capacity(1 << 16, part);
    let (size, crc) = (entry.size, entry.crc);
    let state = (Crc::new(), 0);
    match entry.is_stored {
        true => Box::new(Checked { from: part, size, crc, state }),
        false => Box::new(Checked { from: DeflateDecoder::new(part), size, crc, state }),
    }
}

/// A part of a file.
struct Part {
    file: PositionedFile,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = to.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        self.file.read_exact_at(&mut to[..count], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Holds what was unpacked to the length and the checksum of the archive's directory.
struct Checked<R> {
    from: R,
    size: u64,
    crc: u32,
    state: (Crc, u64),
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
        let (crc, done) = &mut self.state;
        let count = self.from.read(to).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => bad("the deflated data end in the middle"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => bad("the deflated data are broken"),
            _ => e,
        })?;
        crc.update(&to[..count]);
        *done += count as u64;
        if *done > self.size {
            return Err(bad("more data than the archive's directory says"));
        }
        if count == 0 && !to.is_empty() && (*done < self.size || crc.sum() != self.crc) {
            return Err(bad("the data are not those of the archive's checksum"));
        }
        Ok(count)
    }
}
