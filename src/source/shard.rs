//! A part of the sequences of a source, for jobs that are cut into parts.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::LogitsSource;
use super::view::{View, through};
use crate::{Error, Result};

type Source = Box<dyn LogitsSource + Send>;

/// One of several parts of the sequences, which together are all of them, in order, each once.
///
/// ```
/// use tokpick::source::Shard;
/// let parts = ["1/3", "2/3", "3/3"].map(|text| text.parse::<Shard>().unwrap().of(0..8));
/// assert_eq!(parts, [0..2, 2..5, 5..8]);
/// assert!("4/3".parse::<Shard>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part, counted from 1.
    number: usize,
    /// How many there are.
    parts: usize,
}

impl Shard {
    /// Its part of the sequences: their number times (I − 1) / N to that times I / N, rounded down.
    pub fn of(self, sequences: Range<usize>) -> Range<usize> {
        let bound = |part: usize| {
            let before = sequences.len() as u128 * part as u128 / self.parts as u128;
            // no more than there are
            sequences.start + before as usize
        };
        bound(self.number - 1)..bound(self.number)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.parts)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers =
            text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match numbers {
            Some((number, parts)) if (1..=parts).contains(&number) => Ok(Shard { number, parts }),
            _ => Err(Error::setting(
                "shard",
                text,
                "must be I/N with I from 1 to N: 2/8 is the second of eight",
            )),
        }
    }
}

/// The part of a source; its sequences keep their numbers, so that each part draws what the whole draws there.
///
/// ```
/// use tokpick::source::{Layout, Open, shard};
/// let open = Open { layout: Some(Layout::Bv), ..Open::new("a.json") };
/// let source = open.read(&b"[[0.5, 2.0], [0.5, 0.5], [1.0, 0.0]]"[..])?;
/// assert_eq!(shard(source, "2/2".parse()?)?.shape().sequences, 1..3);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A source that shares its rows and doesn't give them away.
pub fn shard(source: Source, shard: Shard) -> Result<Source> {
    through(source, shard)
}

impl View for Shard {
    fn sequences(&self, own: Range<usize>) -> Range<usize> {
        self.of(own)
    }
}
