//! Replays of other engines: from raw float32 logits, parameters and a seed to the very ids that the engine draws.
//!
//! An engine is an order of filters, an arithmetic and a draw. Where its float32 rounding decides which token is
//! drawn, the replay rounds as it does. A folder for each family, a file for
//! each engine, says how: seeding, words to uniform, uniform to token, order of consumption; `shared` has what several use. [`engines`]
//! lists them, [`build`] makes one.
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
//! # Ok::<(), tokpick::Error>(())
//! ```

mod candle;
mod draw;
mod evidence;
mod jax;
mod llama_cpp;
mod mlx;
mod numpy;
mod params;
mod probe;
mod registry;
mod replay;
mod sglang;
mod shared;
mod slip;
mod torch;
mod vllm;

pub use draw::{EngineDraw, caution};
pub use evidence::{Beside, Evidence, Ranked, Watch};
pub use params::Params;
pub use probe::Probe;
pub use registry::{Batch, Defaults, EngineInfo, engines, find};
pub use replay::{Drawn, Replay, ReplayRow};
pub use slip::FARTHEST_CUT;

use crate::{Error, Result};

/// An engine's replay, for steps of `batch` rows.
///
/// Refuses, with the reason, what the engine could not have been told: a parameter that it lacks or that is out of its
/// range, a seed that it does not take or could not honour.
pub fn build(name: &str, params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let info = registry::find(name)?;
    if batch == 0 {
        return Err(Error::engine(info.name, "a batch has at least one row"));
    }
    (info.build)(params, seed, batch)
}

#[cfg(test)]
mod tests;
