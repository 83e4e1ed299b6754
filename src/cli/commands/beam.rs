use clap::Args;
use tokpick::sampler::Variant;

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
        // checked before the input is opened
        let search = args.search.beam(&files)?;
        let setup = args.setup(&files)?;
        let (draws, coin) = (search.variant.is_random(), setup.chain.needs().coin);
        let mut idle = args.draw.given();
        idle.extend(args.draw.seed.filter(|_| !coin && !draws).map(|_| "--seed"));
        let why = if draws {
            "in beam search, which draws with Gumbel noise"
        } else {
            "in beam search, which draws nothing"
        };
        decode::no_effect(&idle, why);
        if setup.limits.eos.is_empty() && args.search.early_stopping.is_some() {
            decode::no_effect(&["--early-stopping"], "without --eos-token-id: no hypothesis ends early");
        }
        if search.length_penalty == 0.0 && args.search.length_norm.is_some() {
            decode::no_effect(&["--length-norm"], "with length penalty 0");
        }
        if matches!(search.variant, Variant::Diverse { num_beam_groups: 1, .. })
            && args.search.diversity_penalty.is_some()
        {
            decode::no_effect(&["--diversity-penalty"], "without --num-beam-groups: there is one group");
        }
        let seed = (coin || draws).then(|| resolve_seed(args.draw.seed.or_else(|| files.get(|s| s.seed))));
        let draw = seed.filter(|_| draws).map(|_| "gumbel-chacha8-v1".to_string());
        args.run(setup, Strategy { sampler: Box::new(search), draw, seed })
    }
}
