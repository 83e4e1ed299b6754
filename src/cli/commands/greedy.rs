use clap::Args;
use tokpick::sampler;

use crate::cli::args::resolve_seed;
use crate::cli::decode::{self, DecodeArgs, Strategy};
use crate::cli::{Run, Status};

#[derive(Args)]
#[command(mut_args(|arg| decode::hide(arg, &["draw", "num_samples", "num_beams", "length_penalty", "early_stopping", "num_return_sequences"])))]
pub struct Greedy {
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Run for Greedy {
    fn run(self) -> anyhow::Result<Status> {
        let args = self.decode;
        if args.input.is_missing() {
            return decode::help("greedy");
        }
        let setup = args.setup()?;
        let coin = setup.chain.needs().coin;
        let mut idle = args.search.given();
        idle.extend(args.draw.seed.filter(|_| !coin).map(|_| "--seed"));
        idle.extend(args.draw.draw.map(|_| "--draw"));
        idle.extend(args.draw.num_samples.map(|_| "--num-samples"));
        decode::no_effect(&idle, "in greedy search");
        decode::idle_in_greedy(&setup.chain);
        let seed = coin.then(|| resolve_seed(args.draw.seed));
        let strategy =
            Strategy { sampler: Box::new(sampler::Greedy), draw: Some("argmax".to_string()), seed };
        args.run(setup, strategy)
    }
}
