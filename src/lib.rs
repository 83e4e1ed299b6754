//! tokpick: decoding, the step from a language model's logits to token ids.
//!
//! One picture holds the whole crate:
//!
//! ```text
//! LogitsSource  ──row──▶  Chain of Processors  ──candidates──▶  Draw  ──token id──▶  Hypothesis
//! (file, stdin, table,    (temperature, top-k, …)               (randomness)
//!  model process)
//!      ▲                                                                                  │
//!      └──────────────────────── prefix, one token longer ◀───────────────────────────────┘
//!                                a `Sampler` runs this loop
//! ```
//!
//! - [`source::LogitsSource`]: what are the next-token logits after this prefix?
//! - [`candidates::Candidates`]: the ids that are still possible.
//! - [`processor::Processor`]: candidates and context in, changed candidates out.
//! - [`draw::Draw`]: the candidates of one step in, one token id for each row out.
//! - [`sampler::Sampler`]: a decoding strategy runs the loop.
//! - [`hypothesis::Hypothesis`]: what comes out.
//! - [`trace::Trace`] watches all of it.
//!
//! Logits, log-probabilities and entropies are in nats.

pub mod candidates;
pub mod check;
pub mod draw;
pub mod engine;
mod error;
pub mod hypothesis;
#[doc(hidden)]
pub mod kernel;
pub mod processor;
pub mod render;
pub mod sampler;
pub mod settings;
pub mod source;
pub mod system;
pub mod trace;

pub use error::{Error, Place, Result};

/// A token id: the position of a token in the vocabulary.
pub type TokenId = u32;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
