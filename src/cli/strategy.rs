//! From what is resolved to a decoding strategy: the sampler, its draw and its seed.

use serde_json::Value;
use tokpick::draw::{Argmax, Draw};
use tokpick::engine::{Batch, EngineDraw, EngineInfo, Params, Watch, caution};
use tokpick::processor::Chain;
use tokpick::sampler::Sampler;
use tokpick::{Error, Result};

use super::args::{DecodeArgs, DrawArgs, Group, Seed, fresh_for_engines, resolve_seed};
use super::note::{no_effect, note};
use super::resolve::{self, Files, Setup};
use super::shard;

/// A command that decodes: its flags, and its strategy once everything is resolved.
pub trait Decode {
    /// The flags.
    fn args(&self) -> &DecodeArgs;

    /// The flags, to be changed from row to row.
    fn args_mut(&mut self) -> &mut DecodeArgs;

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
    /// How many hypotheses come of each sequence.
    pub wanted: Wanted,
}

/// How many hypotheses come of each sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// So many, or the run fails.
    Exactly(usize),
    /// So many were asked for; a search may find fewer.
    UpTo(usize),
}

impl<'a> Strategy<'a> {
    /// A strategy with draws of tokpick's own.
    pub fn new(sampler: Box<dyn Sampler + 'a>, draw: Option<String>, seed: Option<u64>) -> Self {
        Strategy {
            sampler,
            draw,
            engine: None,
            seed: seed.map(Seed::from),
            settled: Vec::new(),
            wanted: Wanted::Exactly(1),
        }
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

/// The draw and its seed; a temperature of 0 leaves nothing to draw. An engine keeps as much of a draw as
/// `least` says, or as log-probabilities need.
///
/// # Errors
/// A seed that is none; what an engine lacks; settings that exclude each other.
pub fn draw(args: &DrawArgs, setup: &Setup, samples: usize, least: Watch) -> Result<Drawing> {
    let resolved = &setup.resolved;
    if let (Some(name), Some(params)) = (&args.engine.engine, &resolved.params) {
        let watch = match setup.logprobs {
            _ if least != Watch::Ids => least,
            true => Watch::Evidence,
            false => Watch::Ids,
        };
        return engine(name, params, args, setup, samples, watch);
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

fn engine(
    name: &str,
    params: &Params,
    args: &DrawArgs,
    setup: &Setup,
    samples: usize,
    watch: Watch,
) -> Result<Drawing> {
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
    let info = tokpick::engine::find(name)?;
    refuse_half(info, setup)?;
    let seed = match (&args.seed, &params.row_seeds, setup.files.get(|s| s.seed)) {
        (Some(seed), ..) => seed.clone(),
        // every row has its own
        (None, Some(seeds), _) if info.batch == Batch::Addressed => {
            Seed(seeds.split(',').next().unwrap_or(seeds).to_string())
        }
        (None, _, Some(seed)) => Seed::from(seed),
        (None, _, None) => fresh_for_engines(),
    };
    shard::check_engine(name, params, &setup.opened)?;
    // a part of a job may have no rows
    let draw = EngineDraw::new(name, params, &seed.0, shape.sequences.len().max(1), samples)?;
    let draw = match &args.engine.prompts {
        Some(prompts) => draw.prompts(prompts.clone()),
        None => draw,
    };
    let draw = draw.strict(args.engine.strict);
    let history = [&setup.resolved.prompt[..], &setup.resolved.prefix];
    if let Some(vocab) = shape.vocab.filter(|_| draw.skips_unknown_ids()) {
        let mut outside = history.into_iter().flatten().filter(|id| **id as usize >= vocab);
        if let Some(first) = outside.next() {
            let more = match outside.count() {
                0 => String::new(),
                n => format!(", and {n} more"),
            };
            note(format!(
                "{name} passes over id {first} of the history{more}: it is outside the vocabulary of {vocab} (--strict refuses it)"
            ));
        }
    }
    Ok(Drawing { draw: Box::new(draw.watch(watch)), engine: Some(info.version), seed: Some(seed) })
}

/// Refuses half-precision logits where the engine would have drawn in that type, with noise of that type. torch over float16 gives
/// the ids that tokpick always gave there, those of the same numbers in float32, and says so.
fn refuse_half(info: &EngineInfo, setup: &Setup) -> Result<()> {
    let dtype = setup.opened.source.format().dtype.filter(|d| ["float16", "bfloat16"].contains(d));
    let Some(dtype) = dtype.filter(|_| !info.float32_logits) else { return Ok(()) };
    let why = format!(
        "the logits are {dtype}, and {} draws in the type of its logits, where other ids win",
        info.name
    );
    if info.name.starts_with("torch") && dtype == "float16" {
        note(format!("{why}: these are its ids for the same numbers in float32"));
        return Ok(());
    }
    let what = format!(
        "{why}; only its draws from float32 are replayed: if the run converted its logits to float32 first, do the same to this file"
    );
    Err(Error::setting("--engine", info.name, what))
}

/// True if a temperature of 0 leaves one token.
pub fn is_greedy(chain: &Chain) -> bool {
    chain.processors().iter().any(|p| p.temperature() == Some(0.0))
}
