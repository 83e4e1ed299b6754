//! Where next-token logits come from.
//!
//! A [`LogitsSource`] answers one question: *what are the next-token logits after this prefix?* It never decides anything.
//! Everything that tokpick can read fits the trait without a second one:
//!
//! | source | access | follows the prefix |
//! |---|---|---|
//! | steps in a file or in memory | random | no: the step number is enough |
//! | a live stream of steps | by step | no |
//! | a prefix table, a bigram matrix | random | yes |
//! | a model process | by step (it answers a batch at once) | yes |

use std::ops::Range;

use crate::{Result, TokenId};

/// In which order a source can give its rows.
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
}

impl Row {
    /// A dense row.
    pub fn dense(logits: Vec<f32>) -> Self {
        Row { vocab: logits.len(), logits, ids: None, ended: false }
    }

    /// Makes this a dense row of `vocab` tokens and hands out the cleared buffer to fill.
    pub fn start_dense(&mut self, vocab: usize) -> &mut Vec<f32> {
        self.ids = None;
        self.vocab = vocab;
        self.ended = false;
        self.logits.clear();
        &mut self.logits
    }

    /// Marks the end of the sequence.
    pub fn end(&mut self) {
        self.logits.clear();
        self.ids = None;
        self.ended = true;
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

    /// The same source for several threads, where its rows can be read at random through a shared reference.
    fn shared(&self) -> Option<&dyn ReadAt> {
        None
    }

    /// Token strings that came inside the input, by id.
    fn vocab(&self) -> Option<&[String]> {
        None
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
