use std::path::PathBuf;

use clap::Args;
use tokpick::processor::Chain;
use tokpick::sampler::{Limits, Sampler};
use tokpick::{Error, Place, render, sampler};

use crate::cli::args::{DrawArgs, HistoryArgs, InputArgs, LimitArgs, SettingsArgs, hide};
use crate::cli::note::{missing, no_effect, note};
use crate::cli::out::Out;
use crate::cli::resolve::{Asked, Files, Setup, steps};
use crate::cli::strategy::{Drawing, draw};
use crate::cli::usage::help;
use crate::cli::{Given, Run, Status};

#[derive(Args)]
#[command(
    mut_args(|arg| hide(arg, &["num_samples", "threads"])),
    after_long_help = "A table for each step: a row for each of the most probable tokens (before or after the chain; ← the one drawn), a column for each stage with the probability that it left (× where it removed the token). Below: entropy in nats, how many tokens were kept, and what these had before the stage; then the draw."
)]
pub struct Explain {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    history: HistoryArgs,
    /// Show this step alone (default: all)
    #[arg(long, value_name = "N", help_heading = "Output")]
    step: Option<usize>,
    /// How many of the most probable tokens are shown
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    top: usize,
    /// Write to a file instead of standard output: whole, or not at all
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    draw: DrawArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Run for Explain {
    fn run(self, _: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return help("explain");
        }
        let opened = self.input.open()?;
        let mut out = Out::open(self.output.as_deref())?;
        let shape = opened.source.shape();
        let files = Files::read(&self.settings)?;
        let asked = Asked {
            settings: &self.settings,
            limits: &self.limits,
            history: &self.history,
            draw: Some(&self.draw),
        };
        let mut resolved = asked.resolve(&files, &shape, steps(&shape), opened.tokens.as_ref())?;
        let first = if shape.follows_prefix { resolved.prefix.len() } else { shape.first_step };
        self.stop_after_step(&mut resolved.limits, first, shape.end_step)?;
        no_effect(&self.draw.num_samples.map_or(vec![], |_| vec!["--num-samples"]), "in explain");
        skipped(&resolved.chain);
        let setup = Setup { opened, files, resolved, logprobs: true };
        let Drawing { draw, seed, .. } = draw(&self.draw, &setup, 1)?;
        let Setup { mut opened, resolved, .. } = setup;
        let job = resolved.job(seed.map_or(0, |s| s.coins()));
        let colour = out.colour();
        let tokens = opened.tokens.as_ref();
        let mut failure = None;
        let written = out.write(|to| {
            let mut trace = render::Explain::new(self.top, self.step, tokens, colour, to);
            let run = sampler::Sample { draw, samples: 1 }.run(
                opened.source.as_mut(),
                &job,
                &mut trace,
                &mut |_| Ok(()),
            );
            failure = run.err();
            trace.end()
        })?;
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        if let Some(step) = self.step.filter(|_| written == 0) {
            let what = "the run ends before this step";
            let place = Place { step: Some(step), ..Place::default() };
            return Err(Error::decode(place, what).into());
        }
        out.finish()?;
        missing(opened.tokens.as_ref());
        Ok(Status::Done)
    }
}

impl Explain {
    /// Decodes no further than the step that is shown.
    fn stop_after_step(&self, limits: &mut Limits, first: usize, end: Option<usize>) -> tokpick::Result<()> {
        let Some(step) = self.step else { return Ok(()) };
        if step < first || end.is_some_and(|end| step >= end) {
            let range = end.map_or(format!("{first} and up"), |end| format!("{first} to {}", end - 1));
            return Err(Error::setting("--step", step, format!("the steps of this input are {range}")));
        }
        let needed = step - first + 1;
        limits.max_new_tokens = Some(limits.max_new_tokens.map_or(needed, |m| m.min(needed)));
        Ok(())
    }
}

/// Stages at their disabling value have no column.
fn skipped(chain: &Chain) {
    let off: Vec<&str> = chain.processors().iter().filter(|p| p.is_off()).map(|p| p.info().name).collect();
    if !off.is_empty() {
        note(format!("skipped, at the value that disables them: {}", off.join(", ")));
    }
}
