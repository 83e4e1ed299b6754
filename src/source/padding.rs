//! Rows that are wider than the vocabulary: a model's head is padded, and the ids beyond the vocabulary name no token.

use super::{LogitsSource, Query, Row, Wrapper};
use crate::Result;

/// Masks the logits of the ids from `vocab` up. Those of a sparse row are refused where it is read.
pub(super) fn bar(row: &mut Row, vocab: usize) {
    if row.ids.is_none() {
        row.logits.iter_mut().skip(vocab).for_each(|x| *x = f32::NEG_INFINITY);
    }
}

/// A source that may be wider than its vocabulary.
pub(super) struct Padded {
    pub source: Box<dyn LogitsSource + Send>,
    /// How many tokens there are.
    pub vocab: usize,
}

impl Wrapper for Padded {
    fn inner(&self) -> &dyn LogitsSource {
        self.source.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn LogitsSource {
        self.source.as_mut()
    }

    fn rows_around(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        self.source.rows(at, out)?;
        out.iter_mut().for_each(|row| bar(row, self.vocab));
        Ok(())
    }
}
