//! What is said of an array that is stored, and of elements that could not be read.

use std::io;

use super::dtype::{Codec, Fault};
use super::{Format, Layout};
use crate::{Error, Place};

/// What is stored, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// What it is stored in, for reports.
    pub container: String,
    pub version: Option<(u8, u8)>,
    pub codec: Codec,
    pub fortran: bool,
    pub axes: Vec<usize>,
    /// Position of the first element in the file.
    pub data_start: u64,
}

impl Header {
    /// Bytes of all elements; `None` beyond what can be counted.
    pub fn data_len(&self) -> Option<u64> {
        let elements = self.axes.iter().try_fold(1u64, |n, axis| n.checked_mul(*axis as u64));
        elements?.checked_mul(self.codec.dtype.size() as u64)
    }

    /// How the array is stored, for reports.
    pub fn format(&self, layout: Layout) -> Format {
        Format {
            name: self.container.clone(),
            version: self.version,
            dtype: Some(self.codec.dtype.name()),
            byte_order: match (self.codec.dtype.size(), self.codec.big_endian) {
                (1, _) => None,
                (_, true) => Some("big endian"),
                (_, false) => Some("little endian"),
            },
            order: Some(if self.fortran { "Fortran" } else { "C" }),
            axes: self.axes.clone(),
            layout: (self.axes.len() > 1).then_some(layout),
        }
    }
}

/// The error for a run of elements that could not be read; `end` is where the data stopped.
pub(super) fn explain(name: &str, fault: Fault, end: Place, place: impl Fn(usize) -> Place) -> Error {
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
