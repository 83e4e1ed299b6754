//! tokpick: decoding, the step from a language model's logits to token ids.
//!
//! A row of logits, through temperature, top-k and top-p, to a token id:
//!
//! ```
//! use rand::SeedableRng;
//! use rand_chacha::ChaCha8Rng;
//! use tokpick::prelude::*;
//! use tokpick::processor::{temperature, top_k, top_p};
//!
//! let logits: Vec<f32> = vec![2.0, -1.0, 0.5, 1.8];
//! let chain = Chain::new([temperature(0.8)?, top_k(3, 1)?, top_p(0.9, 1)?]);
//! let mut candidates = chain.on(&logits)?;
//! let id = FromRng::new(ChaCha8Rng::seed_from_u64(1)).draw(&mut candidates);
//! assert!(id == Some(0) || id == Some(3)); // token 2 lies beyond top-p
//! # Ok::<(), tokpick::Error>(())
//! ```
//!
//! Beam search over a closure that gives the next-token logits after a context:
//!
//! ```
//! use tokpick::prelude::*;
//!
//! // after 1 the best token is 2 (but that leads nowhere), after 3 surely the end, 0
//! let mut model = from_fn(4, |context| match context.last() {
//!     Some(1) => [-9.0, -9.0, 1.0, 0.8],
//!     Some(3) => [5.0, 0.0, 0.0, 0.0],
//!     _ => [0.0; 4],
//! });
//! let (chain, limits) = (Chain::default(), Limits::new(5).with_eos([0]));
//! let found = Beam::new(3)?.decode(&mut model, &Job::new(&chain).prompt(&[1]).limits(&limits))?;
//! assert_eq!(found[0].ids, [3, 0]);
//! # Ok::<(), tokpick::Error>(())
//! ```
//!
//! A file of NPY, `[T, V]`, sampled with the draw that gives the same ids on every machine:
//!
//! ```
//! use tokpick::prelude::*;
//! use tokpick::processor::top_k;
//!
//! let mut file = Open::new("fixtures/tiny-lm/steps.npy").open()?;
//! let chain = Chain::new([top_k(20, 1)?]);
//! let found = Sample::new(Addressed::new(7)).decode(file.as_mut(), &Job::new(&chain).logprobs(true))?;
//! assert_eq!((found[0].ids.len(), found[0].logprobs.len()), (24, 24));
//! # Ok::<(), tokpick::Error>(())
//! ```
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
//! - [`text::Tokens`]: ids into text and back; [`text::Stop`]: where a text ends a sequence.
//! - [`sampler::Sampler`]: a decoding strategy runs the loop.
//! - [`hypothesis::Hypothesis`]: what comes out.
//! - [`trace::Trace`] watches all of it.
//!
//! Logits, log-probabilities and entropies are in nats.

pub mod candidates;
pub mod check;
#[cfg(feature = "cli")]
mod cli;
pub mod draw;
pub mod engine;
mod error;
pub mod hypothesis;
#[doc(hidden)]
pub mod kernel;
pub mod prelude;
pub mod processor;
pub mod render;
pub mod sampler;
pub mod settings;
pub mod source;
#[doc(hidden)]
pub mod system;
pub mod text;
pub mod trace;

// the command line names the library as every other program does
#[cfg(feature = "cli")]
extern crate self as tokpick;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub use cli::embed as command;
pub use error::{Error, Place, Result};

/// A token id: the position of a token in the vocabulary.
pub type TokenId = u32;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
