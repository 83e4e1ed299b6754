//! Text: JSON documents, JSON Lines, and whatever is read line by line.

mod ahead;
mod decimal;
pub(crate) mod json;
pub(crate) mod jsonl;
pub(crate) mod lines;
pub(crate) mod unique;
