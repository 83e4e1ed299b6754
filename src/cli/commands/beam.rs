use clap::Args;
use tokpick::sampler::{self, EarlyStopping};

use crate::cli::args::resolve_seed;
use crate::cli::decode::{self, DecodeArgs, Strategy};
use crate::cli::files::Files;
use crate::cli::{Run, Status};

#[derive(Args)]
#[command(mut_args(|arg| decode::hide(arg, &["draw", "num_samples", "stream"])))]
pub struct Beam {
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Run for Beam {
    fn run(self) -> anyhow::Result<Status> {
        let args = self.decode;
        if args.input.is_missing() {
            return decode::help("beam");
        }
        if args.output.stream {
            anyhow::bail!("--stream: beam search knows its tokens only at its end; leave it out");
        }
        let files = Files::read(&args.settings)?;
        let search = search(&args, &files)?;
        let setup = args.setup(&files)?;
        let coin = setup.chain.needs().coin;
        let mut idle = args.draw.given();
        idle.extend(args.draw.seed.filter(|_| !coin).map(|_| "--seed"));
        decode::no_effect(&idle, "in beam search, which draws nothing");
        if setup.limits.eos.is_empty() && args.search.early_stopping.is_some() {
            decode::no_effect(&["--early-stopping"], "without --eos-token-id: no hypothesis ends early");
        }
        let seed = coin.then(|| resolve_seed(args.draw.seed.or_else(|| files.get(|s| s.seed))));
        args.run(setup, Strategy { sampler: Box::new(search), draw: None, seed })
    }
}

/// The search, its parameters checked before the input is opened; flags win over files.
fn search(args: &DecodeArgs, files: &Files) -> tokpick::Result<sampler::Beam> {
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
