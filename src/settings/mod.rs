//! What a user writes, turned into chains and parameters.

mod chain;
mod generation_config;
mod imported;
mod model_dir;
mod order;
mod sampling_params;

pub(crate) use chain::split;
pub use chain::{chain, chain_files, chain_with_files, find, processor};
pub use generation_config::generation_config;
pub use imported::{Imported, StrategyFields};
#[cfg(feature = "cli")]
pub(crate) use model_dir::MODEL_FILES;
pub use model_dir::model_dir;
pub use order::{Order, build, order};
pub use sampling_params::sampling_params;

/// What is said of a name that doesn't exist: the nearest one, and all there are.
pub fn unknown(kind: &str, name: &str, valid: &[&str]) -> String {
    let nearest = valid
        .iter()
        .min_by_key(|v| strsim::levenshtein(name, v))
        .filter(|v| strsim::levenshtein(name, v) <= 3);
    let hint = nearest.map_or(String::new(), |n| format!(" (did you mean {n}?)"));
    format!("no such {kind}{hint}; there are: {}", valid.join(", "))
}
