//! How tokens are drawn.

use std::hash::{BuildHasher, Hasher, RandomState};

use clap::{Args, ValueEnum};
use tokpick::draw::{Addressed, Draw, Gumbel};
use tokpick::{Error, Result};

use super::terminal::TerminalArgs;
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
    #[command(flatten)]
    pub terminal: TerminalArgs,
}

impl DrawArgs {
    /// The flags that only matter where tokens are drawn.
    pub fn given(&self) -> Vec<&'static str> {
        let mut given = self.terminal.given();
        given.extend(self.draw.map(|_| "--draw"));
        given.extend(self.num_samples.map(|_| "--num-samples"));
        given
    }

    /// The draw of a seed.
    ///
    /// # Errors
    /// Those of a terminal.
    pub fn make(&self, seed: u64) -> Result<Box<dyn Draw>> {
        let Some(terminal) = self.terminal.draw(seed)? else {
            return Ok(self.draw.unwrap_or_default().draw(seed));
        };
        match self.draw {
            Some(_) => Err(Error::setting("--draw", terminal.name(), "replaces the draw: leave out --draw")),
            None => Ok(terminal),
        }
    }
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
    fn draw(self, seed: u64) -> Box<dyn Draw> {
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
