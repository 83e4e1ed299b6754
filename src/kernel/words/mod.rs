//! Random words, many at once.

mod chacha;
mod mt;
mod race;
mod threefry;

pub use chacha::ChaCha8;
pub use mt::{Mt, least_of_pairs};
pub use race::{Race, race};
pub use threefry::{Half, threefry_block, threefry_words};
