//! What servers answer: responses with log-probabilities of the likeliest tokens, whole, in batches, or streamed.
//!
//! One parser reads them all. [`text`] finds the documents of a text, [`reader`] tells which layout each has and joins the parts of
//! streams, a file for each layout reads it, [`naming`] finds ids, [`served`] is the source.

mod answer;
mod chat;
mod gemini;
mod legacy;
mod llama_cpp;
mod naming;
mod ollama;
mod pool;
mod prompts;
mod quirks;
mod reader;
mod served;
mod sglang;
mod text;
mod tgi;
mod value;
mod vllm;

use std::fmt;
use std::str::FromStr;

pub(crate) use answer::{Answer, Asked};
pub(crate) use naming::ids_by_text;
pub(super) use served::{Options, Served};
pub(crate) use text::{is_answer, is_events, read, tells};

use crate::{Error, Result};

/// Which tokens of an answer are decoded.
///
/// ```
/// use tokpick::source::Portion;
/// assert_eq!("prompt".parse::<Portion>()?, Portion::Prompt);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// What was generated.
    Generated,
    /// The prompt: step t is its token t; the first has no row.
    Prompt,
}

impl FromStr for Portion {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "generated" => Ok(Portion::Generated),
            "prompt" => Ok(Portion::Prompt),
            _ => Err(Error::setting("part", s, "is generated or prompt")),
        }
    }
}

impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Portion::Generated => "generated",
            Portion::Prompt => "prompt",
        })
    }
}
