//! What the fuzz targets do with their bytes. tokpick's tests replay the corpus through the same functions.
//!
//! Each function takes any bytes, and panics where tokpick breaks a promise.

mod bytes;
mod command;
mod decode;
mod differential;
mod plain;
mod read;
mod replay;
mod text;

#[allow(unused_imports)]
pub use command::{command, command_of};
pub use decode::decode;
pub use differential::differential;
pub use read::read;
pub use replay::replay;
pub use text::text;

/// What a target does with its bytes.
pub type Target = fn(&[u8]);

/// The targets that need nothing but their bytes.
pub const TARGETS: [(&str, Target); 5] =
    [("read", read), ("text", text), ("decode", decode), ("replay", replay), ("differential", differential)];

/// What every error promises: it says something.
fn says(error: &tokpick::Error) {
    assert!(!error.to_string().trim().is_empty(), "an error without words: {error:?}");
}
