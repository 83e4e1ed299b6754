use clap::Args;
use tokpick::Result;
use tokpick::draw::Draw;
use tokpick::sampler::{self, EarlyStopping};

use crate::cli::args::{StopName, resolve_seed};
use crate::cli::decode::{self, Decode, DecodeArgs, Setup, Strategy};
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
        args.draw.refuse_engine("beam search draws nothing")?;
        search(args)?;
        let setup = args.setup()?;
        let coin = setup.chain.needs().coin;
        let mut idle = vec![];
        idle.extend(args.draw.seed.as_ref().filter(|_| !coin).map(|_| "--seed"));
        idle.extend(args.draw.draw.map(|_| "--draw"));
        idle.extend(args.draw.num_samples.map(|_| "--num-samples"));
        decode::no_effect(&idle, "in beam search, which draws nothing");
        if setup.limits.eos.is_empty() && args.search.early_stopping.is_some() {
            decode::no_effect(&["--early-stopping"], "without --eos-token-id: no hypothesis ends early");
        }
        let strategy = self.strategy(&setup)?;
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

    fn strategy(&self, setup: &Setup) -> Result<Strategy> {
        let number = self.decode.draw.number()?;
        let seed = setup.chain.needs().coin.then(|| resolve_seed(number));
        Ok(Strategy::new(Box::new(search(&self.decode)?), None, seed))
    }

    fn draw(&self, _: &Setup) -> Result<Option<Box<dyn Draw>>> {
        Ok(None)
    }
}

/// The search, its parameters checked before the input is opened.
fn search(args: &DecodeArgs) -> Result<sampler::Beam> {
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
