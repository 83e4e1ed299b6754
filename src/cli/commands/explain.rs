use clap::{Args, ValueEnum};
use serde_json::json;
use std::ops::Range;
use tokpick::check::Known;
use tokpick::engine::Watch;
use tokpick::processor::Chain;
use tokpick::render::{self, Explained, explain};
use tokpick::sampler::{Limits, Sampler};
use tokpick::{Error, Place, sampler};

use crate::cli::args::{
    DrawArgs, HistoryArgs, InputArgs, LimitArgs, ReportArgs, Seed, SettingsArgs, hide, made,
};
use crate::cli::note::{left_out, made_of, missing, no_effect, note};
use crate::cli::resolve::{Asked, Setup};
use crate::cli::strategy::{Drawing, draw};
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
#[command(
    mut_args(|arg| hide(arg, |flag| ["--num-samples", "--threads"].contains(&flag))),
    after_long_help = "The stages of the chain from left to right: a row for each of the most probable tokens (before or after the chain; ← the one drawn) with its probability after each stage, × where a stage removed it, a line where a stage cuts, … the rest summed up. Below: entropy in nats, e^entropy (as many equally probable tokens are as uncertain), how many tokens were kept, and what these had before the stage; then where the draw fell."
)]
pub struct Explain {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    history: HistoryArgs,
    /// Show this step alone, or steps A to B, of which B is not included (default: all)
    #[arg(long, value_name = "N|A..B", help_heading = "Output", alias = "steps", value_parser = step_or_range)]
    step: Option<Range<usize>>,
    /// How many of the most probable tokens are shown
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    top: usize,
    #[command(flatten)]
    report: ReportArgs<FormatName>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    draw: DrawArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// For reading
    #[default]
    Text,
    /// One document
    Json,
    /// A picture
    Svg,
    /// A page of pictures and tables, in one file
    Html,
}

/// Reads `N`, or `A..B`.
fn step_or_range(text: &str) -> std::result::Result<Range<usize>, String> {
    if let Some((a, b)) = text.split_once("..") {
        let range = a.trim().parse::<usize>().and_then(|a| Ok(a..b.trim().parse()?)).ok();
        return range
            .filter(|r: &Range<usize>| !r.is_empty())
            .ok_or_else(|| "must be A..B with A below B: 0..4".to_string());
    }
    let step: usize =
        text.trim().parse().map_err(|_| "must be a step, or steps as A..B: 4, 0..4".to_string())?;
    Ok(step..step.saturating_add(1))
}

impl Execute for Explain {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick explain steps.npy --step 4 -t 0.8 -k 40 -p 0.9 --seed 7",
            "tokpick explain steps.npy --step 4 --min-p 0.1 --seed 7 --vocab vocab.json",
        ],
        flags: &["step", "temperature", "top-k", "top-p", "min-p", "seed", "draw", "vocab", "top", "output"],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        let opened = self.input.open()?;
        let mut out = self.report.open()?;
        let shape = opened.source.shape();
        let asked = Asked {
            settings: &self.settings,
            limits: &self.limits,
            history: &self.history,
            draw: Some(&self.draw),
        };
        let (files, mut resolved) = asked
            .over(&opened, shape.steps(), |files| files.drawing("`explain` shows what `sample` does"))?;
        let first = resolved.job(0).first_step(&shape);
        self.stop_after_step(&mut resolved.limits, first, shape.end_step)?;
        no_effect(&self.draw.num_samples.map_or(vec![], |_| vec!["--num-samples"]), "in explain");
        skipped(&resolved.chain);
        let setup = Setup { opened, files, resolved, logprobs: true };
        let Drawing { draw, seed, .. } = draw(&self.draw, &setup, 1, Watch::Stages)?;
        let Setup { mut opened, resolved, .. } = setup;
        let name = draw.name().to_string();
        let job = resolved.job(seed.as_ref().map_or(0, Seed::coins));
        let look = self.report.look(&out);
        let tokens = opened.tokens.as_ref();
        let made = made(given, seed.as_ref().map(|s| s.0.as_str()));
        let input = opened.source.name().to_string();
        let mut failure = None;
        let written = out.write(|to| {
            let mut shown: Vec<Explained> = Vec::new();
            let mut first = true;
            let mut see = |step: Explained| match self.report.format {
                FormatName::Text => {
                    if !std::mem::take(&mut first) {
                        writeln!(to, "\n")?;
                    }
                    explain::text(&step, tokens, &look, to)
                }
                _ => {
                    shown.push(step);
                    Ok(())
                }
            };
            let mut trace = render::Explain::new(self.top, self.range(), &mut see);
            let run = sampler::Sample { draw, samples: 1 }.run(
                opened.source.as_mut(),
                &job,
                &mut trace,
                &mut |_| Ok(()),
            );
            failure = run.err();
            let written = trace.end()?;
            if failure.is_none() && written > 0 {
                let known = |left: &_| Known::of(&resolved.chain, left).words();
                let made = made_of(made, &input, opened.left_out.as_ref(), known);
                match self.report.format {
                    FormatName::Text => {}
                    FormatName::Json => {
                        let document = json!({
                            "tokpick": env!("CARGO_PKG_VERSION"),
                            "draw": name,
                            "seed": seed.as_ref().map(Seed::json),
                            "chain": resolved.chain.json(),
                            "steps": shown.iter().map(|step| step.json(tokens)).collect::<Vec<_>>(),
                        });
                        writeln!(to, "{document}")?;
                    }
                    FormatName::Svg => {
                        to.write_all(explain::svg(&shown, tokens, look.width, &made).as_bytes())?
                    }
                    FormatName::Html => {
                        to.write_all(explain::page(&shown, tokens, look.width, &made).as_bytes())?
                    }
                }
            }
            Ok(written)
        })?;
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        if let Some(step) = self.last().filter(|_| written == 0) {
            let what = "the run ends before this step";
            let place = Place { step: Some(step), ..Place::default() };
            return Err(Error::decode(place, what).into());
        }
        out.finish()?;
        missing(opened.tokens.as_ref());
        left_out(&opened, |left| Known::of(&resolved.chain, left).words());
        Ok(Status::Done)
    }
}

impl Explain {
    /// The steps that are shown.
    fn range(&self) -> Range<usize> {
        self.step.clone().unwrap_or(0..usize::MAX)
    }

    /// The last step that is shown, where it was asked for.
    fn last(&self) -> Option<usize> {
        self.step.as_ref().map(|steps| steps.end - 1)
    }

    /// Decodes no further than the steps that are shown.
    fn stop_after_step(&self, limits: &mut Limits, first: usize, end: Option<usize>) -> tokpick::Result<()> {
        let Some(last) = self.last() else { return Ok(()) };
        let from = self.range().start;
        if from < first || end.is_some_and(|end| last >= end) {
            let range = end.map_or(format!("{first} and up"), |end| format!("{first} to {}", end - 1));
            let value = if from == last { last.to_string() } else { format!("{from}..{}", last + 1) };
            return Err(Error::setting("--step", value, format!("the steps of this input are {range}")));
        }
        let needed = last - first + 1;
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
