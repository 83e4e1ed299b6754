//! From what is resolved to a decoding strategy: the sampler, its draw and its seed.

use serde_json::Value;
use tokpick::draw::{Argmax, Draw};
use tokpick::engine::{EngineDraw, Params, caution};
use tokpick::processor::Chain;
use tokpick::sampler::Sampler;
use tokpick::{Error, Result};

use super::args::{DecodeArgs, DrawArgs, Seed, resolve_seed};
use super::note::{no_effect, note};
use super::resolve::{self, Files, Setup};

/// A command that decodes: its flags, and its strategy once everything is resolved.
pub trait Decode {
    /// The flags.
    fn args(&self) -> &DecodeArgs;

    /// What the settings files say, as far as this strategy follows them.
    ///
    /// # Errors
    /// As [`Files::read`].
    fn files(&self) -> Result<Files> {
        Files::read(&self.args().settings)
    }

    /// Checks the flags and builds the strategy.
    ///
    /// # Errors
    /// Flags that don't go together.
    fn strategy(&self, setup: &Setup) -> Result<Strategy<'static>>;

    /// The draw alone; `None` where tokens aren't taken one at a time.
    ///
    /// # Errors
    /// As [`strategy`](Self::strategy).
    fn draw(&self, _setup: &Setup) -> Result<Option<Box<dyn Draw>>> {
        Ok(None)
    }
}

/// A strategy, and how it is recorded.
pub struct Strategy<'a> {
    pub sampler: Box<dyn Sampler + 'a>,
    pub draw: Option<String>,
    /// The version of the engine that is replayed.
    pub engine: Option<&'static str>,
    pub seed: Option<Seed>,
    /// What decides and was not given: recorded with the command, in words that say it.
    pub settled: Vec<String>,
}

impl<'a> Strategy<'a> {
    /// A strategy with draws of tokpick's own.
    pub fn new(sampler: Box<dyn Sampler + 'a>, draw: Option<String>, seed: Option<u64>) -> Self {
        Strategy { sampler, draw, engine: None, seed: seed.map(Seed::from), settled: Vec::new() }
    }

    /// The seed of processors' coins.
    pub fn number(&self) -> u64 {
        self.seed.as_ref().map_or(0, Seed::coins)
    }

    /// The seed in JSON.
    pub fn seed_json(&self) -> Option<Value> {
        self.seed.as_ref().map(Seed::json)
    }
}

/// A draw, and how it is recorded.
pub struct Drawing {
    pub draw: Box<dyn Draw>,
    /// The version of the engine that is replayed.
    pub engine: Option<&'static str>,
    pub seed: Option<Seed>,
}

/// How many samples are drawn of each sequence; the flag wins over files.
///
/// # Errors
/// A number of 0.
pub fn samples(args: &DrawArgs, files: &Files) -> Result<usize> {
    match args.num_samples.or_else(|| files.get(|s| s.num_return_sequences)) {
        Some(0) => Err(Error::setting("--num-samples", 0, "must be 1 or more")),
        n => Ok(n.unwrap_or(1)),
    }
}

/// The draw and its seed; a temperature of 0 leaves nothing to draw.
///
/// # Errors
/// A seed that is none; what an engine lacks; settings that exclude each other.
pub fn draw(args: &DrawArgs, setup: &Setup, samples: usize) -> Result<Drawing> {
    let resolved = &setup.resolved;
    if let (Some(name), Some(params)) = (&args.engine.engine, &resolved.params) {
        return engine(name, params, args, setup, samples);
    }
    let needs_coin = resolved.chain.needs().coin;
    let number = resolve::seed(args, &setup.files)?;
    if is_greedy(&resolved.chain) {
        if !needs_coin {
            note("temperature 0 is greedy: the seed doesn't matter");
        }
        no_effect(&args.terminal.given(), "at temperature 0");
        let seed = needs_coin.then(|| Seed::from(resolve_seed(number)));
        return Ok(Drawing { draw: Box::new(Argmax), engine: None, seed });
    }
    let seed = resolve_seed(number);
    Ok(Drawing { draw: args.make(seed)?, engine: None, seed: Some(Seed::from(seed)) })
}

fn engine(name: &str, params: &Params, args: &DrawArgs, setup: &Setup, samples: usize) -> Result<Drawing> {
    if let Some(draw) = args.draw {
        return Err(Error::setting("--draw", draw, format!("{name} draws in its own way; leave it out")));
    }
    let shape = setup.opened.source.shape();
    if samples > 1 && shape.follows_prefix {
        let what = "draws several ids from one row, but here the rows follow the ids before them";
        return Err(Error::setting("--engine", name, what));
    }
    if let Some(caution) = caution(name, params) {
        note(caution);
    }
    let seed = match &args.seed {
        Some(seed) => seed.clone(),
        None => Seed::from(resolve_seed(setup.files.get(|s| s.seed))),
    };
    let draw = EngineDraw::new(name, params, &seed.0, shape.sequences.len(), samples)?;
    let engine = Some(draw.engine().version);
    let draw: Box<dyn Draw> = if setup.logprobs { Box::new(draw.watching()) } else { Box::new(draw) };
    Ok(Drawing { draw, engine, seed: Some(seed) })
}

/// True if a temperature of 0 leaves one token.
pub fn is_greedy(chain: &Chain) -> bool {
    chain.processors().iter().any(|p| p.temperature() == Some(0.0))
}
