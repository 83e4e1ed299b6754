//! How much sequences have in common: with references (BLEU, ROUGE, METEOR), with each other (self-BLEU), with themselves (distinct-n,
//! rep-n).
//!
//! Everything is defined on sequences of anything that can be ordered: token ids, or words. Nothing here splits or joins, so the values
//! are those of the reference implementations without a tokenizer; fixtures/overlap/ holds theirs.

mod bleu;
mod diversity;
mod meteor;
mod rouge;

use std::collections::BTreeMap;

pub use bleu::{Bleu, corpus_bleu, self_bleu, sentence_bleu};
pub use diversity::{distinct, repetition};
pub use meteor::meteor;
pub use rouge::{Rouge, rouge_l, rouge_n};

/// How often each n-gram of a sequence occurs in it.
fn ngrams<T: Ord>(sequence: &[T], n: usize) -> BTreeMap<&[T], usize> {
    let mut counts = BTreeMap::new();
    for ngram in sequence.windows(n.max(1)) {
        *counts.entry(ngram).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests;
