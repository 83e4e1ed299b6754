//! Random words, many at once.

mod chacha;
mod race;

pub use chacha::ChaCha8;
pub use race::{Race, race};
