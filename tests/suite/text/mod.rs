//! Text in and out: tokenizers, stop strings, and the commands that take text.

#[cfg(feature = "tokenizer")]
mod commands;
#[cfg(feature = "tokenizer")]
mod reference;
mod stops;
