//! Where next-token logits come from.
//!
//! A [`LogitsSource`] answers one question: *what are the next-token logits after this prefix?* It never decides anything.
//! Everything that tokpick can read fits the trait without a second one:
//!
//! | source | access | follows the prefix |
//! |---|---|---|
//! | steps in a file or in memory (an array of [`ndarray`]) | random | no: the step number is enough |
//! | a live stream of steps | by step | no |
//! | a prefix table, a bigram matrix | random | yes |
//! | a model process, a function ([`from_fn`]) | by step (a process answers a batch at once) | yes |
//!
//! [`Open`] finds the format of an input from its content and gives the source for it:
//!
//! ```
//! use tokpick::source::{LogitsSource, Open, Query, Row};
//! let mut source = Open::new("a.json").read(&b"[[0.5, 2.0], [1.5, -Infinity]]"[..])?;
//! assert_eq!(source.shape().end_step, Some(2));
//! let mut rows: Vec<Row> = Vec::new();
//! source.rows(&[Query { sequence: 0, step: 1, context: &[], prompt_len: 0 }], &mut rows)?;
//! assert_eq!(rows[0].logits, [1.5, f32::NEG_INFINITY]);
//! # Ok::<(), tokpick::Error>(())
//! ```

mod array;
mod bigram;
pub(crate) mod byte_level;
mod carried;
mod container;
mod counting;
mod dtype;
mod format;
mod from_fn;
mod header;
mod in_place;
mod iter;
mod kld;
mod layout;
mod left_out;
pub(crate) mod lent;
mod model;
pub(crate) mod names;
mod npy;
mod offset;
mod open;
mod padding;
mod positioned;
mod prefix_table;
mod probs;
mod record;
mod remark;
mod rest;
pub(crate) mod server;
mod shard;
mod steps;
mod stream;
pub(crate) mod text;
mod until;
mod view;
mod vocab;
mod wrapper;
pub mod write;

#[cfg(test)]
mod tests;

pub use bigram::Bigram;
pub use carried::Carried;
pub use counting::counting;
pub use dtype::{DtypeHint, RawDtype};
pub use format::Format;
pub use from_fn::{FromFn, from_fn};
pub(crate) use iter::RowPlaces;
pub use iter::{Numbered, RowIter, row_iter};
pub use kld::Floor;
pub use layout::{Layout, RowRange};
pub use left_out::{LeftOut, Seen, left_out};
pub use lent::{Elements, Loan, is_lent, lend};
pub use model::{Model, ModelCommand, Protocol};
pub use names::Names;
pub use offset::offset;
pub use open::{Meaning, Open, file_and_array};
pub use prefix_table::PrefixTable;
pub use record::Recorder;
pub use remark::remarking;
pub(crate) use rest::FLOOR;
pub use rest::{Rest, Taken, leaves_out};
pub use server::Portion;
pub use shard::{Shard, shard};
pub use steps::Steps;
pub use text::lines::{read_prose, read_text};
pub use until::until;
pub use vocab::Vocab;
pub(crate) use wrapper::Wrapper;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use ndarray::Array3;

use crate::{Result, TokenId};

/// In which order a source can give its rows.
///
/// A forward-only source still answers several questions about the place where it stands, in one call or in several: the
/// samples of a step, the beams of a step, and with [`Access::ByStep`] the sequences of the step in any order. What it has
/// passed is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any row at any time.
    Random,
    /// Forward only, all steps of a sequence before the next sequence.
    BySequence,
    /// Forward only, all sequences of a step before the next step.
    ByStep,
}

/// What is known of a source before a row is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The sequences, by their absolute numbers (`--rows` keeps them).
    pub sequences: Range<usize>,
    /// Absolute number of the first step.
    pub first_step: usize,
    /// One past the last step; `None` where only the end of a stream tells, or where rows follow the prefix without a limit.
    pub end_step: Option<usize>,
    /// Vocabulary size V, where it is known before the first row.
    pub vocab: Option<usize>,
    /// Rows depend on the ids before them, not on the step number alone.
    pub follows_prefix: bool,
    /// In which order rows can be asked for.
    pub access: Access,
}

impl Shape {
    /// The shape of a source whose rows follow the prefix: one sequence, from step 0 on without an end.
    pub fn following(vocab: Option<usize>, access: Access) -> Self {
        Shape { sequences: 0..1, first_step: 0, end_step: None, vocab, follows_prefix: true, access }
    }

    /// How many steps a sequence has; `None` where there is no [`end_step`](Self::end_step).
    pub fn steps(&self) -> Option<usize> {
        Some(self.end_step?.saturating_sub(self.first_step))
    }
}

/// One question to a source.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute (for sources that follow the prefix: generated ids so far).
    pub step: usize,
    /// Prompt and generated ids, oldest first.
    pub context: &'a [TokenId],
    /// How many of `context` are the prompt.
    pub prompt_len: usize,
}

impl<'a> Query<'a> {
    /// The ids generated so far: what a prefix table looks up.
    pub fn prefix(&self) -> &'a [TokenId] {
        &self.context[self.prompt_len.min(self.context.len())..]
    }
}

/// One row of logits, dense or sparse. The buffers are reused from step to step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// Dense: V logits by id. Sparse: the logits of `ids`.
    pub logits: Vec<f32>,
    /// Sparse rows: strictly ascending ids; the others are masked.
    pub ids: Option<Vec<TokenId>>,
    /// Vocabulary size V.
    pub vocab: usize,
    /// The source has no row at this place: the sequence ends here.
    pub ended: bool,
    /// The numbers are log-probabilities of a list that leaves tokens out: what is known of these. `None` for logits, and where nothing
    /// is left out.
    pub rest: Option<Rest>,
}

impl Row {
    /// A dense row.
    pub fn dense(logits: Vec<f32>) -> Self {
        Row { vocab: logits.len(), logits, ..Row::default() }
    }

    /// Makes this a dense row of `vocab` tokens and hands out the cleared buffer to fill.
    pub fn start_dense(&mut self, vocab: usize) -> &mut Vec<f32> {
        self.logits.clear();
        self.overwrite_dense(vocab)
    }

    /// Makes this a dense row of `vocab` tokens and hands out the buffer with its old content, for a caller that overwrites all of it.
    pub(crate) fn overwrite_dense(&mut self, vocab: usize) -> &mut Vec<f32> {
        self.ids = None;
        self.vocab = vocab;
        self.ended = false;
        self.rest = None;
        &mut self.logits
    }

    /// Makes this a sparse row of `vocab` tokens: strictly ascending ids, and a number for each.
    pub(crate) fn start_sparse(&mut self, ids: &[TokenId], logits: &[f32], vocab: usize) {
        let mut named = self.ids.take().unwrap_or_default();
        named.clear();
        named.extend_from_slice(ids);
        self.start_dense(vocab).extend_from_slice(logits);
        self.ids = Some(named);
    }

    /// Writes a logit for every one of `vocab` tokens: −∞ for what a sparse row doesn't name. Refuses the vocabulary that one
    /// large id may pretend, in words.
    pub(crate) fn spread(&self, vocab: usize, to: &mut Vec<f32>) -> std::result::Result<(), String> {
        to.clear();
        let Some(ids) = &self.ids else {
            to.extend_from_slice(&self.logits);
            return Ok(());
        };
        spreads(vocab)?;
        to.resize(vocab, f32::NEG_INFINITY);
        for (&id, &logit) in ids.iter().zip(&self.logits) {
            if let Some(slot) = to.get_mut(id as usize) {
                *slot = logit;
            }
        }
        Ok(())
    }

    /// Marks the end of the sequence.
    pub fn end(&mut self) {
        self.logits.clear();
        self.ids = None;
        self.ended = true;
        self.rest = None;
    }

    /// Makes this row equal to `other`, keeping the buffers.
    pub fn copy_from(&mut self, other: &Row) {
        self.logits.clear();
        self.logits.extend_from_slice(&other.logits);
        match (&mut self.ids, &other.ids) {
            (Some(ids), Some(from)) => {
                ids.clear();
                ids.extend_from_slice(from);
            }
            (ids, from) => ids.clone_from(from),
        }
        (self.vocab, self.ended, self.rest) = (other.vocab, other.ended, other.rest);
    }

    /// The logit of a token: −∞ where a sparse row does not name it, `None` outside the vocabulary.
    pub fn logit(&self, id: TokenId) -> Option<f32> {
        match &self.ids {
            _ if id as usize >= self.vocab => None,
            None => self.logits.get(id as usize).copied(),
            Some(ids) => Some(ids.binary_search(&id).map_or(f32::NEG_INFINITY, |i| self.logits[i])),
        }
    }
}

/// The largest vocabulary over which a list of a few tokens is spread.
const WIDEST: usize = 1 << 27;

/// Refuses, in words, a number for each token of a vocabulary that no model has.
pub(crate) fn spreads(vocab: usize) -> std::result::Result<(), String> {
    if vocab <= WIDEST {
        return Ok(());
    }
    Err(format!("V is {vocab}, as its largest id says: too large for numbers of all tokens"))
}

/// Source of next-token logits; see the [module](self).
pub trait LogitsSource {
    /// The input's name in messages: a path, or `standard input`.
    fn name(&self) -> &str;

    /// What is known before a row is read.
    fn shape(&self) -> Shape;

    /// Fills `out[i]` with the row for `at[i]` (`out` is resized to `at.len()`, its buffers are reused).
    ///
    /// # Errors
    /// A row that can't be had: broken content, an unknown prefix, a process that died. The end of the input is not an error: it
    /// sets [`Row::ended`].
    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()>;

    /// The source as several threads read it, where its rows can be read at random through a shared reference.
    fn shared(&self) -> Option<&dyn ReadAt> {
        None
    }

    /// The source as a shared reader, given away for good: what a processor keeps to read companion rows from.
    fn into_shared(self: Box<Self>) -> Option<Arc<dyn ReadAt>> {
        None
    }

    /// All rows as one array `[B, T, V]`, read to the end.
    ///
    /// # Errors
    /// Those of the rows; rows that follow the prefix, are sparse or differ in number or length.
    fn array(&mut self) -> Result<Array3<f32>> {
        iter::array(self)
    }

    /// Token strings that came inside the input, by id.
    fn vocab(&self) -> Option<&[String]> {
        None
    }

    /// Strings that came inside the input, for some of its tokens or for all.
    fn strings(&self) -> Option<Vocab> {
        self.vocab().map(Vocab::from)
    }

    /// Rows may be lists of log-probabilities that leave tokens out ([`Row::rest`]).
    fn leaves_out(&self) -> bool {
        false
    }

    /// What the reader noticed of the input that its user should know.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// The caller's own names of sequences (the `id` of JSON Lines), by the number of the sequence; they are carried to the results.
    fn ids(&self) -> BTreeMap<usize, serde_json::Value> {
        BTreeMap::new()
    }

    /// The tokens that the input carries, one entry for each sequence of [`shape`](Self::shape) in turn; empty where it carries none.
    fn carried(&self) -> &[Carried] {
        &[]
    }

    /// Lets NaN and +∞ through that the source would refuse: the chain of the run repairs them. Sources that check nothing
    /// themselves leave that to the candidates.
    fn accept_invalid(&mut self) {}

    /// True if reading its rows takes so long that other threads are worth it, although they come one after the other.
    fn pays_ahead(&self) -> bool {
        false
    }

    /// Lets the source read rows before they are asked for, with so many threads of the present rayon pool; it reads the same, and the
    /// same errors come at the same rows (of a file that another program changes meanwhile, what was there when they were read). A source
    /// that would wait for others (a pipe, a process) does nothing.
    fn read_ahead(&mut self, _threads: usize) {}

    /// How the input is stored, for reports.
    fn format(&self) -> Format {
        Format::default()
    }
}

/// Random access through a shared reference: what lets rows be decoded in parallel, and companion rows be read by a processor.
pub trait ReadAt: Send + Sync {
    /// Fills `row` for one query.
    ///
    /// # Errors
    /// As [`LogitsSource::rows`].
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()>;
}

/// [`LogitsSource::rows`] of a source with random access: equal places (the samples or beams of one step) are read once.
fn read_rows(source: &dyn ReadAt, at: &[Query<'_>], out: &mut Vec<Row>, follows_prefix: bool) -> Result<()> {
    out.resize_with(at.len(), Row::default);
    for i in 0..at.len() {
        let (done, rest) = out.split_at_mut(i);
        let same = |a: &Query<'_>, b: &Query<'_>| (a.sequence, a.step) == (b.sequence, b.step);
        match done.last() {
            Some(before) if !follows_prefix && same(&at[i - 1], &at[i]) => rest[0].copy_from(before),
            _ => source.read(&at[i], &mut rest[0])?,
        }
    }
    Ok(())
}
