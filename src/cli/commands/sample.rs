use clap::Args;
use tokpick::draw::{Argmax, Draw};
use tokpick::engine::{EngineDraw, Params, caution};
use tokpick::{Error, Result, sampler};

use crate::cli::args::{DrawArgs, Seed, resolve_seed};
use crate::cli::decode::{self, Decode, DecodeArgs, Setup, Strategy};
use crate::cli::files::Files;
use crate::cli::{Run, Status, note::note};

#[derive(Args)]
#[command(mut_args(|arg| decode::hide(arg, &["num_beams", "length_penalty", "length_norm", "early_stopping", "num_return_sequences", "beam_margin", "beam_sample", "stochastic", "num_beam_groups", "diversity_penalty", "force_ids"])))]
pub struct Sample {
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Run for Sample {
    fn run(self) -> anyhow::Result<Status> {
        if self.decode.input.is_missing() {
            return decode::help("sample");
        }
        let files = Files::read(&self.decode.settings)?;
        files.note_beams();
        let setup = self.decode.setup(&files)?;
        decode::no_effect(&self.decode.search.given(), "when sampling (they are for `tokpick beam`)");
        let strategy = self.strategy(&files, &setup)?;
        self.decode.run(setup, strategy)
    }
}

impl Decode for Sample {
    fn args(&self) -> &DecodeArgs {
        &self.decode
    }

    fn args_mut(&mut self) -> &mut DecodeArgs {
        &mut self.decode
    }

    fn strategy(&self, files: &Files, setup: &Setup) -> Result<Strategy<'static>> {
        let samples = samples(&self.decode.draw, files)?;
        let watch = self.decode.record.is_some() || self.decode.output.wants_logprobs();
        let Drawing { draw, engine, seed } = draw(&self.decode.draw, files, setup, samples, watch)?;
        let name = draw.name().to_string();
        let sampler = Box::new(sampler::Sample { draw, samples });
        Ok(Strategy { sampler, draw: Some(name), engine, seed })
    }

    fn draw(&self, files: &Files, setup: &Setup) -> Result<Option<Box<dyn Draw>>> {
        let samples = samples(&self.decode.draw, files)?;
        Ok(Some(draw(&self.decode.draw, files, setup, samples, true)?.draw))
    }
}

/// How many samples are drawn of each sequence; the flag wins over files.
pub fn samples(args: &DrawArgs, files: &Files) -> Result<usize> {
    match args.num_samples.or_else(|| files.get(|s| s.num_return_sequences)) {
        Some(0) => Err(Error::setting("--num-samples", 0, "must be 1 or more")),
        n => Ok(n.unwrap_or(1)),
    }
}

/// A draw, and how it is recorded.
pub struct Drawing {
    pub draw: Box<dyn Draw>,
    /// The version of the engine that is replayed.
    pub engine: Option<&'static str>,
    pub seed: Option<Seed>,
}

/// The draw and its seed; a temperature of 0 leaves nothing to draw. `watch`: an engine tells what it knows of its draws.
pub fn draw(args: &DrawArgs, files: &Files, setup: &Setup, samples: usize, watch: bool) -> Result<Drawing> {
    if let (Some(name), Some(params)) = (&args.engine.engine, &setup.params) {
        return engine(name, params, args, files, setup, samples, watch);
    }
    let seeded = |seed: u64| Some(Seed(seed.to_string()));
    let needs_coin = setup.chain.needs().coin;
    if is_greedy(setup) {
        if !needs_coin {
            note("temperature 0 is greedy: the seed doesn't matter");
        }
        decode::no_effect(&args.terminal.given(), "at temperature 0");
        let seed = if needs_coin { seeded(resolve_seed(args.number(files)?)) } else { None };
        return Ok(Drawing { draw: Box::new(Argmax), engine: None, seed });
    }
    let seed = resolve_seed(args.number(files)?);
    Ok(Drawing { draw: args.make(seed)?, engine: None, seed: seeded(seed) })
}

fn engine(
    name: &str,
    params: &Params,
    args: &DrawArgs,
    files: &Files,
    setup: &Setup,
    samples: usize,
    watch: bool,
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
    let seed = match &args.seed {
        Some(seed) => seed.clone(),
        None => Seed(resolve_seed(files.get(|s| s.seed)).to_string()),
    };
    let draw = EngineDraw::new(name, params, &seed.0, shape.sequences.len(), samples)?;
    let engine = Some(draw.engine().version);
    let draw: Box<dyn Draw> = if watch { Box::new(draw.watching()) } else { Box::new(draw) };
    Ok(Drawing { draw, engine, seed: Some(seed) })
}

fn is_greedy(setup: &Setup) -> bool {
    setup.chain.processors().iter().any(|p| p.temperature() == Some(0.0))
}
