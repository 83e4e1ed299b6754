//! From a language model's logits to token ids.

pub mod kernel;
