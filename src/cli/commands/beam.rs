use clap::Args;
use tokpick::Result;
use tokpick::draw::Draw;
use tokpick::sampler::Variant;

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
        args.draw.refuse_engine("beam search has draws of its own")?;
        // checked before the input is opened
        let search = args.search.beam(&files)?;
        let setup = args.setup(&files)?;
        let (draws, coin) = (search.variant.is_random(), setup.chain.needs().coin);
        let mut idle = args.draw.given();
        idle.extend(args.draw.seed.as_ref().filter(|_| !coin && !draws).map(|_| "--seed"));
        let how = if draws { "with Gumbel noise" } else { "nothing" };
        decode::no_effect(&idle, &format!("in beam search, which draws {how}"));
        if setup.limits.eos.is_empty() && args.search.early_stopping.is_some() {
            decode::no_effect(&["--early-stopping"], "without --eos-token-id: no hypothesis ends early");
        }
        if search.length_penalty == 0.0 && args.search.length_norm.is_some() {
            decode::no_effect(&["--length-norm"], "with length penalty 0");
        }
        let one_group = matches!(search.variant, Variant::Diverse { num_beam_groups: 1, .. });
        if one_group && args.search.diversity_penalty.is_some() {
            decode::no_effect(&["--diversity-penalty"], "without --num-beam-groups: there is one group");
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

    fn strategy(&self, files: &Files, setup: &Setup) -> Result<Strategy<'static>> {
        let search = self.decode.search.beam(files)?;
        let draws = search.variant.is_random();
        let number = self.decode.draw.number(files)?;
        let seed = (setup.chain.needs().coin || draws).then(|| resolve_seed(number));
        let draw = draws.then(|| "gumbel-chacha8-v1".to_string());
        Ok(Strategy::new(Box::new(search), draw, seed))
    }

    fn draw(&self, _: &Files, _: &Setup) -> Result<Option<Box<dyn Draw>>> {
        Ok(None)
    }
}
