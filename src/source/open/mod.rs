//! Opens an input: finds its format from its content.

mod binary;
mod json;
mod kld;

use std::path::{Path, PathBuf};

use super::text::lines;
use super::{Bigram, DtypeHint, Layout, LogitsSource, Names, Portion, RawDtype, RowRange, Steps};
use crate::{Error, Result};

/// What the rows of an input mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Meaning {
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
/// | NPY file, C order; stored in `.npz`; safetensors; raw numbers | rows read where they lie: random access, nothing kept in memory |
/// | `.kld` of llama-perplexity | a sequence for each chunk, its rows read where they lie |
/// | the same from a pipe, deflated in `.npz`, or in gzip or Zstandard | rows as they come, forward only |
/// | NPY, Fortran order | steps in memory |
/// | JSON document | steps in memory |
/// | JSON Lines of steps | rows as their lines arrive, forward only; a single line `[…]` is such a stream, too |
/// | JSON Lines with `prefix` | a [`PrefixTable`](crate::source::PrefixTable): in memory, or beyond 64 MiB of rows in its file |
/// | the answer of a server, or the events of a stream | sparse steps in memory |
///
/// Rows are f32. NPY elements may be f16, bfloat16, f32, f64 or integers of any width, in either byte order; f64 and integers are
/// rounded once, and what is finite but overflows f32 is an error. A JSON number is an f64 that is rounded once; Python's
/// `-Infinity`, `Infinity` and `NaN` are read, too: a source passes them on, decoding judges them. Unknown keys in a JSON object
/// are refused.
///
/// Pickles (`.pt`), tables (Parquet, Arrow, CSV) and other containers are refused with the line of Python that converts them.
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
    /// Which array of a container (`.npz`, safetensors) is read; a path may name it, too: `steps.npz#logits`. Needed where there are
    /// several and none is called `logits`.
    pub array: Option<String>,
    /// The input is bare little-endian numbers, rows of `vocab_size`.
    pub raw: Option<RawDtype>,
    /// JSON `null` is a masked token (−∞), not an error.
    pub null_is_masked: bool,
    /// The numbers are probabilities, which sum to 1 in each row, not logits: their logarithms are decoded. (JSON may say so itself,
    /// with the key `probs`.)
    pub probs: bool,
    /// Which tokens of a server's answer are read: what was generated, unless it has log-probabilities of its prompt alone.
    pub portion: Option<Portion>,
    /// What the rows mean.
    pub kind: Meaning,
    /// V: needed where sparse rows don't tell it (default: the highest id so far + 1). Dense rows may be wider, as those of a padded
    /// model head are: their ids from V up are masked.
    pub vocab_size: Option<usize>,
    /// Finds the ids of tokens that sparse rows and prefixes name by their strings. A table that brings its strings needs none.
    pub names: Option<Names>,
}

/// The largest JSON document, or archive from a pipe, in bytes: it is read whole.
const LARGEST: u64 = 1 << 30;

type Source = Box<dyn LogitsSource + Send>;

impl Open {
    /// An input with the default settings.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Open { path: path.into(), ..Open::default() }
    }

    fn name(&self) -> String {
        lines::name(&self.path)
    }

    /// A name of an array has no meaning where there is only one, without a name.
    fn no_array(&self, what: &str) -> Result<()> {
        match &self.array {
            Some(array) => {
                Err(Error::setting("array", array, format!("{} is {what}: it has no names", self.name())))
            }
            None => Ok(()),
        }
    }

    /// The hint of an element type is for NPY.
    fn no_dtype(&self, what: &str) -> Result<()> {
        match self.dtype {
            Some(_) => Err(Error::setting(
                "dtype",
                "bf16",
                format!("{} is {what}; the hint is for NPY", self.name()),
            )),
            None => Ok(()),
        }
    }

    /// Parts are for the answers of servers.
    fn no_portion(&self, name: &str) -> Result<()> {
        match self.portion {
            Some(portion) => {
                let what = format!("{name} is no answer of a server: it has no prompt beside its steps");
                Err(Error::setting("part", portion, what))
            }
            None => Ok(()),
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
            (Some(given), Some(v)) if given > v || given == 0 => {
                let what = format!("the rows of {} have {v} logits", source.name());
                Err(Error::setting("vocab_size", given, what))
            }
            _ => Ok(source),
        }
    }
}

/// A path and the array that it names behind `#`: `steps.npz#logits`. A file whose own name has a `#` is that file.
///
/// ```
/// use std::path::Path;
/// use tokpick::source::file_and_array;
/// let file = std::env::temp_dir().join("tokpick-doc.npz");
/// std::fs::write(&file, b"").unwrap();
/// let named = format!("{}#logits", file.display());
/// assert_eq!(file_and_array(Path::new(&named)), (file.clone(), Some("logits".to_string())));
/// let named = format!("{}#a#b", file.display());
/// assert_eq!(file_and_array(Path::new(&named)), (file.clone(), Some("a#b".to_string())));
/// assert_eq!(file_and_array(&file), (file, None));
/// ```
pub fn file_and_array(path: &Path) -> (PathBuf, Option<String>) {
    let text = path.to_str().filter(|_| !path.exists()).unwrap_or_default();
    // file and array may both have a # in their names: the longest file that is there
    let mut named = text.rmatch_indices('#').map(|(at, _)| (&text[..at], &text[at + 1..]));
    match named.find(|(file, array)| !array.is_empty() && Path::new(file).exists()) {
        Some((file, array)) => (file.into(), Some(array.into())),
        None => (path.into(), None),
    }
}
