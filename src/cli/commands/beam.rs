use clap::Args;
use tokpick::Result;
use tokpick::sampler::Variant;

use crate::cli::args::{DecodeArgs, DrawArgs, hide, resolve_seed};
use crate::cli::note::no_effect;
use crate::cli::resolve::{self, Files, Setup};
use crate::cli::strategy::{Decode, Strategy, Wanted};
use crate::cli::{Execute, Given, Screen, Status, run::run};

#[derive(Args, Clone)]
#[command(mut_args(|arg| hide(arg, |flag| flag == "--stream" || DrawArgs::draws(flag))))]
pub struct Beam {
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Execute for Beam {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick beam steps.npy --num-beams 4 --length-penalty 0.6",
            "tokpick beam steps.npy -b 4 --num-return-sequences 4 -f jsonl",
        ],
        flags: &[
            "num-beams",
            "length-penalty",
            "early-stopping",
            "num-return-sequences",
            "vocab",
            "tokenizer",
            "prompt-ids",
            "stop",
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
            anyhow::bail!("--stream: beam search knows its tokens only at its end; leave it out");
        }
        args.draw.refuse_engine("beam search has draws of its own")?;
        // checked before the input is opened
        let files = self.files()?;
        let search = args.search.beam(&files)?;
        let setup = Setup::new(args, args.open()?, files, args.wants_logprobs())?;
        args.search.note_do_sample(&setup.files, &search.variant);
        let (draws, coin) = (search.variant.is_random(), setup.resolved.chain.needs().coin);
        let mut idle = args.draw.idle();
        idle.extend(args.draw.seed.as_ref().filter(|_| !coin && !draws).map(|_| "--seed"));
        let how = if draws { "with Gumbel noise" } else { "nothing" };
        no_effect(&idle, &format!("in beam search, which draws {how}"));
        if setup.resolved.limits.eos.is_empty() && args.search.early_stopping.is_some() {
            no_effect(&["--early-stopping"], "without --eos-token-id: no hypothesis ends early");
        }
        if search.length_penalty == 0.0 && args.search.length_norm.is_some() {
            no_effect(&["--length-norm"], "with length penalty 0");
        }
        let one_group = matches!(search.variant, Variant::Diverse { num_beam_groups: 1, .. });
        if one_group && args.search.diversity_penalty.is_some() {
            no_effect(&["--diversity-penalty"], "without --num-beam-groups: there is one group");
        }
        let strategy = self.strategy(&setup)?;
        run(args, setup, strategy, given)
    }
}

impl Decode for Beam {
    fn args(&self) -> &DecodeArgs {
        &self.decode
    }

    fn args_mut(&mut self) -> &mut DecodeArgs {
        &mut self.decode
    }

    fn files(&self) -> Result<Files> {
        let files = Files::read(&self.decode.settings)?;
        let search = self.decode.search.beam(&files)?;
        Ok(files.for_beams(&search))
    }

    fn strategy(&self, setup: &Setup) -> Result<Strategy<'static>> {
        let args = &self.decode.search;
        let search = args.with_phrases(args.beam(&setup.files)?, setup.opened.tokens.as_ref())?;
        let draws = search.variant.is_random();
        let number = resolve::seed(&self.decode.draw, &setup.files)?;
        let seed = (setup.resolved.chain.needs().coin || draws).then(|| resolve_seed(number));
        let draw = draws.then(|| "gumbel-chacha8-v1".to_string());
        // the default is not what it once was
        let width =
            self.decode.search.num_beams.is_none().then(|| format!("--num-beams={}", search.num_beams));
        let wanted = Wanted::UpTo(search.num_return_sequences);
        let strategy = Strategy::new(Box::new(search), draw, seed);
        Ok(Strategy { settled: width.into_iter().collect(), wanted, ..strategy })
    }
}
