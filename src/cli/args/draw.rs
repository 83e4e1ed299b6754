//! How tokens are drawn.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde_json::Value;
use tokpick::draw::{Addressed, Draw, Gumbel};
use tokpick::{Error, Result};

use super::group::{Group, Listed};
use super::{EngineArgs, TerminalArgs};
use crate::cli::note::note;

#[derive(Args, Clone)]
#[command(next_help_heading = "Drawing")]
pub struct DrawArgs {
    /// Seed, 0 to 2^64 − 1, or what the engine takes (default: a fresh one, said on standard error and recorded)
    #[arg(long, short, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<Seed>,
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
    pub engine: EngineArgs,
    #[command(flatten)]
    pub terminal: TerminalArgs,
}

/// A seed as it was written: every engine reads its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed(pub String);

impl FromStr for Seed {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "" => Err(Error::setting("--seed", "\"\"", "must be a whole number")),
            text => Ok(Seed(text.to_string())),
        }
    }
}

impl Seed {
    /// The seed of a draw of tokpick's own.
    ///
    /// # Errors
    /// What is no u64.
    pub fn number(&self) -> Result<u64> {
        let range = "must be a whole number from 0 to 2^64 - 1 (other seeds are for --engine)";
        self.0.parse().map_err(|_| Error::setting("--seed", &self.0, range))
    }

    /// The seed of the processors' coins: that of an engine may be no number.
    pub fn coins(&self) -> u64 {
        self.number().unwrap_or(0)
    }

    /// The seed in JSON: a number where every reader keeps it, else as it was written.
    pub fn json(&self) -> Value {
        self.number().map_or_else(|_| Value::from(self.0.clone()), tokpick::render::seed)
    }
}

impl From<u64> for Seed {
    fn from(seed: u64) -> Seed {
        Seed(seed.to_string())
    }
}

/// Those of its own that only matter where tokens are drawn.
impl Group for DrawArgs {
    const FLAGS: &'static [Listed<Self>] =
        &[("--draw", |a| a.draw.is_some()), ("--num-samples", |a| a.num_samples.is_some())];
}

impl DrawArgs {
    /// Refuses an engine where nothing is drawn.
    ///
    /// # Errors
    /// If one was given.
    pub fn refuse_engine(&self, why: &str) -> Result<()> {
        match &self.engine.engine {
            Some(name) => Err(Error::setting("--engine", name, format!("{why}: it is for `tokpick sample`"))),
            None => Ok(()),
        }
    }

    /// The flags that were given and only matter where tokens are drawn.
    pub fn idle(&self) -> Vec<&'static str> {
        [self.terminal.given(), self.engine.given(), self.given()].concat()
    }

    /// Whether a flag, with its hyphens, only matters where tokens are drawn.
    pub fn draws(flag: &str) -> bool {
        TerminalArgs::has(flag) || EngineArgs::has(flag) || Self::has(flag)
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

impl std::fmt::Display for DrawName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == DrawName::Gumbel { "gumbel" } else { "chacha8-v1" })
    }
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
    given.unwrap_or_else(|| fresh(53))
}

/// A fresh seed that every engine takes, below 2^31.
pub fn fresh_for_engines() -> Seed {
    Seed(fresh(31).to_string())
}

fn fresh(bits: u32) -> u64 {
    // the standard library keys its hashers from the system's randomness
    let fresh = RandomState::new().build_hasher().finish() >> (64 - bits);
    note(format!("seed {fresh}"));
    fresh
}
