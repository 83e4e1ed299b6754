use clap::Args;
use tokpick::draw::{Argmax, Draw};
use tokpick::{Result, sampler};

use crate::cli::args::resolve_seed;
use crate::cli::decode::{self, Decode, DecodeArgs, Setup, Strategy};
use crate::cli::files::Files;
use crate::cli::{Run, Status};

#[derive(Args)]
#[command(mut_args(|arg| decode::hide(arg, &["draw", "engine", "row_seeds", "replacement", "mirostat", "mirostat_tau", "mirostat_eta", "mirostat_m", "adaptive_target", "adaptive_decay", "num_samples", "num_beams", "length_penalty", "early_stopping", "num_return_sequences"])))]
pub struct Greedy {
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Run for Greedy {
    fn run(self) -> anyhow::Result<Status> {
        if self.decode.input.is_missing() {
            return decode::help("greedy");
        }
        let args = &self.decode;
        let files = Files::read(&args.settings)?;
        files.note_beams();
        args.draw.refuse_engine("greedy search takes the best token, as every engine does")?;
        let setup = args.setup(&files)?;
        let coin = setup.chain.needs().coin;
        let mut idle = args.search.given();
        idle.extend(args.draw.seed.as_ref().filter(|_| !coin).map(|_| "--seed"));
        idle.extend(args.draw.given());
        decode::no_effect(&idle, "in greedy search");
        decode::idle_in_greedy(&setup.chain);
        let strategy = self.strategy(&files, &setup)?;
        args.run(setup, strategy)
    }
}

impl Decode for Greedy {
    fn args(&self) -> &DecodeArgs {
        &self.decode
    }

    fn args_mut(&mut self) -> &mut DecodeArgs {
        &mut self.decode
    }

    fn strategy(&self, files: &Files, setup: &Setup) -> Result<Strategy> {
        let number = self.decode.draw.number(files)?;
        let seed = setup.chain.needs().coin.then(|| resolve_seed(number));
        Ok(Strategy::new(Box::new(sampler::Greedy), Some("argmax".to_string()), seed))
    }

    fn draw(&self, _: &Files, _: &Setup) -> Result<Option<Box<dyn Draw>>> {
        Ok(Some(Box::new(Argmax)))
    }
}
