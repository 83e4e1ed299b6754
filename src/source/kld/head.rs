//! What stands before the rows of a `.kld`.

use std::io::{self, Read};

use super::row_bytes;
use crate::source::Carried;
use crate::source::layout::Grid;
use crate::{Error, Place, Result, TokenId};

/// Bytes before the tokens.
const FIXED: u64 = 20;

/// The most tokens that are read: they are held in memory.
const MOST_TOKENS: u64 = 1 << 25;

/// Tokens that are read at once: memory is taken as they come.
const BLOCK: u64 = 1 << 14;

/// The header of a `.kld`, and the tokens of its chunks.
#[derive(Debug)]
pub(super) struct Header {
    n_ctx: usize,
    vocab: usize,
    chunks: usize,
    /// The tokens of each chunk.
    pub text: Vec<Carried>,
}

impl Header {
    /// Reads it; `from` stands at the first row then. Where the length of the file is known it must be what the numbers promise.
    pub fn read(name: &str, from: &mut dyn Read, len: Option<u64>) -> Result<Header> {
        let bad = |what: String| Error::input(name, Place::default(), what);
        let cut = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => bad("truncated: the .kld ends before its first row".into()),
            _ => Error::Io { file: name.into(), source: e },
        };
        let mut fixed = [0; FIXED as usize];
        from.read_exact(&mut fixed).map_err(cut)?;
        let number = |at: usize| {
            let bytes = fixed.get(at..at + 4).and_then(|b| b.try_into().ok()).unwrap_or_default();
            i32::from_le_bytes(bytes)
        };
        let [n_ctx, vocab, chunks] = [number(8), number(12), number(16)];
        let counts = format!("n_ctx {n_ctx}, n_vocab {vocab}, n_chunk {chunks}");
        let [Ok(n_ctx), Ok(vocab), Ok(chunks)] = [n_ctx, vocab, chunks].map(usize::try_from) else {
            return Err(bad(format!("{counts}: no counts of a .kld")));
        };
        if n_ctx < 3 || vocab == 0 || chunks == 0 {
            return Err(bad(format!("{counts}: there is no row in it")));
        }
        let head = Header { n_ctx, vocab, chunks, text: Vec::new() };
        let tokens = n_ctx as u64 * chunks as u64;
        if let Some(len) = len {
            let rows = head.steps() as u128 * chunks as u128 * u128::from(row_bytes(vocab));
            let promised = u128::from(FIXED) + 4 * u128::from(tokens) + rows;
            if promised != u128::from(len) {
                let what = match u128::from(len).checked_sub(promised) {
                    Some(more) => format!("{more} bytes after the last row ({counts})"),
                    None => format!(
                        "truncated: its header promises {promised} bytes ({counts}), the file holds {len}"
                    ),
                };
                return Err(bad(what));
            }
        }
        if tokens > MOST_TOKENS {
            return Err(bad(format!("{counts}: of more than {MOST_TOKENS} tokens the rows are not read")));
        }
        head.with_tokens(name, from, tokens).map_err(|e| match e {
            Error::Io { source, .. } => cut(source),
            other => other,
        })
    }

    fn with_tokens(mut self, name: &str, from: &mut dyn Read, mut left: u64) -> Result<Header> {
        let mut bytes = vec![0; 4 * BLOCK.min(left) as usize];
        let mut chunk = Vec::new();
        while left > 0 {
            let count = BLOCK.min(left);
            let block = &mut bytes[..4 * count as usize];
            from.read_exact(block).map_err(|source| Error::Io { file: name.into(), source })?;
            for id in block.as_chunks::<4>().0.iter().map(|bytes| TokenId::from_le_bytes(*bytes)) {
                if id as usize >= self.vocab {
                    let place = Place::row(self.text.len(), chunk.len());
                    let what = format!("the text's token {id} is outside the vocabulary of {}", self.vocab);
                    return Err(Error::input(name, place, what));
                }
                chunk.push(id);
                if chunk.len() == self.n_ctx {
                    self.text.push(Carried { ids: chunk.as_slice().into(), ..Carried::default() });
                    chunk.clear();
                }
            }
            left -= count;
        }
        Ok(self)
    }

    /// The first token of a chunk that has a row.
    fn first(&self) -> usize {
        self.n_ctx / 2 + 1
    }

    /// Rows of a chunk.
    fn steps(&self) -> usize {
        self.n_ctx - self.first()
    }

    /// The rows: a sequence for each chunk, a step for each token that has one.
    pub fn grid(&self) -> Grid {
        Grid::from_step(self.first(), self.chunks, self.steps(), self.vocab)
    }

    /// Position of the first row in the file.
    pub fn rows_start(&self) -> u64 {
        FIXED + 4 * self.n_ctx as u64 * self.chunks as u64
    }
}
