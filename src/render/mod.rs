//! Results into text: ids, JSON, tables. Knows results and traces, and decodes nothing.
//!
//! Everything here writes to a [`Write`] and returns what that returns, so that one place (the caller) decides what a full
//! disk or a closed pipe means. Numbers are the shortest decimals that read back as the same number; what is not finite is
//! `null` in JSON.

mod escape;
pub mod explain;
mod histogram;
mod info;
pub mod kit;
pub mod page;
mod probs;
mod processors;
mod run;
mod split;
mod table;
mod trace;
pub mod tree;

pub use escape::{escape, said};
pub use explain::{Explain, Explained};
pub use histogram::{Counted, Histogram, Outcome, Rest, by_chance};
pub use info::{InputInfo, RowInfo, with_id};
pub use probs::{Distribution, Probs, ProbsFormat};
pub use processors::Processors;
pub use run::{Head, RunFormat, RunWriter};
pub use split::Split;
pub use table::Table;
pub use trace::TraceWriter;
// views take the strings of ids
pub use crate::text::{Decoder, Tokens};

#[cfg(doc)]
use std::io::Write;

use serde_json::{Number, Value};

/// A seed as JSON: a number up to 2^53, where every reader keeps it, and a string above.
///
/// ```
/// use tokpick::render::seed;
/// assert_eq!(seed(7).to_string(), "7");
/// assert_eq!(seed(u64::MAX).to_string(), r#""18446744073709551615""#);
/// ```
pub fn seed(seed: u64) -> Value {
    if seed <= 1 << 53 { seed.into() } else { seed.to_string().into() }
}

/// A number as it stands in every output: the shortest decimal that reads back as the same f64; `null` if it isn't finite.
///
/// ```
/// use tokpick::render::number;
/// assert_eq!(number(0.1), "0.1");
/// assert_eq!(number(1e-300), "1e-300");
/// assert_eq!(number(f64::NAN), "null");
/// ```
pub fn number(x: f64) -> String {
    Number::from_f64(x).map_or_else(|| "null".to_string(), |n| n.to_string())
}
