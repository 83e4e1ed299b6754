//! How tokens are drawn.

use std::hash::{BuildHasher, Hasher, RandomState};

use clap::{Args, ValueEnum};
use tokpick::draw::{Addressed, Draw, Gumbel};

use crate::cli::note::note;

#[derive(Args)]
#[command(next_help_heading = "Drawing")]
pub struct DrawArgs {
    /// Seed, 0 to 2^64 − 1 (default: a fresh one, said on standard error and recorded)
    #[arg(long, short, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// How tokens are drawn
    #[arg(long, value_name = "NAME")]
    pub draw: Option<DrawName>,
    /// Independent samples of each sequence (default 1)
    #[arg(long, short, value_name = "N")]
    pub num_samples: Option<usize>,
    /// Threads (default: all cores); changes the speed, never the result
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// The draws with randomness of tokpick's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DrawName {
    /// Inverse CDF in id order, one addressed uniform for each token
    #[default]
    #[value(name = "chacha8-v1")]
    Addressed,
    /// Gumbel-max: the same seed couples strategies
    Gumbel,
}

impl DrawName {
    /// The draw of a seed.
    pub fn draw(self, seed: u64) -> Box<dyn Draw> {
        match self {
            DrawName::Addressed => Box::new(Addressed::new(seed)),
            DrawName::Gumbel => Box::new(Gumbel::new(seed)),
        }
    }
}

/// The seed of a run that uses one: the given one, or a fresh one below 2^53, so that every JSON reader keeps it.
pub fn resolve(given: Option<u64>) -> u64 {
    given.unwrap_or_else(|| {
        // the standard library keys its hashers from the system's randomness
        let fresh = RandomState::new().build_hasher().finish() >> 11;
        note(format!("seed {fresh}"));
        fresh
    })
}
