//! Opens an input: finds its format from its content.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::layout::Grid;
use super::npy::{self, Npy, NpyOptions};
use super::probs::Probabilities;
use super::stream::Stream;
use super::text::json::{Content, Context};
use super::text::jsonl::{JsonLines, LineOptions};
use super::text::lines::{self, BOM, Lines, UTF16};
use super::{Bigram, DtypeHint, Format, Layout, LogitsSource, RowRange, Steps, Table};
use crate::{Error, Place, Result};

/// What the rows of an input mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// What the content says: steps, or a prefix table.
    #[default]
    Auto,
    /// A `[V, V]` matrix: row i holds the logits after token i.
    Bigram,
}

/// An input and how it is to be read. Only the path is needed: the format is found from the content (the magic of NPY, the first
/// character of JSON), never from the name.
///
/// | content | becomes |
/// |---|---|
/// | NPY file, C order | rows read where they lie: random access, nothing kept in memory |
/// | NPY from a pipe, C order | rows as they come, forward only |
/// | NPY, Fortran order | steps in memory |
/// | JSON document | steps in memory |
/// | JSON Lines of steps | rows as their lines arrive, forward only; a single line `[…]` is such a stream, too |
/// | JSON Lines with `prefix` | a [`Table`] in memory |
///
/// Rows are f32. NPY elements may be f16, bfloat16, f32, f64 or integers of any width, in either byte order; f64 and integers are
/// rounded once, and what is finite but overflows f32 is an error. A JSON number is an f64 that is rounded once; Python's
/// `-Infinity`, `Infinity` and `NaN` are read, too: a source passes them on, decoding judges them. Unknown keys in a JSON object
/// are refused.
///
/// The memory that is taken follows the data that came, never what a header promises; a regular NPY file is checked against
/// its header when it is opened.
///
/// ```
/// use tokpick::source::{Layout, LogitsSource, Open};
/// let open = Open { layout: Some(Layout::Bv), ..Open::new("rows.json") };
/// let source = open.read(&b"[[1, 2], [3, 4], [5, 6]]"[..])?;
/// assert_eq!(source.shape().sequences, 0..3);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Open {
    /// A path, or `-` for standard input.
    pub path: PathBuf,
    /// What the axes mean; default `tv` for two and `btv` for three.
    pub layout: Option<Layout>,
    /// A part of the steps (of the sequences with [`Layout::Bv`]); they keep their numbers.
    pub rows: Option<RowRange>,
    /// What the elements of an NPY array are where its dtype can't say.
    pub dtype: Option<DtypeHint>,
    /// JSON `null` is a masked token (−∞), not an error.
    pub null_is_masked: bool,
    /// The numbers are probabilities, which sum to 1 in each row, not logits: their logarithms are decoded. (JSON may say so itself,
    /// with the key `probs`.)
    pub probs: bool,
    /// What the rows mean.
    pub kind: Kind,
    /// V: needed where sparse rows don't tell it (default: the highest id so far + 1), checked everywhere else.
    pub vocab_size: Option<usize>,
}

type Source = Box<dyn LogitsSource + Send>;

/// The largest JSON document, in bytes: it is read whole.
const LARGEST: u64 = 1 << 30;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

impl Open {
    /// An input with the default settings.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Open { path: path.into(), ..Open::default() }
    }

    /// Opens the input.
    ///
    /// # Errors
    /// A file that can't be read, content that is no logits, a setting that doesn't fit the content.
    pub fn open(self) -> Result<Source> {
        if self.path == Path::new("-") {
            widen(&io::stdin());
            return self.read(io::stdin());
        }
        let name = self.name();
        let io = |source| Error::Io { file: name.clone(), source };
        let file = File::open(&self.path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            widen(&file);
            return self.read(file);
        }
        let mut file = BufReader::with_capacity(BUFFER, file);
        if sniff(&name, &mut file)? {
            let npy = npy::open_file(name, file, self.npy_options())?;
            return self.array(npy);
        }
        self.json(Lines::new(name, Box::new(file)))
    }

    /// Reads the input from a reader, forward only: a pipe, a socket, bytes in memory. `path` is its name in messages.
    ///
    /// # Errors
    /// As [`Open::open`].
    pub fn read(self, from: impl Read + Send + 'static) -> Result<Source> {
        let name = self.name();
        let mut from = BufReader::with_capacity(BUFFER, from);
        if sniff(&name, &mut from)? {
            let npy = npy::open_pipe(name, Box::new(from), self.npy_options())?;
            return self.array(npy);
        }
        self.json(Lines::new(name, Box::new(from)))
    }

    fn name(&self) -> String {
        lines::name(&self.path)
    }

    fn npy_options(&self) -> NpyOptions {
        NpyOptions { layout: self.layout, rows: self.rows, hint: self.dtype }
    }

    /// A binary array as a source.
    fn array(self, npy: Npy) -> Result<Source> {
        let probs = self.probs;
        let source = self.npy(npy)?;
        Ok(if probs { Box::new(Probabilities(source)) } else { source })
    }

    fn npy(self, npy: Npy) -> Result<Source> {
        match (npy, self.kind) {
            (Npy::File(source), Kind::Auto) => self.checked(Box::new(source)),
            (Npy::Memory(source), Kind::Auto) => self.checked(Box::new(source)),
            (Npy::Pipe(source), Kind::Auto) => self.checked(Box::new(source)),
            (Npy::File(matrix), Kind::Bigram) => {
                self.no_steps("a bigram matrix")?;
                self.checked(Box::new(Bigram::new(matrix)?))
            }
            (Npy::Memory(matrix), Kind::Bigram) => self.bigram(matrix),
            (Npy::Pipe(mut matrix), Kind::Bigram) => {
                self.no_steps("a bigram matrix")?;
                let matrix = Steps::collect(&mut matrix)?;
                self.bigram(matrix)
            }
        }
    }

    /// JSON: a document, a stream of steps, or a table. The first line tells, so a live stream is not waited for.
    fn json(self, mut lines: Lines) -> Result<Source> {
        let name = lines.name.clone();
        if !lines.advance()? {
            return Err(Error::input(name, Place::default(), "holds nothing but blank lines"));
        }
        check_start(&name, &lines.text)?;
        if self.dtype.is_some() {
            return Err(Error::setting("dtype", "bf16", format!("{name} is JSON; the hint is for NPY")));
        }
        let mut content = Content::default();
        let (null_is_masked, probs, layout) = (self.null_is_masked, self.probs, self.layout);
        let context = Context { file: &name, null_is_masked, probs, line: lines.line, step: Some(0), layout };
        let first = content.parse(&lines.text, context);
        // A first line that is no whole value begins a document of many lines.
        let whole = content.cut_off;
        if whole {
            let rest = lines.from.by_ref().take(LARGEST).read_to_end(&mut lines.text);
            if rest.map_err(|source| Error::Io { file: name.clone(), source })? as u64 == LARGEST {
                let what = "a JSON document of more than 1 GiB: save such logits as NPY, with numpy.save";
                return Err(Error::input(name, Place::default(), what));
            }
            content.parse(&lines.text, context)?;
        } else {
            first?;
        }
        let options = LineOptions { null_is_masked, probs, vocab_size: self.vocab_size };
        if !whole && content.prefix.is_some() {
            self.no_steps("a prefix table")?;
            if self.kind == Kind::Bigram {
                let what = format!("{name} is a prefix table; a bigram matrix is [V, V]");
                return Err(Error::setting("source", "bigram", what));
            }
            return Ok(Box::new(Table::read(lines, options)?));
        }
        if !whole && content.is_row() && content.vocab.is_none() {
            return self.stream(lines, content, options);
        }
        if !whole && lines.advance()? {
            return Err(lines.bad("text after the end of the document, which is one JSON value"));
        }
        self.document(name, content)
    }

    fn document(self, name: String, content: Content) -> Result<Source> {
        if content.ids.is_some() || content.prefix.is_some() || content.logprobs {
            let what = "a document holds \"logits\" and \"vocab\"; sparse steps and tables are JSON Lines, one object a line";
            return Err(Error::input(name, Place::default(), what));
        }
        let format = Format { name: "JSON".into(), ..Format::default() };
        let steps = Steps::new(name, &content.axes, self.layout, content.logits)?;
        let steps = steps.with_vocab(content.vocab)?.with_format(format);
        match self.kind {
            Kind::Bigram => self.bigram(steps),
            Kind::Auto => {
                let steps = steps.select(self.rows)?;
                self.checked(Box::new(steps))
            }
        }
    }

    fn stream(self, lines: Lines, content: Content, options: LineOptions) -> Result<Source> {
        let name = lines.name.clone();
        let sparse = if content.ids.is_some() { "JSON Lines, sparse" } else { "JSON Lines" };
        let format = Format { name: sparse.into(), ..Format::default() };
        let rows = JsonLines::new(lines, content, options);
        let mut grid = Grid::endless();
        match (self.kind, self.layout) {
            (Kind::Bigram, _) => {
                self.no_steps("a bigram matrix")?;
                let matrix = Steps::collect(&mut Stream::new(name, rows, grid, format))?;
                self.bigram(matrix)
            }
            (Kind::Auto, None | Some(Layout::Tv)) => {
                grid.select(&name, self.rows)?;
                Ok(Box::new(Stream::new(name, rows, grid, format)))
            }
            // The number of sequences must be known before the first one is decoded.
            (Kind::Auto, Some(Layout::Bv)) => {
                let steps = Steps::collect(&mut Stream::new(name, rows, grid, format))?;
                Ok(Box::new(steps.relabel(Layout::Bv)?.select(self.rows)?))
            }
            (Kind::Auto, Some(layout)) => {
                let what = format!("{name} is JSON Lines, one row a line; layouts for it: tv or bv");
                Err(Error::setting("layout", layout, what))
            }
        }
    }

    fn bigram(self, matrix: Steps) -> Result<Source> {
        self.no_steps("a bigram matrix")?;
        self.checked(Box::new(Bigram::new(matrix)?))
    }

    /// Settings that are about steps have no meaning where rows follow the prefix.
    fn no_steps(&self, what: &str) -> Result<()> {
        if let Some(range) = self.rows {
            return Err(Error::setting("rows", range, format!("selects steps, and {what} has none")));
        }
        if let Some(layout) = self.layout {
            return Err(Error::setting("layout", layout, format!("is for steps, and {what} has none")));
        }
        Ok(())
    }

    fn checked(&self, source: Source) -> Result<Source> {
        match (self.vocab_size, source.shape().vocab) {
            (Some(given), Some(v)) if given != v => {
                let what = format!("the rows of {} have {v} logits", source.name());
                Err(Error::setting("vocab_size", given, what))
            }
            _ => Ok(source),
        }
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

/// Looks at the first bytes without taking them: is it NPY (else JSON)?
fn sniff(name: &str, from: &mut dyn BufRead) -> Result<bool> {
    let start = from.fill_buf().map_err(|source| Error::Io { file: name.into(), source })?;
    match start.first() {
        None => Err(Error::input(name, Place::default(), "empty; logits are NPY, JSON or JSON Lines")),
        Some(0x93) => Ok(true),
        Some(_) => check_start(name, start).map(|()| false),
    }
}

/// JSON begins with a bracket.
fn check_start(name: &str, start: &[u8]) -> Result<()> {
    let text = start.trim_ascii_start();
    let what = match text {
        [] | [b'[' | b'{', ..] => return Ok(()),
        _ if start.starts_with(BOM) => return check_start(name, &start[BOM.len()..]),
        _ if lines::is_utf16(start) => UTF16.to_owned(),
        [b'P', b'K', ..] => "a ZIP archive (.npz, .pt); take one array out of it with numpy.save".to_owned(),
        [0x1f, 0x8b, ..] => "compressed with gzip; decompress it first".to_owned(),
        _ => {
            let start = text[..text.len().min(8)].escape_ascii();
            format!("neither NPY (\\x93NUMPY…) nor JSON ([ or {{): it begins with {start}")
        }
    };
    Err(Error::input(name, Place::default(), what))
}
