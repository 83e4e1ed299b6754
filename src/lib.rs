//! tokpick: from logits to token ids.

mod error;
pub mod source;

pub use error::{Error, Place, Result};

/// A token id: the position of a token in the vocabulary.
pub type TokenId = u32;
