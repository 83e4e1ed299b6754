mod histogram;

use clap::Args;
use tokpick::draw::Draw;
use tokpick::engine::Watch;
use tokpick::{Result, sampler};

use crate::cli::args::{DecodeArgs, Group, SearchArgs, hide};
use crate::cli::note::no_effect;
use crate::cli::resolve::{Files, Setup};
use crate::cli::shard;
use crate::cli::strategy::{Decode, Drawing, Strategy, Wanted, draw, samples};
use crate::cli::{Execute, Given, Screen, Status, run::run};

#[derive(Args, Clone)]
#[command(mut_args(|arg| hide(arg, SearchArgs::has)))]
pub struct Sample {
    #[command(flatten)]
    decode: DecodeArgs,
    #[command(flatten)]
    view: histogram::HistogramArgs,
}

impl Execute for Sample {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick sample steps.npy -t 0.8 -k 40 --seed 7 --vocab vocab.json -f text",
            "tokpick sample steps.npy --engine torch --seed 42",
        ],
        flags: &[
            "temperature",
            "top-k",
            "top-p",
            "min-p",
            "seed",
            "num-samples",
            "histogram",
            "engine",
            "vocab",
            "rows",
            "eos-token-id",
            "format",
            "output",
            "record",
        ],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        let args = &self.decode;
        if args.input.is_missing() {
            return Ok(Status::Helped);
        }
        let files = Files::read(&args.settings)?.drawing("`sample` draws by its name");
        files.note_beams();
        let counts = self.view.histogram;
        let setup = Setup::new(args, args.open()?, files, counts || args.wants_logprobs())?;
        no_effect(&args.search.given(), "when sampling (they are for `tokpick beam`)");
        if counts {
            shard::refuse_parts(&setup.opened, "--histogram is one table of all sequences: leave it out")?;
            return histogram::run(args, &self.view, setup, given);
        }
        no_effect(&histogram::idle(given), "without --histogram");
        let strategy = self.strategy(&setup)?;
        run(args, setup, strategy, given)
    }
}

impl Decode for Sample {
    fn args(&self) -> &DecodeArgs {
        &self.decode
    }

    fn args_mut(&mut self) -> &mut DecodeArgs {
        &mut self.decode
    }

    fn strategy(&self, setup: &Setup) -> Result<Strategy<'static>> {
        let samples = samples(&self.decode.draw, &setup.files)?;
        let watch = if self.decode.watch.trace.is_some() { Watch::Stages } else { Watch::Ids };
        let Drawing { draw, engine, seed } = draw(&self.decode.draw, setup, samples, watch)?;
        let name = draw.name().to_string();
        let sampler = Box::new(sampler::Sample { draw, samples });
        let wanted = Wanted::Exactly(samples);
        Ok(Strategy { sampler, draw: Some(name), engine, seed, settled: Vec::new(), wanted })
    }

    fn draw(&self, setup: &Setup) -> Result<Option<Box<dyn Draw>>> {
        let samples = samples(&self.decode.draw, &setup.files)?;
        Ok(Some(draw(&self.decode.draw, setup, samples, Watch::Ids)?.draw))
    }
}
