//! Text from anywhere: lines of bounded length, whole files, and what betrays that it is no UTF-8.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use crate::source::positioned::PositionedFile;
use crate::{Error, Place, Result};

/// The longest line, and the longest text that is read whole: a row of ten million tokens in full decimals is shorter.
pub(crate) const LONGEST: usize = 256 << 20;

/// What is said of a longer one.
const TOO_LONG: &str = "the line goes on for more than 256 MiB: nothing that is read here has such lines";

/// Appends the next line with its end to `text`; says how many bytes it had, 0 at the end of the input.
///
/// # Errors
/// Those of the reader; a line longer than 256 MiB ([`io::ErrorKind::FileTooLarge`]).
pub(crate) fn line(from: &mut (impl BufRead + ?Sized), text: &mut Vec<u8>) -> io::Result<usize> {
    let read = from.take(LONGEST as u64 + 1).read_until(b'\n', text)?;
    if read > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, TOO_LONG));
    }
    Ok(read)
}

/// An error of a reader at a line: what [`line`] refuses is an error of the input.
pub(crate) fn fault(file: &str, number: usize, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::FileTooLarge => Error::input(file, Place::line(number), source.to_string()),
        _ => Error::Io { file: file.into(), source },
    }
}

/// Lines that are not blank, as they arrive: nothing is waited for beyond the end of the line.
pub(crate) struct Lines {
    pub name: String,
    pub from: Box<dyn BufRead + Send>,
    /// The line that was read last, and its number, counted from 1.
    pub text: Vec<u8>,
    pub line: usize,
    /// Where that line lies among the bytes that came.
    pub at: Range<u64>,
    /// The file whose bytes they are, where they can be read again.
    pub file: Option<PositionedFile>,
    /// Its length; 0 without a file.
    len: u64,
}

impl Lines {
    pub fn new(name: String, from: Box<dyn BufRead + Send>) -> Self {
        Lines { name, from, text: Vec::new(), line: 0, at: 0..0, file: None, len: 0 }
    }

    /// The lines of a regular file, which stands at its start.
    pub fn of_file(name: String, from: BufReader<File>) -> Self {
        let len = from.get_ref().metadata().map_or(0, |m| m.len());
        let file = from.get_ref().try_clone().ok().map(PositionedFile::new);
        Lines { file, len, ..Lines::new(name, Box::new(from)) }
    }

    /// The lines of a file, `-` for standard input.
    pub fn open(path: &Path) -> Result<Self> {
        let name = name(path);
        if path == Path::new("-") {
            return Ok(Lines::new(name, Box::new(BufReader::new(io::stdin()))));
        }
        let file = File::open(path).map_err(|source| Error::Io { file: name.clone(), source })?;
        Ok(Lines::new(name, Box::new(BufReader::new(file))))
    }

    /// Bytes of the file after the current line; 0 where it is no regular file.
    pub fn rest(&self) -> u64 {
        self.len.saturating_sub(self.at.end)
    }

    /// These lines, which are no longer read here.
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Lines::new(self.name.clone(), Box::new(io::empty())))
    }

    /// Reads the next line that is not blank; `false` at the end.
    pub fn advance(&mut self) -> Result<bool> {
        loop {
            self.text.clear();
            let found = line(&mut *self.from, &mut self.text);
            let read = found.map_err(|e| fault(&self.name, self.line + 1, e))?;
            if read == 0 {
                return Ok(false);
            }
            self.at = self.at.end..self.at.end + read as u64;
            self.line += 1;
            if self.line == 1 && self.text.starts_with(BOM) {
                self.text.drain(..BOM.len());
            }
            if !self.text.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// An error at the current line.
    pub fn bad(&self, what: impl Into<String>) -> Error {
        Error::input(&self.name, Place::line(self.line), what)
    }
}

/// The mark with which some programs begin UTF-8.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// True for text that begins as UTF-16 does: with its mark, or with a zero beside a Latin letter.
pub(crate) fn begins_as_utf16(start: &[u8]) -> bool {
    has_mark(start) || matches!(start, [0x09..=0x7e, 0, ..] | [0, 0x09..=0x7e, ..])
}

/// True for text whose every other byte is zero, as between Latin letters in UTF-16.
fn has_zeros_between(bytes: &[u8]) -> bool {
    let zero_at = |at: usize| bytes.chunks_exact(2).all(|unit| unit[at] == 0 && unit[1 - at] != 0);
    bytes.len().is_multiple_of(2) && (zero_at(0) || zero_at(1))
}

/// True for text that begins with the mark of UTF-16.
fn has_mark(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
}

/// What is said of such text.
pub(crate) const UTF16: &str =
    "UTF-16 text: save it as UTF-8 (in PowerShell: Get-Content FILE | Set-Content -Encoding utf8 NEW)";

/// The text of a file, `-` for standard input; a byte order mark of UTF-8 is left out.
///
/// What every small text file of a run is read with: vocabularies, settings, lists of ids.
///
/// ```
/// let file = std::env::temp_dir().join("tokpick-doc-text");
/// std::fs::write(&file, "\u{feff}1 2 3").unwrap();
/// assert_eq!(tokpick::source::read_text(&file)?, "1 2 3");
/// std::fs::write(&file, b"\xff\xfe1\0").unwrap();
/// assert!(tokpick::source::read_text(&file).unwrap_err().to_string().contains("UTF-16"));
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A file that can't be read, is longer than 256 MiB, or no UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let (name, bytes) = read_bytes(path.as_ref())?;
    text(&name, &bytes).map(str::to_owned)
}

/// The same of a file that is a text for its own sake, which may hold any character, U+0000 too: UTF-16 is told by its mark alone.
///
/// # Errors
/// As [`read_text`].
pub fn read_prose(path: impl AsRef<Path>) -> Result<String> {
    let (name, bytes) = read_bytes(path.as_ref())?;
    if has_mark(&bytes) {
        return Err(Error::input(name, Place::default(), UTF16));
    }
    utf8(&name, &bytes).map(str::to_owned)
}

/// How a small file is called, and its bytes.
fn read_bytes(path: &Path) -> Result<(String, Vec<u8>)> {
    let name = name(path);
    let io = |source| Error::Io { file: name.clone(), source };
    let mut bytes = Vec::new();
    let limit = LONGEST as u64 + 1;
    match path == Path::new("-") {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => File::open(path).map_err(io)?.take(limit).read_to_end(&mut bytes),
    }
    .map_err(io)?;
    if bytes.len() > LONGEST {
        return Err(Error::input(name, Place::default(), "longer than 256 MiB: no such text is read here"));
    }
    Ok((name, bytes))
}

/// The text of some bytes, without the mark.
pub(crate) fn text<'t>(name: &str, bytes: &'t [u8]) -> Result<&'t str> {
    let read = utf8(name, bytes);
    // U+0000 may be in a text, but not beside each of its letters
    if begins_as_utf16(bytes) && (read.is_err() || has_zeros_between(bytes)) {
        return Err(Error::input(name, Place::default(), UTF16));
    }
    read
}

fn utf8<'t>(name: &str, bytes: &'t [u8]) -> Result<&'t str> {
    std::str::from_utf8(bytes.strip_prefix(BOM).unwrap_or(bytes)).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        Error::input(name, Place::line(line), "not UTF-8 text")
    })
}

/// How an input is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}
