//! Recording what was asked, as a prefix table.

use std::collections::HashSet;
use std::io::{self, Write};

use super::write::write_numbers;
use super::{LogitsSource, Query, Row, Wrapper};
use crate::{Error, Place, Result, TokenId};

/// A source that writes every prefix that is asked for, with its row, to a prefix table, each once and in the order of asking.
///
/// The table is what [`Open`](super::Open) reads, and a run with the same settings on it gives the same bytes without the model:
/// numbers are written in the shortest decimals that give the f32 back. Masked tokens are `-Infinity`. Every line is whole and
/// stands as soon as its row came, so that a run that ends with an error leaves the rows it got.
///
/// ```
/// use tokpick::source::{LogitsSource, Open, Query, Recorder};
/// let matrix = Open { kind: tokpick::source::Meaning::Bigram, ..Open::new("b") };
/// let mut bigram = matrix.read(&b"[[0.5, 2], [1, 0]]"[..])?;
/// let mut table = Vec::new();
/// let mut recorder = Recorder::new(bigram.as_mut(), "table.jsonl", &mut table)?;
/// let query = Query { sequence: 0, step: 0, context: &[1], prompt_len: 1 };
/// recorder.rows(&[query, query], &mut Vec::new())?;
/// assert_eq!(table, b"{\"prefix\":[],\"logits\":[1.0,0.0]}\n");
/// # Ok::<(), tokpick::Error>(())
/// ```
pub struct Recorder<'a> {
    source: &'a mut dyn LogitsSource,
    file: String,
    to: &'a mut dyn Write,
    written: HashSet<Box<[TokenId]>>,
}

impl<'a> Recorder<'a> {
    /// Records a source; `file` is the table's name in messages.
    ///
    /// # Errors
    /// A source whose rows don't depend on the prefix: it replays as it is.
    pub fn new(
        source: &'a mut dyn LogitsSource,
        file: impl Into<String>,
        to: &'a mut dyn Write,
    ) -> Result<Self> {
        let file = file.into();
        if !source.shape().follows_prefix {
            let what = format!(
                "records rows that follow the prefix; the steps of {} can be read again as they are",
                source.name()
            );
            return Err(Error::setting("record_table", file, what));
        }
        Ok(Recorder { source, file, to, written: HashSet::new() })
    }

    /// How many rows were written.
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// True if no row was written.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    fn write(&mut self, prefix: &[TokenId], row: &Row) -> io::Result<()> {
        // in one piece, so that no line is half
        let ids: Vec<String> = prefix.iter().map(ToString::to_string).collect();
        let mut line = format!("{{\"prefix\":[{}],\"logits\":", ids.join(",")).into_bytes();
        match row.ids {
            None => write_numbers(&mut line, row.logits.iter().copied())?,
            Some(_) => {
                let all = 0..row.vocab as TokenId;
                write_numbers(&mut line, all.map(|id| row.logit(id).unwrap_or(f32::NEG_INFINITY)))?;
            }
        }
        line.extend_from_slice(b"}\n");
        self.to.write_all(&line)
    }
}

impl Wrapper for Recorder<'_> {
    fn inner(&self) -> &dyn LogitsSource {
        self.source
    }

    fn inner_mut(&mut self) -> &mut dyn LogitsSource {
        self.source
    }

    fn rows_around(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        self.source.rows(at, out)?;
        let only = self.source.shape().sequences.start;
        for (query, row) in at.iter().zip(out.iter()).filter(|(_, row)| !row.ended) {
            if query.sequence != only {
                let what = "a prefix table holds one sequence";
                return Err(Error::input(&self.file, Place::row(query.sequence, query.step), what));
            }
            if self.written.insert(query.prefix().into()) {
                let written = self.write(query.prefix(), row);
                written.map_err(|source| Error::Io { file: self.file.clone(), source })?;
            }
        }
        Ok(())
    }
}
