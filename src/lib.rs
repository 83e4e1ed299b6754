//! tokpick reads next-token logits and decodes them into token ids.

pub mod engine;
