//! What a model answered: cutting it out of the process's output, and reading it.

use std::io::{self, BufRead, Read};

use super::{ModelCommand, Protocol};
use crate::TokenId;
use crate::source::npy::header;
use crate::source::padding::bar;
use crate::source::text::json::{Content, Hints};
use crate::source::text::lines;
use crate::source::{DtypeHint, Open, Query, Row};
use crate::{Error, Place};

/// A document from the process's standard output, or what stands in its place.
#[derive(Debug)]
pub(super) enum Answer {
    Document(Vec<u8>),
    Garbage(String),
    End,
}

impl Answer {
    /// Waits for the next document.
    pub fn next(from: &mut impl BufRead, protocol: Protocol, hint: Option<DtypeHint>) -> Answer {
        let read = match protocol {
            Protocol::Json => line(from),
            Protocol::Npy => npy(from, hint),
        };
        read.unwrap_or_else(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => Answer::End,
            io::ErrorKind::FileTooLarge => Answer::Garbage(format!("an answer that doesn't end: {e}")),
            _ => Answer::Garbage(format!("its standard output can't be read: {e}")),
        })
    }
}

/// The largest NPY answer, in bytes.
const LARGEST: u64 = 1 << 30;

/// A line that is not blank.
fn line(from: &mut impl BufRead) -> io::Result<Answer> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines::line(from, &mut line)? == 0 {
            return Ok(Answer::End);
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Answer::Document(line));
        }
    }
}

/// An NPY document: its header tells how long it is.
fn npy(from: &mut impl BufRead, hint: Option<DtypeHint>) -> io::Result<Answer> {
    let start = from.fill_buf()?;
    match start.first() {
        None => return Ok(Answer::End),
        Some(0x93) => {}
        Some(_) => {
            return Ok(Answer::Garbage(format!("an answer that is no NPY document: {}", excerpt(start))));
        }
    }
    let mut document = Vec::new();
    let header = match header::read("", &mut Tee { from: &mut *from, copy: &mut document }, hint) {
        Ok(header) => header,
        Err(Error::Io { source, .. }) => return Err(source),
        Err(error) => {
            return Ok(Answer::Garbage(format!("an answer that is no NPY document: {}", what(error).0)));
        }
    };
    let Some(promised) = header.data_len().filter(|promised| *promised <= LARGEST) else {
        return Ok(Answer::Garbage(format!(
            "an NPY document with axes {:?}: an answer has at most 1 GiB",
            header.axes
        )));
    };
    // memory is taken as the data come, whatever the header promises
    let came = from.by_ref().take(promised).read_to_end(&mut document)?;
    if (came as u64) < promised {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Answer::Document(document))
}

/// A reader that keeps a copy of what was read.
struct Tee<'a, R> {
    from: &'a mut R,
    copy: &'a mut Vec<u8>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.copy.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

/// What is wrong with an answer, and in which of its rows.
#[derive(Debug)]
pub(super) struct Bad {
    pub row: usize,
    pub token: Option<TokenId>,
    pub what: String,
}

fn bad(what: impl Into<String>) -> Bad {
    Bad { row: 0, token: None, what: what.into() }
}

/// Reads the rows of an answer to a question for `count` rows; `vocab` is what earlier answers had.
pub(super) fn read(
    document: &[u8],
    settings: &ModelCommand,
    count: usize,
    vocab: Option<usize>,
) -> Result<Vec<Row>, Bad> {
    let mut rows = match settings.protocol {
        Protocol::Json => read_json(document, settings, count)?,
        Protocol::Npy => read_npy(document, settings, count)?,
    };
    for (number, row) in rows.iter().enumerate() {
        let found = row.logits.len();
        let expected = vocab.unwrap_or(rows[0].logits.len());
        if found == 0 {
            return Err(Bad { row: number, ..bad("the answer holds no logit") });
        }
        if found != expected {
            let what = format!("the answer has {found} logits in a row, the vocabulary has {expected}");
            return Err(Bad { row: number, ..bad(what) });
        }
        if let Some(least) = settings.vocab_size.filter(|least| *least > found || *least == 0) {
            let what = format!("the answer has {found} logits in a row, the vocabulary has {least}");
            return Err(Bad { row: number, ..bad(what) });
        }
    }
    if let Some(vocab) = settings.vocab_size {
        rows.iter_mut().for_each(|row| bar(row, vocab));
    }
    Ok(rows)
}

/// Refuses what no chain can decode, unless it repairs.
pub(super) fn check(rows: Vec<Row>) -> Result<Vec<Row>, Bad> {
    for (number, row) in rows.iter().enumerate() {
        if let Some(at) = row.logits.iter().position(|x| x.is_nan() || *x == f32::INFINITY) {
            let name = if row.logits[at].is_nan() { "NaN" } else { "+inf" };
            let what = format!(
                "the model's logit is {name}: mend the model, or put remove_invalid_values into the chain"
            );
            return Err(Bad { row: number, token: TokenId::try_from(at).ok(), what });
        }
        if row.logits.iter().all(|x| *x == f32::NEG_INFINITY) {
            return Err(Bad { row: number, ..bad("the model masks every token: no logit is finite") });
        }
    }
    Ok(rows)
}

/// Cuts an array into rows, if it has as many as were asked for.
fn cut(axes: &[usize], logits: &[f32], count: usize) -> Result<Vec<Row>, Bad> {
    match *axes {
        [v] if count == 1 => Ok(vec![Row { vocab: v, ..Row::dense(logits.to_vec()) }]),
        [rows, v] if rows == count => {
            Ok((0..rows).map(|i| Row::dense(logits[i * v..(i + 1) * v].to_vec())).collect())
        }
        _ if count == 1 => {
            Err(bad(format!("the answer has the axes {axes:?}; one prefix was asked for: [V]")))
        }
        _ => Err(bad(format!(
            "the answer has the axes {axes:?}; {count} prefixes were asked for: [{count}, V]"
        ))),
    }
}

fn read_json(document: &[u8], settings: &ModelCommand, count: usize) -> Result<Vec<Row>, Bad> {
    let mut content = Content::default();
    let context = Hints {
        file: "",
        null_is_masked: settings.null_is_masked,
        probs: false,
        line: 1,
        step: None,
        layout: None,
    };
    content.parse(document, context).map_err(|error| {
        let (what, token) = what(error);
        let what = format!("an answer that can't be read: {what}: {}", excerpt(document));
        Bad { row: 0, token, what }
    })?;
    if content.ids.is_some() || content.prefix.is_some() || content.vocab.is_some() || content.id.is_some() {
        return Err(bad("an answer holds \"logits\" and nothing else"));
    }
    cut(&content.axes, &content.logits, count)
}

fn read_npy(document: &[u8], settings: &ModelCommand, count: usize) -> Result<Vec<Row>, Bad> {
    let unreadable = |error| {
        let (what, token) = what(error);
        Bad { row: 0, token, what: format!("an answer that can't be read: {what}") }
    };
    let open = Open { dtype: settings.dtype, ..Open::new("") };
    let mut source = open.read(io::Cursor::new(document.to_vec())).map_err(unreadable)?;
    let axes = source.format().axes;
    let (mut logits, mut row) = (Vec::new(), Vec::new());
    if axes.len() < 3 {
        for step in 0..source.shape().end_step.unwrap_or(0) {
            let query = Query { sequence: 0, step, context: &[], prompt_len: 0 };
            source.rows(&[query], &mut row).map_err(unreadable)?;
            row.iter().for_each(|row| logits.extend_from_slice(&row.logits));
        }
    }
    cut(&axes, &logits, count)
}

/// What an error of a reader says, without the place in a file.
fn what(error: Error) -> (String, Option<TokenId>) {
    match error {
        Error::Input { what, place: Place { token, .. }, .. } => (what, token),
        other => (other.to_string(), None),
    }
}

/// The beginning of something unreadable.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let bytes = bytes.trim_ascii();
    let shown = bytes[..bytes.len().min(40)].escape_ascii();
    if bytes.len() > 40 { format!("«{shown}…»") } else { format!("«{shown}»") }
}
