use clap::Args;
use tokpick::sampler::Exact;
use tokpick::{Error, Result};

use crate::cli::args::{BudgetArgs, DecodeArgs, DrawArgs, Group, SearchArgs, StopArgs, hide, resolve_seed};
use crate::cli::note::no_effect;
use crate::cli::resolve::{self, Files, Setup};
use crate::cli::strategy::{Decode, Strategy, Wanted};
use crate::cli::{Execute, Given, Screen, Status, run::run};

#[derive(Args, Clone)]
#[command(mut_args(|arg| hide(arg, idle)))]
pub struct Search {
    /// Find the true best: uniform-cost search for the largest sum of log-probabilities (length penalty 0)
    #[arg(long, required = true)]
    exact: bool,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    decode: DecodeArgs,
}

/// Whether a flag, with its hyphens, means nothing to exact search.
fn idle(flag: &str) -> bool {
    let beams = SearchArgs::has(flag) && flag != "--num-return-sequences";
    beams || DrawArgs::draws(flag) || ["--stream", "--threads"].contains(&flag) || StopArgs::has(flag)
}

impl Search {
    fn search(&self, files: &Files) -> Result<Exact> {
        let n = self.decode.search.num_return_sequences.or_else(|| files.get(|s| s.num_return_sequences));
        self.budget.search(n.unwrap_or(1))
    }

    fn seed(&self, setup: &Setup) -> Result<Option<u64>> {
        let number = resolve::seed(&self.decode.draw, &setup.files)?;
        Ok(setup.resolved.chain.needs().coin.then(|| resolve_seed(number)))
    }
}

impl Execute for Search {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick search steps-small.json --exact",
            "tokpick search steps-small.json --exact --num-return-sequences 3 -f jsonl",
        ],
        flags: &[
            "exact",
            "max-nodes",
            "num-return-sequences",
            "vocab",
            "eos-token-id",
            "max-new-tokens",
            "format",
            "output",
        ],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        let args = &self.decode;
        if args.input.is_missing() {
            return Ok(Status::Helped);
        }
        if args.output.stream {
            anyhow::bail!("--stream: a search knows its tokens only at its end; leave it out");
        }
        if let Some(flag) = args.stop.given().first() {
            let what = "exact search ends sequences by their ids alone: give --eos-token-id, or leave it out";
            return Err(Error::setting(*flag, "", what).into());
        }
        let files = self.files()?;
        args.draw.refuse_engine("exact search draws nothing")?;
        let mut exact = self.search(&files)?;
        let setup = Setup::new(args, args.open()?, files, args.wants_logprobs())?;
        let coin = setup.resolved.chain.needs().coin;
        let mut idle = args.search.given();
        idle.retain(|flag| *flag != "--num-return-sequences");
        idle.extend(args.draw.idle());
        idle.extend(args.draw.seed.as_ref().filter(|_| !coin).map(|_| "--seed"));
        no_effect(&idle, "in exact search");
        let seed = self.seed(&setup)?;
        let wanted = Wanted::UpTo(exact.num_return_sequences);
        let strategy = Strategy { wanted, ..Strategy::new(Box::new(&mut exact), None, seed) };
        let status = run(args, setup, strategy, given)?;
        BudgetArgs::said(&exact, true);
        Ok(status)
    }
}

impl Decode for Search {
    fn args(&self) -> &DecodeArgs {
        &self.decode
    }

    fn args_mut(&mut self) -> &mut DecodeArgs {
        &mut self.decode
    }

    fn files(&self) -> Result<Files> {
        Ok(Files::read(&self.decode.settings)?.without_draws().without_stop())
    }

    fn strategy(&self, setup: &Setup) -> Result<Strategy<'static>> {
        let search = self.search(&setup.files)?;
        let wanted = Wanted::UpTo(search.num_return_sequences);
        Ok(Strategy { wanted, ..Strategy::new(Box::new(search), None, self.seed(setup)?) })
    }
}
