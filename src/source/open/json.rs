//! JSON: documents, streams of steps, prefix tables.

use std::io::Read;

use super::{LARGEST, Meaning, Open, Source};
use crate::source::container::kind::{self, FileKind};
use crate::source::layout::Grid;
use crate::source::server;
use crate::source::stream::Stream;
use crate::source::text::json::{Content, Hints};
use crate::source::text::jsonl::{JsonLines, LineOptions};
use crate::source::text::lines::Lines;
use crate::source::{Format, Layout, LogitsSource, PrefixTable, Steps};
use crate::{Error, Place, Result};

impl Open {
    /// JSON: a document, a stream of steps, or a table. The first line tells, so a live stream is not waited for.
    pub(super) fn json(self, mut lines: Lines) -> Result<Source> {
        let name = lines.name.clone();
        if !lines.advance()? {
            return Err(Error::input(name, Place::default(), "holds nothing but blank lines"));
        }
        if let FileKind::Refused(what) = kind::of(&lines.text) {
            return Err(Error::input(name, Place::default(), what));
        }
        self.no_dtype("JSON")?;
        self.no_array("JSON")?;
        let tells = server::tells(&lines.text);
        if tells == Some(true) {
            let line = lines.line;
            rest(&mut lines)?;
            return self.answer(lines, line);
        }
        let mut content = Content::default();
        let (null_is_masked, probs, layout) = (self.null_is_masked, self.probs, self.layout);
        let context = Hints { file: &name, null_is_masked, probs, line: lines.line, step: Some(0), layout };
        let first = content.parse(&lines.text, context);
        // A first line that is no whole value begins a document of many lines.
        let whole = content.cut_off || (first.is_err() && tells.is_none());
        if whole {
            rest(&mut lines)?;
            if server::is_answer(&lines.text) {
                let line = lines.line;
                return self.answer(lines, line);
            }
            self.no_portion(&name)?;
            content.parse(&lines.text, context)?;
        } else {
            self.no_portion(&name)?;
            first?;
        }
        let options = LineOptions {
            null_is_masked,
            probs,
            each_is_a_sequence: layout == Some(Layout::Bv),
            vocab_size: self.vocab_size,
            names: self.names.clone(),
        };
        if !whole && content.prefix.is_some() {
            self.no_steps("a prefix table")?;
            if self.kind == Meaning::Bigram {
                let what = format!("{name} is a prefix table; a bigram matrix is [V, V]");
                return Err(Error::setting("source", "bigram", what));
            }
            return Ok(Box::new(PrefixTable::read(lines, options)?));
        }
        if !whole && content.is_row() && content.vocab.is_none() {
            return self.stream(lines, content, options);
        }
        if !whole && lines.advance()? {
            return Err(lines.bad("text after the end of the document, which is one JSON value"));
        }
        self.document(name, content)
    }

    /// The answer of a server, or several; they begin in a line.
    fn answer(self, lines: Lines, line: usize) -> Result<Source> {
        if self.kind == Meaning::Bigram {
            let what = format!("{} is a server's answer; a bigram matrix is [V, V]", lines.name);
            return Err(Error::setting("source", "bigram", what));
        }
        if let Some(layout) = self.layout {
            let what = format!("{} is a server's answer: its axes are its own", lines.name);
            return Err(Error::setting("layout", layout, what));
        }
        if self.probs {
            let what = format!("{} is a server's answer, which says itself what its numbers are", lines.name);
            return Err(Error::setting("probs", "", what));
        }
        let reader = server::read(&lines.name, &lines.text, line)?;
        let options = server::Options {
            portion: self.portion,
            rows: self.rows,
            names: self.names.as_ref(),
            vocab_size: self.vocab_size,
        };
        Ok(Box::new(server::Served::new(lines.name, reader, &options)?))
    }

    fn document(self, name: String, content: Content) -> Result<Source> {
        if content.ids.is_some()
            || content.prefix.is_some()
            || content.logprobs
            || content.wrong_taken().is_some()
        {
            let what = "a document holds \"logits\" and \"vocab\"; sparse steps and tables are JSON Lines, one object a line";
            return Err(Error::input(name, Place::default(), what));
        }
        let format = Format { name: "JSON".into(), ..Format::default() };
        let steps = Steps::new(name, &content.axes, self.layout, content.logits)?;
        let mut steps = steps.with_vocab(content.vocab)?.with_format(format);
        if let Some(id) = content.id {
            if steps.shape().sequences.len() != 1 {
                let what =
                    "one \"id\" for several sequences; in JSON Lines with `Layout::Bv` each line has its own";
                return Err(Error::input(steps.name(), Place::default(), what));
            }
            steps = steps.with_ids([(0, id)].into());
        }
        match self.kind {
            Meaning::Bigram => self.bigram(steps),
            Meaning::Auto => {
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
            (Meaning::Bigram, _) => {
                self.no_steps("a bigram matrix")?;
                let matrix = Steps::collect(&mut Stream::new(name, rows, grid, format))?;
                self.bigram(matrix)
            }
            (Meaning::Auto, None | Some(Layout::Tv)) => {
                grid.select(&name, self.rows)?;
                Ok(Box::new(Stream::new(name, rows, grid, format)))
            }
            // The number of sequences must be known before the first one is decoded.
            (Meaning::Auto, Some(Layout::Bv)) => {
                let steps = Steps::collect(&mut Stream::new(name, rows, grid, format))?;
                Ok(Box::new(steps.relabel(Layout::Bv)?.select(self.rows)?))
            }
            (Meaning::Auto, Some(layout)) => {
                let what = format!("{name} is JSON Lines, one row a line; layouts for it: tv or bv");
                Err(Error::setting("layout", layout, what))
            }
        }
    }
}

/// Reads what follows the line to its end.
fn rest(lines: &mut Lines) -> Result<()> {
    let rest = lines.from.by_ref().take(LARGEST).read_to_end(&mut lines.text);
    if rest.map_err(|source| Error::Io { file: lines.name.clone(), source })? as u64 == LARGEST {
        let what = "a JSON document of more than 1 GiB: save such logits as NPY, with numpy.save";
        return Err(Error::input(&lines.name, Place::default(), what));
    }
    Ok(())
}
