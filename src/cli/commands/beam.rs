use clap::Args;
use tokpick::Result;
use tokpick::draw::Draw;
use tokpick::sampler::{self, EarlyStopping};

use crate::cli::args::resolve_seed;
use crate::cli::decode::{self, Decode, DecodeArgs, Setup, Strategy};
use crate::cli::files::Files;
use crate::cli::{Run, Status};

#[derive(Args)]
#[command(mut_args(|arg| decode::hide(arg, &["draw", "engine", "row_seeds", "replacement", "mirostat", "mirostat_tau", "mirostat_eta", "mirostat_m", "adaptive_target", "adaptive_decay", "num_samples", "stream"])))]
pub struct Beam {
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Run for Beam {
    fn run(self) -> anyhow::Result<Status> {
        let args = &self.decode;
        if args.input.is_missing() {
            return decode::help("beam");
        }
        if args.output.stream {
            anyhow::bail!("--stream: beam search knows its tokens only at its end; leave it out");
        }
        let files = Files::read(&args.settings)?;
        args.draw.refuse_engine("beam search draws nothing")?;
        search(args, &files)?;
        let setup = args.setup(&files)?;
        let coin = setup.chain.needs().coin;
        let mut idle = args.draw.given();
        idle.extend(args.draw.seed.as_ref().filter(|_| !coin).map(|_| "--seed"));
        decode::no_effect(&idle, "in beam search, which draws nothing");
        if setup.limits.eos.is_empty() && args.search.early_stopping.is_some() {
            decode::no_effect(&["--early-stopping"], "without --eos-token-id: no hypothesis ends early");
        }
        let strategy = self.strategy(&files, &setup)?;
        args.run(setup, strategy)
    }
}

impl Decode for Beam {
    fn args(&self) -> &DecodeArgs {
        &self.decode
    }

    fn args_mut(&mut self) -> &mut DecodeArgs {
        &mut self.decode
    }

    fn strategy(&self, files: &Files, setup: &Setup) -> Result<Strategy> {
        let number = self.decode.draw.number(files)?;
        let seed = setup.chain.needs().coin.then(|| resolve_seed(number));
        Ok(Strategy::new(Box::new(search(&self.decode, files)?), None, seed))
    }

    fn draw(&self, _: &Files, _: &Setup) -> Result<Option<Box<dyn Draw>>> {
        Ok(None)
    }
}

/// The search, its parameters checked before the input is opened; flags win over files.
fn search(args: &DecodeArgs, files: &Files) -> Result<sampler::Beam> {
    let args = &args.search;
    let mut search = sampler::Beam::new(args.num_beams.or_else(|| files.get(|s| s.num_beams)).unwrap_or(1))?;
    if let Some(penalty) = args.length_penalty.or_else(|| files.get(|s| s.length_penalty)) {
        search.length_penalty = penalty;
    }
    if let Some(n) = args.num_return_sequences.or_else(|| files.get(|s| s.num_return_sequences)) {
        search.num_return_sequences = n;
    }
    let stopping = args.early_stopping.map(EarlyStopping::from);
    if let Some(stopping) = stopping.or_else(|| files.get(|s| s.early_stopping)) {
        search.early_stopping = stopping;
    }
    Ok(search)
}
