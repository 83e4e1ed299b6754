//! Random words, many at once.

mod chacha;
mod race;
mod threefry;

pub use chacha::ChaCha8;
pub use race::{Race, race};
pub use threefry::{threefry, threefry_block};
