//! Replays of other engines: from raw float32 logits, parameters and a seed to the very ids that the engine draws.
//!
//! An engine is an order of filters, an arithmetic and a draw. Where its float32 rounding decides which token is
//! drawn, the replay rounds as it does. One file for each engine says how: seeding, words to uniform, uniform to token,
//! order of consumption. [`engines`] lists them, [`build`] makes one.
//!
//! ```
//! use tokpick::engine::{build, Params, ReplayRow, Watch};
//!
//! let params = Params { temperature: Some(0.7), ..Params::default() };
//! let mut torch = build("torch", &params, "42", 1)?;
//! let row = ReplayRow { logits: &[0.1, 2.0, -1.0, 1.5], history: &[], prompt_len: 0, finished: false };
//! let mut drawn = Vec::new();
//! torch.step(&[row], Watch::Ids, &mut drawn)?;
//! assert_eq!(drawn[0].id, 1);
//! torch.accept(0, drawn[0].id);
//! # Ok::<(), tokpick::engine::EngineError>(())
//! ```

mod candle;
mod draw;
mod error;
mod evidence;
mod float;
mod gumbel;
mod jax_fold_in;
mod jax_split;
mod llama_cpp;
mod mlx;
mod mlx_lm;
mod mlx_random;
mod numpy;
mod numpy_filters;
mod numpy_randomstate;
mod params;
mod plan;
mod race;
mod registry;
mod row;
mod seed;
mod seed_sequence;
mod threefry;
mod torch;
mod torch_filters;
mod torch_multinomial;
mod transformers;
mod uniform;
mod vllm;

pub use draw::{EngineDraw, caution};
pub use error::EngineError;
pub use evidence::{Evidence, Margin, Watch};
pub use params::Params;
pub use registry::{Batch, EngineInfo, engines};

/// One row of a step, as the engine sees it.
#[derive(Debug, Clone, Copy)]
pub struct ReplayRow<'a> {
    /// The raw logits, by token id.
    pub logits: &'a [f32],
    /// The prompt's ids and those generated since.
    pub history: &'a [u32],
    /// How many of them are the prompt.
    pub prompt_len: usize,
    /// The row has ended (EOS). It gives no id; whether it still consumes random numbers is the engine's matter.
    pub finished: bool,
}

/// One drawn id.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The row of the step.
    pub row: usize,
    /// The id.
    pub id: u32,
    /// What decided it, if that was asked for.
    pub evidence: Option<Evidence>,
}

/// An engine that is being replayed: parameters, and the state of its generators.
pub trait Replay: Send {
    /// What it replays.
    fn engine(&self) -> &'static EngineInfo;

    /// Draws for one step and replaces `out` by the ids: one for each row that has not finished, in row order
    /// (torch-multinomial: `num_samples` of them). The rows are as many as [`build`] was told, all of one length.
    ///
    /// After an error the generators are somewhere within the step; the replay has to be built anew.
    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>)
    -> Result<(), EngineError>;

    /// The id with which `row` goes on, as if the engine had drawn it in the last step. Engines with state (mirostat,
    /// adaptive-p) follow it; one that they could not have drawn leaves them where their own draw did.
    fn accept(&mut self, row: usize, id: u32) {
        let _ = (row, id);
    }
}

/// An engine's replay, for steps of `batch` rows.
///
/// Refuses, with the reason, what the engine could not have been told: a parameter that it lacks or that is out of its
/// range, a seed that it does not take or could not honour.
pub fn build(name: &str, params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>, EngineError> {
    let info = registry::find(name)?;
    if batch == 0 {
        return Err(EngineError::Setting {
            engine: info.name,
            why: "a batch has at least one row".to_owned(),
        });
    }
    (info.build)(params, seed, batch)
}

#[cfg(test)]
mod tests;
