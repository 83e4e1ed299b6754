//! Which row of a model belongs to which row of its base.

use crate::source::{LogitsSource, Query, Row};
use crate::{Error, Place, Result};

/// How the rows of Q stand to those of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alignment {
    form: Form,
    /// The base: its first stored step, the tokens of a chunk, the chunks, and its name.
    first: usize,
    n_ctx: usize,
    chunks: usize,
    base: String,
    /// First sequence and step of Q.
    from: (usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The same steps under the same numbers.
    Same,
    /// The base's rows, numbered from 0.
    Rows,
    /// A row for each token of a chunk: row t follows token t.
    Tokens,
    /// The base's rows, of all chunks in one sequence.
    FlatRows,
    /// A row for each token, of all chunks in one sequence.
    FlatTokens,
}

impl Alignment {
    pub fn of(base: &dyn LogitsSource, q: &dyn LogitsSource) -> Result<Alignment> {
        let (x, y) = (base.shape(), q.shape());
        let bad = |what: String| Error::input(q.name(), Place::default(), what);
        let n_ctx = base.carried().first().map_or(0, |c| c.ids.len());
        // what follows counts on its chunks
        if !base.format().is_kld() {
            let what = "is no .kld, and the statistics need one as their base: its rows are of the second half of each chunk";
            return Err(Error::input(base.name(), Place::default(), what));
        }
        if n_ctx == 0 {
            let what = "carries no tokens: the statistics are of how well a text is predicted, so the .kld must hold its tokens";
            return Err(Error::input(base.name(), Place::default(), what));
        }
        if y.follows_prefix {
            return Err(bad("its rows follow the prefix: the comparison is of steps".into()));
        }
        if let (Some(x), Some(y)) = (x.vocab, y.vocab)
            && x != y
        {
            return Err(bad(format!("vocabulary size: {y}, but {} has {x}", base.name())));
        }
        let (chunks, first) = (x.sequences.len(), n_ctx / 2 + 1);
        let rows = n_ctx - first;
        let made = |form| Alignment {
            form,
            first,
            n_ctx,
            chunks,
            base: base.name().to_owned(),
            from: (y.sequences.start, y.first_step),
        };
        if q.format().is_kld() {
            same_text(base, q)?;
            return Ok(made(Form::Same));
        }
        let fits = |steps: usize| match (y.sequences.len(), steps) {
            (n, steps) if n == chunks && steps == rows => Some(Form::Rows),
            (n, steps) if n == chunks && (steps == n_ctx || steps == n_ctx - 1) => Some(Form::Tokens),
            (1, steps) if steps == chunks * rows => Some(Form::FlatRows),
            (1, steps) if steps == chunks * n_ctx => Some(Form::FlatTokens),
            _ => None,
        };
        match y.steps().map(fits) {
            // only the end of a stream tells how many there are
            None if y.sequences.len() == 1 => Ok(made(Form::FlatRows)),
            Some(Some(form)) => Ok(made(form)),
            _ => Err(bad(format!(
                "{} sequences of {} steps, but {} has {chunks} chunks of {n_ctx} tokens: give {rows} rows for each of them (those of \
                 its tokens {first} to {}), or {n_ctx} (a row after every token)",
                y.sequences.len(),
                y.steps().map_or("unknown".into(), |n| n.to_string()),
                base.name(),
                n_ctx - 1,
            ))),
        }
    }

    /// The sequence and step of Q for a row of the base.
    pub fn place(&self, chunk: usize, step: usize) -> (usize, usize) {
        let (sequence, from) = self.from;
        let (row, rows) = (step - self.first, self.n_ctx - self.first);
        match self.form {
            Form::Same => (sequence + chunk, step),
            Form::Rows => (sequence + chunk, from + row),
            Form::Tokens => (sequence + chunk, from + step - 1),
            Form::FlatRows => (sequence, from + chunk * rows + row),
            Form::FlatTokens => (sequence, from + chunk * self.n_ctx + step - 1),
        }
    }

    /// The error for a row that Q lacks.
    pub fn short(&self, name: &str, sequence: usize, step: usize) -> Error {
        let what = format!("no row here, but {} has one for it", self.base);
        Error::input(name, Place::row(sequence, step), what)
    }

    /// A stream, whose length was not known, must not go on behind the last row.
    pub fn expect_end(&self, q: &mut dyn LogitsSource, buffer: &mut Vec<Row>) -> Result<()> {
        if q.shape().end_step.is_some() {
            return Ok(());
        }
        let (sequence, step) = self.place(self.chunks, self.first);
        q.rows(&[Query { sequence, step, context: &[], prompt_len: 0 }], buffer)?;
        if buffer.first().is_none_or(|row| row.ended) {
            return Ok(());
        }
        let what = format!("goes on, but {} has no further row", self.base);
        Err(Error::input(q.name(), Place::row(sequence, step), what))
    }
}

/// Both must be of one text.
fn same_text(base: &dyn LogitsSource, q: &dyn LogitsSource) -> Result<()> {
    let (x, y) = (base.shape(), q.shape());
    // of the base a part may be selected
    let fits =
        x.sequences.len() == y.sequences.len() && x.first_step >= y.first_step && x.end_step <= y.end_step;
    if !fits {
        let say = |s: &crate::source::Shape| {
            format!("{} chunks, steps {} to {}", s.sequences.len(), s.first_step, s.end_step.unwrap_or(1) - 1)
        };
        let what = format!("{}, but {} has {}", say(&y), base.name(), say(&x));
        return Err(Error::input(q.name(), Place::default(), what));
    }
    for (chunk, (a, b)) in base.carried().iter().zip(q.carried()).enumerate() {
        if let Some(step) = (0..a.ids.len()).find(|&i| a.ids.get(i) != b.ids.get(i)) {
            let (a, b) = (a.ids.get(step), b.ids.get(step));
            let what = format!(
                "its text has token {}, that of {} has {}: both must be of the same text",
                b.map_or("none".into(), ToString::to_string),
                base.name(),
                a.map_or("none".into(), ToString::to_string)
            );
            return Err(Error::input(q.name(), Place::row(chunk, step), what));
        }
    }
    Ok(())
}
