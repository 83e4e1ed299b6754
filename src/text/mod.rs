//! Text: what token ids are in it, the ids of a text, and where a text ends a sequence.
//!
//! - [`Tokens`]: the strings of a vocabulary, or a tokenizer; ids into text and back.
//! - [`Decoder`]: text as its ids come, never a part of a character.
//! - [`Stop`]: stop strings and loops, which end a sequence.

mod decoder;
mod spelling;
mod stop;
mod tokenizer;
mod tokens;

pub use decoder::Decoder;
pub use stop::{Stop, StopReader};
pub use tokens::Tokens;
