use std::path::{Path, PathBuf};

use clap::{Args, Parser, ValueEnum};
use serde_json::{Value, json};
use tokpick::check::{self, Clip, GuessOptions, Record, VerifyOptions};
use tokpick::draw::{Argmax, Draw};
use tokpick::render::kit::count_of;
use tokpick::sampler::{Job, Limits};
use tokpick::source::Layout;
use tokpick::{Error, Result, TokenId};

use super::{Command, sample};
use crate::cli::args::{
    DrawArgs, HistoryArgs, IdsArgs, InputArgs, LimitArgs, Opened, Seed, SettingsArgs, ShowArgs,
};
use crate::cli::chain::{chain, chain_or_params, params};
use crate::cli::decode::{self, Setup};
use crate::cli::files::Files;
use crate::cli::out::Out;
use crate::cli::repeat::{damaged, repeat};
use crate::cli::{Cli, Run, Status};

/// `verify RECORD` repeats a recorded run. `verify INPUT --ids …` draws every step again, with the claimed ids as history, and
/// tells for each mismatch by how much the claimed token lost (after Token-DiFR, arXiv 2511.20621): the score difference of a
/// race, or the distance of the uniform to the token's interval. `--guess` looks for the engine, order and batch convention.
///
/// Exit status: 0 it holds, 1 it does not (or nothing explains the ids), 2 it can't be checked.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    ids: IdsArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    draw: DrawArgs,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// How claims are judged, and how the verdict is written.
#[derive(Args)]
struct JudgeArgs {
    /// The input of a record, where it is no longer at the recorded path
    #[arg(long = "input", value_name = "FILE", id = "moved", help_heading = "Input")]
    moved: Option<PathBuf>,
    /// The ids are the most probable tokens, not drawn
    #[arg(long, help_heading = "Drawing")]
    greedy: bool,
    /// Try all engines, orders and batch conventions: which of them draws these ids?
    #[arg(long, help_heading = "Verdict", conflicts_with_all = ["engine", "greedy", "draw"])]
    guess: bool,
    /// Size of the noise that the logits may carry: the standard deviation of a Gaussian, in nats
    #[arg(
        long,
        value_name = "SIGMA",
        default_value_t = 0.0,
        help_heading = "Verdict",
        allow_hyphen_values = true
    )]
    logit_noise: f64,
    /// A mismatch that noise makes with less than this probability counts as not explained
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.001,
        help_heading = "Verdict",
        allow_hyphen_values = true
    )]
    alpha: f64,
    /// Where a margin is clipped before the mean is taken
    #[arg(
        long,
        value_name = "X",
        default_value_t = 10.0,
        help_heading = "Verdict",
        allow_hyphen_values = true
    )]
    clip: f64,
    /// It holds if at least this share of steps matches (default: all of them)
    #[arg(long, value_name = "SHARE", help_heading = "Verdict", allow_hyphen_values = true)]
    min_match: Option<f64>,
    /// It holds if no token lost by more than this
    #[arg(long, value_name = "X", help_heading = "Verdict", allow_hyphen_values = true)]
    max_margin: Option<f64>,
    /// Show so many mismatches
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    top: usize,
    /// How the verdict is written
    #[arg(long, short, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    format: FormatName,
    /// Write to a file instead of standard output: whole, or not at all
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// For reading
    Text,
    /// One document, with every step
    Json,
}

impl JudgeArgs {
    fn check(&self) -> Result<()> {
        let not_negative = [
            ("--logit-noise", Some(self.logit_noise)),
            ("--alpha", Some(self.alpha)),
            ("--clip", Some(self.clip)),
            ("--min-match", self.min_match),
            ("--max-margin", self.max_margin),
        ];
        for (flag, value) in not_negative {
            if let Some(value) = value.filter(|v| v.is_nan() || *v < 0.0) {
                return Err(Error::setting(flag, value, "must be 0 or more"));
            }
        }
        Ok(())
    }
}

impl Run for Verify {
    fn run(self) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return decode::help("verify");
        }
        self.judge.check()?;
        match (self.ids.lists()?, &self.input.input) {
            (Some(ids), _) if self.judge.guess => self.guess(&ids),
            (Some(ids), _) => self.ids(&ids),
            (None, _) if self.judge.guess => {
                Err(Error::setting("--guess", "", "which ids? give --ids or --ids-file").into())
            }
            (None, Some(path)) => self.record(path),
            (None, None) => Err(Error::setting("--ids", "", "give them, or the path of a record").into()),
        }
    }
}

impl Verify {
    fn ids(&self, ids: &[Vec<TokenId>]) -> anyhow::Result<Status> {
        let opened = self.input.open()?;
        let longest = ids.iter().map(Vec::len).max();
        let files = Files::read(&self.settings)?;
        let limits = Limits { max_new_tokens: None, ..self.limits.limits(&files, self.history.len()) };
        let facts = decode::facts(&self.history, &limits, longest);
        let (chain, params) = chain_or_params(&self.settings, &self.draw, &files, &facts)?;
        let setup = Setup { opened, chain, limits, params };
        let samples = sample::samples(&self.draw, &files)?;
        let (mut draw, seed, temperature) = self.drawing(&files, &setup, samples)?;
        let Setup { mut opened, chain, limits, .. } = setup;
        let job = self.job(&chain, &limits, seed.as_ref().and_then(|s| s.number().ok()));
        let options = VerifyOptions {
            logit_noise: self.judge.logit_noise,
            temperature,
            alpha: self.judge.alpha,
            clip: Clip(self.judge.clip),
        };
        let found = check::verify(opened.source.as_mut(), &job, draw.as_mut(), samples, ids, &options)?;
        let holds = found.holds(self.judge.min_match, self.judge.max_margin);
        let mut out = Out::open(self.judge.output.as_deref())?;
        let look = self.judge.show.look(&out);
        out.write(|to| match self.judge.format {
            FormatName::Text => {
                found.text(self.judge.top, self.judge.logit_noise, self.judge.alpha, &look, to)
            }
            FormatName::Json => {
                let document = json!({
                    "tokpick": env!("CARGO_PKG_VERSION"),
                    "draw": draw.name(),
                    "seed": seed.map(|s| s.0),
                    "chain": chain.json(),
                    "holds": holds,
                    "verification": found,
                });
                writeln!(to, "{document}")
            }
        })?;
        out.finish()?;
        Ok(if holds { Status::Done } else { Status::No })
    }

    /// The draw that is claimed, its seed, and the temperature between raw logits and scores.
    fn drawing(
        &self,
        files: &Files,
        setup: &Setup,
        samples: usize,
    ) -> Result<(Box<dyn Draw>, Option<Seed>, f64)> {
        let coin = setup.chain.needs().coin;
        let seeded = self.draw.seed.is_some() || files.get(|s| s.seed).is_some();
        if !seeded && (coin || !self.judge.greedy) && !greedy_by_chain(setup) {
            let what = "which seed were they drawn with? (or --greedy, if they were not drawn)";
            return Err(Error::setting("--seed", "(none)", what));
        }
        let temperature = match &setup.params {
            Some(params) => params.temperature.filter(|&t| t > 0.0).unwrap_or(1.0),
            None => VerifyOptions::temperature_of(&setup.chain),
        };
        if self.judge.greedy {
            self.draw.refuse_engine("--greedy takes the best token, as every engine does")?;
            return Ok((Box::new(Argmax), self.draw.seed.clone().filter(|_| coin), temperature));
        }
        let drawing = sample::draw(&self.draw, files, setup, samples, true)?;
        Ok((drawing.draw, drawing.seed, temperature))
    }

    fn job<'a>(
        &'a self,
        chain: &'a tokpick::processor::Chain,
        limits: &'a Limits,
        seed: Option<u64>,
    ) -> Job<'a> {
        Job {
            prompt: self.history.prompt(),
            prefix: self.history.prefix(),
            chain,
            limits,
            seed: seed.unwrap_or(0),
            logprobs: false,
            parallel: false,
        }
    }

    fn guess(&self, ids: &[Vec<TokenId>]) -> anyhow::Result<Status> {
        let Some(seed) = &self.draw.seed else {
            return Err(Error::setting("--seed", "(none)", "a guess needs the seed").into());
        };
        let mut best: Option<check::Guess> = None;
        let mut failure = None;
        for layout in self.layouts()? {
            let mut opened = self.input.open_as(layout, false)?;
            match self.guess_in(&mut opened, ids, seed) {
                Ok(guess) => {
                    let guess = match layout {
                        Some(layout) => guess.under(layout),
                        None => guess,
                    };
                    match &mut best {
                        Some(best) => best.join(guess),
                        None => best = Some(guess),
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        let guess = match (best, failure) {
            (Some(guess), _) => guess,
            (None, Some(error)) => return Err(error.into()),
            (None, None) => return Ok(Status::No),
        };
        let mut out = Out::open(self.judge.output.as_deref())?;
        out.write(|to| match self.judge.format {
            FormatName::Text => guess.text(to),
            FormatName::Json => writeln!(to, "{}", json!(guess)),
        })?;
        out.finish()?;
        Ok(if guess.explained.is_empty() { Status::No } else { Status::Done })
    }

    /// The layouts that are tried: the given one; both, where a file has three axes.
    fn layouts(&self) -> Result<Vec<Option<Layout>>> {
        if self.input.layout.is_some() || self.input.input.as_deref().is_none_or(|p| p == Path::new("-")) {
            return Ok(vec![self.input.layout]);
        }
        let axes = self.input.open()?.source.format().axes.len();
        Ok(if axes == 3 { vec![Some(Layout::Btv), Some(Layout::Tbv)] } else { vec![None] })
    }

    fn guess_in(&self, opened: &mut Opened, ids: &[Vec<TokenId>], seed: &Seed) -> Result<check::Guess> {
        let files = Files::read(&self.settings)?;
        let limits = Limits { max_new_tokens: None, ..self.limits.limits(&files, self.history.len()) };
        let facts = decode::facts(&self.history, &limits, ids.iter().map(Vec::len).max());
        let chain = chain(&self.settings, &files, &facts)?;
        let params = params(&self.settings, &self.draw, &files, &facts)?;
        let job = self.job(&chain, &limits, seed.number().ok());
        let options = GuessOptions { seed: &seed.0, params: &params, partial: 3 };
        check::guess(opened.source.as_mut(), &job, ids, &options)
    }

    fn record(&self, path: &Path) -> anyhow::Result<Status> {
        let record = Record::read(path)?;
        let words = std::iter::once("tokpick").chain(record.command.iter().map(String::as_str));
        let command = Cli::try_parse_from(words).map_err(|e| damaged(path, &e.to_string()))?.command;
        let moved = self.judge.moved.as_deref();
        let divergence = match command {
            Command::Greedy(args) => repeat(*args, &record, moved),
            Command::Sample(args) => repeat(*args, &record, moved),
            Command::Beam(args) => repeat(*args, &record, moved),
            Command::Search(args) => repeat(*args, &record, moved),
            _ => Err(damaged(path, "its command does not decode")),
        }?;
        let mut out = Out::open(self.judge.output.as_deref())?;
        let holds = divergence.is_none();
        out.write(|to| match (self.judge.format, &divergence) {
            (FormatName::Text, Some((divergence, step))) => divergence.text(step.as_ref(), to),
            (FormatName::Text, None) => {
                let ids: usize = record.sequences.iter().map(|s| s.ids.len()).sum();
                writeln!(
                    to,
                    "everything agrees: {}, {}",
                    count_of(record.sequences.len(), "sequence"),
                    count_of(ids, "id")
                )
            }
            (FormatName::Json, divergence) => {
                let (divergence, step) = divergence.clone().map_or((None, None), |(d, s)| (Some(d), s));
                let version = env!("CARGO_PKG_VERSION");
                writeln!(
                    to,
                    "{}",
                    json!({"tokpick": version, "holds": holds, "divergence": divergence, "step": step})
                )
            }
        })?;
        out.finish()?;
        Ok(if holds { Status::Done } else { Status::No })
    }
}

fn greedy_by_chain(setup: &Setup) -> bool {
    let zero = |name: &str, json: Value| name == "temperature" && json.as_f64() == Some(0.0);
    setup.chain.processors().iter().any(|p| zero(p.info().name, p.json()))
}
