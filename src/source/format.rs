//! How an input is stored, in words.

use std::fmt;

/// How an input is stored: what `tokpick info` tells beside the shape.
///
/// ```
/// use tokpick::source::Open;
/// let source = Open::new("a.json").read(&b"[[[0.5]], [[2.0]]]"[..])?;
/// assert_eq!(source.format().to_string(), "JSON, axes [2, 1, 1], layout btv");
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Format {
    /// `NPY`, `JSON`, `JSON Lines`, `prefix table`, `bigram matrix (NPY)`…; empty where the source was made by a program.
    pub name: String,
    /// Version of the format (NPY).
    pub version: Option<(u8, u8)>,
    /// Element type as NumPy calls it (NPY).
    pub dtype: Option<&'static str>,
    /// `little endian` or `big endian` (NPY with elements of more than one byte).
    pub byte_order: Option<&'static str>,
    /// `C` or `Fortran` (NPY).
    pub order: Option<&'static str>,
    /// The axes as stored, where they are known.
    pub axes: Vec<usize>,
    /// What the axes mean, where there is more than one.
    pub layout: Option<super::Layout>,
}

impl Format {
    /// True for the `.kld` of llama-perplexity: log-probabilities of a text, with a floor under them.
    pub fn is_kld(&self) -> bool {
        self.name == super::kld::NAME
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.name.is_empty() { "memory" } else { &self.name })?;
        if let Some((major, minor)) = self.version {
            write!(f, " {major}.{minor}")?;
        }
        for part in [self.dtype, self.byte_order].into_iter().flatten() {
            write!(f, ", {part}")?;
        }
        if let Some(order) = self.order {
            write!(f, ", {order} order")?;
        }
        if !self.axes.is_empty() {
            write!(f, ", axes {:?}", self.axes)?;
        }
        if let Some(layout) = self.layout {
            write!(f, ", layout {layout}")?;
        }
        Ok(())
    }
}
