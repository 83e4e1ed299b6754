//! Files of llama-perplexity.

use std::fs::File;
use std::io::{BufReader, Read};

use super::{Meaning, Open, Source};
use crate::source::kld;
use crate::source::{Layout, RowRange};
use crate::{Error, Result};

impl Open {
    /// A `.kld` in a regular file of `len` bytes.
    pub(super) fn kld_file(self, name: String, from: BufReader<File>, len: u64) -> Result<Source> {
        let rows = self.kld_rows(&name)?;
        self.checked(Box::new(kld::open_file(name, from, len, rows)?))
    }

    /// A `.kld` that comes from a pipe.
    pub(super) fn kld_pipe(self, name: String, from: Box<dyn Read + Send>) -> Result<Source> {
        let rows = self.kld_rows(&name)?;
        self.checked(Box::new(kld::open_pipe(name, from, rows)?))
    }

    /// The steps that are taken; settings that a `.kld` has no use for are refused.
    fn kld_rows(&self, name: &str) -> Result<Option<RowRange>> {
        self.no_array("a .kld file")?;
        self.no_dtype("a .kld file")?;
        self.no_portion(name)?;
        if self.kind == Meaning::Bigram {
            let what = format!("{name} is a .kld file: it holds the steps of chunks of a text");
            return Err(Error::setting("source", "bigram", what));
        }
        if let Some(layout) = self.layout.filter(|layout| *layout != Layout::Btv) {
            let what = format!("{name} is a .kld file: its chunks are sequences, btv");
            return Err(Error::setting("layout", layout, what));
        }
        if self.probs {
            let what = format!("{name} is a .kld file, which holds log-probabilities: leave it out");
            return Err(Error::setting("probs", "", what));
        }
        Ok(self.rows)
    }
}
