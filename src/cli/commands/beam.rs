use clap::Args;
use tokpick::sampler::{self, EarlyStopping};

use crate::cli::args::{StopName, resolve_seed};
use crate::cli::decode::{self, DecodeArgs, Strategy};
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
        let search = search(&args)?;
        let setup = args.setup()?;
        let coin = setup.chain.needs().coin;
        let mut idle = vec![];
        idle.extend(args.draw.seed.filter(|_| !coin).map(|_| "--seed"));
        idle.extend(args.draw.draw.map(|_| "--draw"));
        idle.extend(args.draw.num_samples.map(|_| "--num-samples"));
        decode::no_effect(&idle, "in beam search, which draws nothing");
        if setup.limits.eos.is_empty() && args.search.early_stopping.is_some() {
            decode::no_effect(&["--early-stopping"], "without --eos-token-id: no hypothesis ends early");
        }
        let seed = coin.then(|| resolve_seed(args.draw.seed));
        args.run(setup, Strategy { sampler: Box::new(search), draw: None, seed })
    }
}

/// The search, its parameters checked before the input is opened.
fn search(args: &DecodeArgs) -> tokpick::Result<sampler::Beam> {
    let args = &args.search;
    let mut search = sampler::Beam::new(args.num_beams.unwrap_or(1))?;
    search.length_penalty = args.length_penalty.unwrap_or(search.length_penalty);
    search.num_return_sequences = args.num_return_sequences.unwrap_or(search.num_return_sequences);
    search.early_stopping = match args.early_stopping {
        None | Some(StopName::False) => EarlyStopping::False,
        Some(StopName::True) => EarlyStopping::True,
        Some(StopName::Never) => EarlyStopping::Never,
    };
    Ok(search)
}
