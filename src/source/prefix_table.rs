//! Prefix tables: logits that depend on what was generated.

mod kept;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use kept::{Kept, Line};

use super::names::only;
use super::text::json::Content;
use super::text::jsonl::LineOptions;
use super::text::lines::Lines;
use super::{Access, Format, LogitsSource, Names, Query, ReadAt, Row, Shape, read_rows};
use crate::{Error, Place, Result, TokenId};

/// A table from prefix to row: one line `{"prefix": [ids], "logits": [V numbers]}` for each prefix, in any order.
///
/// The ids may be written as token strings, where the strings are known. A row may also be sparse, `{"prefix": [ids], "ids": [ids],
/// "logprobs": [numbers]}`, or of probabilities (`probs`), and one of the lines may bring the token strings (`vocab`). Without
/// dense rows V is given, or one above the highest id that occurs. The rows of a large table in a file stay there: 64 MiB of them are
/// kept, the others are read again when they are asked for.
///
/// The prefix is what was generated, without the prompt. A table need not be complete: a prefix that it lacks is
/// [`Error::NoPrefix`] when it is asked for, so a recorded search can be replayed from exactly the rows it saw.
///
/// ```
/// use tokpick::source::{LogitsSource, Open, Query, Row};
/// let lines = "{\"prefix\":[],\"logits\":[0,1]}\n{\"prefix\":[1],\"logits\":[3,2]}\n";
/// let mut table = Open::new("t.jsonl").read(lines.as_bytes())?;
/// assert!(table.shape().follows_prefix);
/// let mut rows = Vec::new();
/// table.rows(&[Query { sequence: 0, step: 1, context: &[1], prompt_len: 0 }], &mut rows)?;
/// assert_eq!(rows[0].logits, [3.0, 2.0]);
/// let lacks = table.rows(&[Query { sequence: 0, step: 2, context: &[1, 0], prompt_len: 0 }], &mut rows);
/// assert!(lacks.unwrap_err().to_string().starts_with("t.jsonl: no row for the prefix [1, 0]"));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct PrefixTable {
    name: String,
    vocab: usize,
    /// Number of the row of each prefix.
    index: HashMap<Box<[TokenId]>, usize>,
    rows: Kept,
    strings: Option<Vec<String>>,
    /// Some rows list log-probabilities or probabilities.
    lists: bool,
}

impl PrefixTable {
    /// Reads a table; `lines` stands at its first line.
    pub(crate) fn read(lines: Lines, options: LineOptions) -> Result<PrefixTable> {
        PrefixTable::read_within(IN_MEMORY, lines, options)
    }

    /// As [`read`](Self::read), with so many bytes of rows in memory.
    fn read_within(in_memory: usize, mut lines: Lines, options: LineOptions) -> Result<PrefixTable> {
        let rows = Kept::new(lines.file.take(), in_memory);
        let mut table = PrefixTable { name: lines.name.clone(), rows, ..PrefixTable::default() };
        let mut content = Content::default();
        // one above the highest id so far
        let mut least = 0;
        // lines that name tokens by strings which a later line brings
        let mut waiting = Vec::new();
        loop {
            content.parse(&lines.text, lines.context(&options, None))?;
            let at = At { file: &lines.name, line: Line::of(&lines) };
            if let Some(strings) = content.vocab.take()
                && table.strings.replace(strings).is_some()
            {
                return Err(at.bad("\"vocab\" came before; one line of the table has it"));
            }
            if content.named.is_empty() {
                table.add(at, &mut content, options.vocab_size, &mut least)?;
            } else {
                waiting.push((at.line, std::mem::take(&mut content)));
            }
            if !lines.advance()? {
                break;
            }
        }
        let names = options.names.clone().or_else(|| table.strings.as_deref().map(names_of));
        for (line, mut content) in waiting {
            let at = At { file: &lines.name, line };
            content.resolve(names.as_ref()).map_err(|what| at.bad(what))?;
            table.add(at, &mut content, options.vocab_size, &mut least)?;
        }
        if table.vocab == 0 {
            table.vocab = options.vocab_size.unwrap_or(least);
        }
        let v = table.vocab;
        if least > v {
            let what =
                format!("a sparse row or a prefix holds the id {}, outside the vocabulary of {v}", least - 1);
            return Err(Error::input(table.name, Place::default(), what));
        }
        if let Some(strings) = table.strings.as_ref().filter(|s| s.len() != v) {
            let what = format!("\"vocab\" has {} strings, the rows have {v} logits", strings.len());
            return Err(Error::input(table.name, Place::default(), what));
        }
        table.rows.settle(v, LineOptions { names, ..options });
        Ok(table)
    }

    fn add(
        &mut self,
        at: At<'_>,
        content: &mut Content,
        vocab_size: Option<usize>,
        least: &mut usize,
    ) -> Result<()> {
        let Some(prefix) = content.prefix.take() else {
            return Err(at.bad("a line of a prefix table without \"prefix\""));
        };
        if !content.is_row() {
            return Err(at.bad("arrays within arrays; a line of a prefix table is one row, [V]"));
        }
        if content.id.is_some() {
            return Err(at.bad("\"id\" in a prefix table, which is one sequence: leave it out"));
        }
        if let Some(what) = content.wrong_taken() {
            return Err(at.bad(what));
        }
        if content.ids.is_none() && content.logprobs {
            return Err(at.bad("\"logprobs\" without \"ids\"; give all V of them as \"logits\", or the ids"));
        }
        let mut row = Row::default();
        kept::fill(&mut row, content, at.file, at.line.number)?;
        match &row.ids {
            Some(ids) => *least = (*least).max(ids.last().copied().unwrap_or(0) as usize + 1),
            None => self.check_dense(&at, row.logits.len(), vocab_size)?,
        }
        if let Some(id) = prefix.iter().find(|id| self.vocab > 0 && **id as usize >= self.vocab) {
            let v = self.vocab;
            return Err(
                at.bad(format!("the prefix {prefix:?} holds the id {id}, outside the vocabulary of {v}"))
            );
        }
        *least = prefix.iter().fold(*least, |least, id| least.max(*id as usize + 1));
        self.lists |= row.ids.is_some() && (content.logprobs || content.probs);
        let number = self.index.len();
        match self.index.entry(prefix.into_boxed_slice()) {
            Entry::Occupied(prefix) => {
                let prefix = prefix.key();
                return Err(at.bad(format!("the prefix {prefix:?} stands twice in the table")));
            }
            Entry::Vacant(free) => free.insert(number),
        };
        self.rows.push(row, at.line);
        Ok(())
    }

    fn check_dense(&mut self, at: &At<'_>, found: usize, vocab_size: Option<usize>) -> Result<()> {
        if found == 0 {
            return Err(at.bad("V = 0: the row holds no token"));
        }
        if let Some(least) = vocab_size.filter(|least| *least > found || *least == 0) {
            return Err(at.bad(format!("{found} logits here, `Open::vocab_size` says {least}")));
        }
        if self.vocab == 0 {
            self.vocab = found;
        }
        let v = self.vocab;
        if found != v {
            return Err(at.bad(format!("{found} logits here, the lines before have {v}")));
        }
        Ok(())
    }

    /// True if the last id of a missing prefix is in no prefix of the table, and the best token of a row that this prefix doesn't
    /// continue.
    fn seems_to_end(&self, missing: &[TokenId]) -> bool {
        let Some((last, parent)) = missing.split_last() else { return false };
        let mut row = Row::default();
        let mut is_best = |prefix: &[TokenId], index: usize| {
            self.rows.copy(&self.name, index, prefix, &mut row).is_ok()
                && row
                    .logit(*last)
                    .is_some_and(|x| x.is_finite() && row.logits.iter().all(|other| *other <= x))
        };
        self.index.keys().all(|prefix| !prefix.contains(last))
            && self.index.iter().any(|(prefix, &index)| prefix.as_ref() != parent && is_best(prefix, index))
    }

    /// Number of prefixes.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// A table is never empty: it has a first line.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

/// Bytes of rows that are kept in memory where the rest can be read again.
const IN_MEMORY: usize = 64 << 20;

/// A line of a table that is read.
struct At<'a> {
    file: &'a str,
    line: Line,
}

impl At<'_> {
    fn bad(&self, what: impl Into<String>) -> Error {
        Error::input(self.file, Place::line(self.line.number), what)
    }
}

/// The ids of the strings that a table brings.
fn names_of(strings: &[String]) -> Names {
    let mut ids: HashMap<String, Vec<TokenId>> = HashMap::new();
    for (id, string) in (0..).zip(strings) {
        ids.entry(string.clone()).or_default().push(id);
    }
    Names::new(move |text| only(ids.get(text).map_or(&[], Vec::as_slice)))
}

impl ReadAt for PrefixTable {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        if at.sequence != 0 {
            let what = "no such row: a prefix table is one sequence, 0";
            return Err(Error::input(&self.name, Place::row(at.sequence, at.step), what));
        }
        let Some(index) = self.index.get(at.prefix()) else {
            let (file, prefix) = (self.name.clone(), at.prefix().to_vec());
            let ends = self.seems_to_end(&prefix);
            return Err(Error::NoPrefix { file, prefix, ends });
        };
        self.rows.copy(&self.name, *index, at.prefix(), row)
    }
}

impl LogitsSource for PrefixTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        Shape::following(Some(self.vocab), Access::Random)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        read_rows(self, at, out, true)
    }

    fn shared(&self) -> Option<&dyn ReadAt> {
        Some(self)
    }

    fn into_shared(self: Box<Self>) -> Option<Arc<dyn ReadAt>> {
        Some(Arc::new(*self))
    }

    fn vocab(&self) -> Option<&[String]> {
        self.strings.as_deref()
    }

    fn leaves_out(&self) -> bool {
        self.lists
    }

    fn format(&self) -> Format {
        Format { name: "prefix table".into(), axes: vec![self.len(), self.vocab], ..Format::default() }
    }
}
