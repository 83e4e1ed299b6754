use clap::Args;
use tokpick::draw::{Argmax, Draw};
use tokpick::{Error, sampler};

use crate::cli::args::{DrawArgs, resolve_seed};
use crate::cli::decode::{self, DecodeArgs, Setup, Strategy};
use crate::cli::{Run, Status, note::note};

#[derive(Args)]
#[command(mut_args(|arg| decode::hide(arg, &["num_beams", "length_penalty", "early_stopping", "num_return_sequences"])))]
pub struct Sample {
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Run for Sample {
    fn run(self) -> anyhow::Result<Status> {
        let args = self.decode;
        if args.input.is_missing() {
            return decode::help("sample");
        }
        let setup = args.setup()?;
        decode::no_effect(&args.search.given(), "when sampling (they are for `tokpick beam`)");
        let samples = args.draw.num_samples.unwrap_or(1);
        if samples == 0 {
            return Err(Error::setting("--num-samples", 0, "must be 1 or more").into());
        }
        let (draw, seed) = draw(&args.draw, &setup);
        let name = draw.name().to_string();
        let strategy =
            Strategy { sampler: Box::new(sampler::Sample { draw, samples }), draw: Some(name), seed };
        args.run(setup, strategy)
    }
}

/// The draw and its seed; a temperature of 0 leaves nothing to draw.
pub fn draw(args: &DrawArgs, setup: &Setup) -> (Box<dyn Draw>, Option<u64>) {
    let needs_coin = setup.chain.needs().coin;
    if is_greedy(setup) {
        if !needs_coin {
            note("temperature 0 is greedy: the seed doesn't matter");
        }
        return (Box::new(Argmax), needs_coin.then(|| resolve_seed(args.seed)));
    }
    let seed = resolve_seed(args.seed);
    (args.draw.unwrap_or_default().draw(seed), Some(seed))
}

fn is_greedy(setup: &Setup) -> bool {
    let zero = |p: &dyn tokpick::processor::Processor| {
        p.info().name == "temperature" && p.json().as_f64() == Some(0.0)
    };
    setup.chain.processors().iter().any(|p| zero(p.as_ref()))
}
