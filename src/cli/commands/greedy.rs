use clap::Args;
use tokpick::draw::{Argmax, Draw};
use tokpick::{Result, sampler};

use crate::cli::args::{DecodeArgs, DrawArgs, Group, SearchArgs, hide, resolve_seed};
use crate::cli::note::no_effect;
use crate::cli::resolve::{self, Files, Setup};
use crate::cli::run::{idle_in_greedy, run};
use crate::cli::strategy::{Decode, Strategy};
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
#[command(mut_args(|arg| hide(arg, |flag| DrawArgs::draws(flag) || SearchArgs::has(flag))))]
pub struct Greedy {
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Execute for Greedy {
    const SCREEN: Screen = Screen {
        examples: &["tokpick greedy steps.npy", "tokpick greedy steps.npy --vocab vocab.json -f text"],
        flags: &[
            "vocab",
            "tokenizer",
            "prompt-ids",
            "prompt",
            "repetition-penalty",
            "stop",
            "eos-token-id",
            "max-new-tokens",
            "stream",
            "format",
            "output",
        ],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        let args = &self.decode;
        if args.input.is_missing() {
            return Ok(Status::Helped);
        }
        let files = self.files()?;
        files.note_beams();
        args.draw.refuse_engine("greedy search takes the best token, as every engine does")?;
        let setup = Setup::new(args, args.open()?, files, args.wants_logprobs())?;
        let chain = &setup.resolved.chain;
        let mut idle = args.search.given();
        idle.extend(args.draw.seed.as_ref().filter(|_| !chain.needs().coin).map(|_| "--seed"));
        idle.extend(args.draw.idle());
        no_effect(&idle, "in greedy search");
        idle_in_greedy(chain);
        let strategy = self.strategy(&setup)?;
        run(args, setup, strategy, given)
    }
}

impl Decode for Greedy {
    fn args(&self) -> &DecodeArgs {
        &self.decode
    }

    fn args_mut(&mut self) -> &mut DecodeArgs {
        &mut self.decode
    }

    fn files(&self) -> Result<Files> {
        Ok(Files::read(&self.decode.settings)?.without_draws())
    }

    fn strategy(&self, setup: &Setup) -> Result<Strategy<'static>> {
        let number = resolve::seed(&self.decode.draw, &setup.files)?;
        let seed = setup.resolved.chain.needs().coin.then(|| resolve_seed(number));
        Ok(Strategy::new(Box::new(sampler::Greedy), Some("argmax".to_string()), seed))
    }

    fn draw(&self, _: &Setup) -> Result<Option<Box<dyn Draw>>> {
        Ok(Some(Box::new(Argmax)))
    }
}
