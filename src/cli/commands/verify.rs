mod records;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use tokpick::check::{self, Clip, GuessOptions, Tolerance, VerifyOptions};
use tokpick::draw::{Argmax, Draw};
use tokpick::engine::{Batch, Params, Watch};
use tokpick::source::Layout;
use tokpick::{Error, Place, Result, TokenId};

use crate::cli::args::{
    DrawArgs, HistoryArgs, IdsArgs, InputArgs, LimitArgs, Opened, Seed, SettingsArgs, ShowArgs, hide,
};
use crate::cli::named::NamedLists;
use crate::cli::note::{no_effect, note};
use crate::cli::out::Out;
use crate::cli::resolve::{Asked, Files, Setup};
use crate::cli::strategy::{self, is_greedy, samples};
use crate::cli::usage::help;
use crate::cli::{Given, Run, Status};

/// `verify RECORD` repeats a recorded run. `verify INPUT --ids …` draws every step again, with the claimed ids as history, and
/// tells for each mismatch by how much the claimed token lost (after Token-DiFR, arXiv 2511.20621): the score difference of a
/// race, or the distance of the uniform to the token's interval. `--guess` looks for the engine, order and batch convention.
///
/// Exit status: 0 it holds, 1 it does not (or nothing explains the ids), 2 it can't be checked.
#[derive(Args)]
#[command(mut_args(|arg| hide(arg, &["threads", "max_new_tokens"])))]
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
    /// Further records
    #[arg(value_name = "RECORD")]
    more: Vec<PathBuf>,
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
    /// How far an engine's own rounding may move the scores of a race against each other: tokens that lost by no more are
    /// explained by it (default for vllm-v2* and sglang: 1e-5; else none)
    #[arg(long, value_name = "X", help_heading = "Verdict", allow_hyphen_values = true)]
    tolerance: Option<f64>,
    /// How far an engine's own cut may be from top-p, as a share of the mass (with --tolerance)
    #[arg(
        long,
        value_name = "X",
        default_value_t = 2e-4,
        help_heading = "Verdict",
        allow_hyphen_values = true
    )]
    cut_tolerance: f64,
    /// With --guess: seeds to try for the engines whose draws depend on seed and position alone; B is not included
    #[arg(long, value_name = "A..B", help_heading = "Verdict", allow_hyphen_values = true, value_parser = range, requires = "guess")]
    seeds: Option<(i64, i64)>,
    /// With --guess: positions of the first id to try for them (default: the prompt's, or 0..4096)
    #[arg(long, value_name = "A..B", help_heading = "Verdict", value_parser = range, requires = "guess")]
    positions: Option<(i64, i64)>,
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
            ("--tolerance", self.tolerance),
            ("--cut-tolerance", Some(self.cut_tolerance)),
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

/// `A..B`, both whole numbers, A below B.
fn range(text: &str) -> std::result::Result<(i64, i64), String> {
    let bounds =
        text.split_once("..").and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    bounds.filter(|(a, b)| a < b).ok_or_else(|| "must be A..B, two whole numbers, A below B".to_string())
}

impl Run for Verify {
    fn run(mut self, given: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return help("verify");
        }
        self.judge.check()?;
        let lists = match self.claims()? {
            Some(lists) => Some(lists),
            None => self.ids.lists()?,
        };
        let Some(lists) = lists else { return self.without_ids(given) };
        if let Some(more) = self.judge.more.first() {
            let what = "with ids, one input is verified: leave it out";
            return Err(Error::setting("RECORD", more.display(), what).into());
        }
        if let Some(moved) = &self.judge.moved {
            let what = "is for a record: with ids, the input is the first argument";
            return Err(Error::setting("--input", moved.display(), what).into());
        }
        no_effect(
            &self.draw.threads.map_or(vec![], |_| vec!["--threads"]),
            "in verify, which reads row by row",
        );
        if !self.judge.guess {
            return self.ids(&lists);
        }
        let judging = ["--logit-noise", "--alpha", "--clip", "--min-match", "--max-margin", "--top"];
        let idle: Vec<&str> = judging.into_iter().filter(|flag| given.has(&flag[2..])).collect();
        no_effect(&idle, "with --guess");
        self.guess(&lists)
    }
}

impl Verify {
    fn ids(&self, lists: &NamedLists) -> anyhow::Result<Status> {
        let opened = self.input.open()?;
        let ids = lists.resolve(self.ids.flag(), opened.tokens.as_ref())?;
        let mut out = Out::open(self.judge.output.as_deref())?;
        let longest = ids.iter().map(Vec::len).max();
        let files = Files::read(&self.settings)?;
        let resolved = self.asked(Some(&self.draw)).resolve(
            &files,
            &opened.source.shape(),
            longest,
            opened.tokens.as_ref(),
        )?;
        let setup = Setup { opened, files, resolved, logprobs: true };
        let samples = samples(&self.draw, &setup.files)?;
        let (mut draw, seed, temperature) = self.drawing(&setup, samples)?;
        let Setup { mut opened, resolved, .. } = setup;
        let job = resolved.job(seed.as_ref().map_or(0, Seed::coins));
        let options = VerifyOptions {
            logit_noise: self.judge.logit_noise,
            temperature,
            alpha: self.judge.alpha,
            clip: Clip(self.judge.clip),
            tolerance: self.tolerance()?,
        };
        let found = check::verify(opened.source.as_mut(), &job, draw.as_mut(), samples, &ids, &options)?;
        let holds = found.holds(self.judge.min_match, self.judge.max_margin);
        let look = self.judge.show.look(&out);
        out.write(|to| match self.judge.format {
            FormatName::Text => {
                found.text(self.judge.top, self.judge.logit_noise, self.judge.alpha, &look, to)
            }
            FormatName::Json => {
                let document = json!({
                    "tokpick": env!("CARGO_PKG_VERSION"),
                    "draw": draw.name(),
                    "seed": seed.as_ref().map(Seed::json),
                    "chain": resolved.chain.json(),
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
    fn drawing(&self, setup: &Setup, samples: usize) -> Result<(Box<dyn Draw>, Option<Seed>, f64)> {
        let resolved = &setup.resolved;
        let coin = resolved.chain.needs().coin;
        let seeded = self.draw.seed.is_some()
            || self.draw.engine.row_seeds.is_some()
            || setup.files.get(|s| s.seed).is_some();
        if !seeded && (coin || !self.judge.greedy) && !is_greedy(&resolved.chain) {
            let what = "which seed were they drawn with? (or --greedy, if they were not drawn)";
            return Err(Error::setting("--seed", "(none)", what));
        }
        let temperature = match &resolved.params {
            Some(params) => params.temperature.filter(|&t| t > 0.0).unwrap_or(1.0),
            None => VerifyOptions::temperature_of(&resolved.chain),
        };
        if self.judge.greedy {
            self.draw.refuse_engine("--greedy takes the best token, as every engine does")?;
            return Ok((Box::new(Argmax), self.draw.seed.clone().filter(|_| coin), temperature));
        }
        let drawing = strategy::draw(&self.draw, setup, samples, Watch::Ids)?;
        Ok((drawing.draw, drawing.seed, temperature))
    }

    fn asked<'a>(&'a self, draw: Option<&'a DrawArgs>) -> Asked<'a> {
        Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw }
    }

    fn guess(&self, lists: &NamedLists) -> anyhow::Result<Status> {
        let seed = self.draw.seed.as_ref();
        if seed.is_none() && self.judge.seeds.is_none() {
            let what =
                "a guess needs the seed, or --seeds A..B for the engines whose seeds can be looked for";
            return Err(Error::setting("--seed", "(none)", what).into());
        }
        let mut out = Out::open(self.judge.output.as_deref())?;
        let mut best: Option<check::Guess> = None;
        let mut failure = None;
        for layout in self.layouts()? {
            let mut opened = self.input.open_as(layout, false)?;
            let ids = lists.resolve(self.ids.flag(), opened.tokens.as_ref())?;
            match self.guess_in(&mut opened, &ids, seed) {
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
        out.write(|to| match self.judge.format {
            FormatName::Text => guess.text(to),
            FormatName::Json => {
                let mut document = json!(guess);
                document["tokpick"] = json!(env!("CARGO_PKG_VERSION"));
                document["holds"] = json!(!guess.explained.is_empty());
                document["seed"] = json!(seed.map(Seed::json));
                writeln!(to, "{document}")
            }
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

    fn guess_in(
        &self,
        opened: &mut Opened,
        ids: &[Vec<TokenId>],
        seed: Option<&Seed>,
    ) -> Result<check::Guess> {
        let files = Files::read(&self.settings)?;
        let longest = ids.iter().map(Vec::len).max();
        let asked = self.asked(None);
        let resolved = asked.resolve(&files, &opened.source.shape(), longest, opened.tokens.as_ref())?;
        let params = asked.params(&self.draw, &files, &resolved, opened.tokens.as_ref())?;
        let job = resolved.job(seed.map_or(0, Seed::coins));
        let addresses = self.addresses(&params, seed)?;
        let seed = seed.map(|s| s.0.as_str());
        let options = GuessOptions { seed, addresses: addresses.as_ref(), params: &params, partial: 3 };
        check::guess(opened.source.as_mut(), &job, ids, &options)
    }

    /// Where to look for seeds and positions; `None` for a seed that those engines don't take.
    fn addresses(&self, params: &Params, seed: Option<&Seed>) -> Result<Option<check::Addresses>> {
        let seeds = match (self.judge.seeds, seed.and_then(|s| s.0.trim().parse::<i64>().ok())) {
            (Some((from, to)), _) => from..to,
            (None, Some(seed)) => seed..seed.saturating_add(1),
            (None, None) => return Ok(None),
        };
        let positions = match (self.judge.positions, &params.position) {
            (Some((from, to)), _) => {
                let from = u64::try_from(from)
                    .map_err(|_| Error::setting("--positions", from, "a position is 0 or more"))?;
                Some(from..to as u64)
            }
            (None, Some(position)) => {
                let what = "a guess looks for one range: give --positions A..B";
                let position: u64 =
                    position.trim().parse().map_err(|_| Error::setting("--position", position, what))?;
                Some(position..position.saturating_add(1))
            }
            (None, None) => None,
        };
        Ok(Some(check::Addresses { seeds, positions }))
    }

    /// Whether the claimed engine draws by seed and position alone.
    fn addressed(&self) -> Result<bool> {
        match &self.draw.engine.engine {
            Some(name) => Ok(tokpick::engine::find(name)?.batch == Batch::Addressed),
            None => Ok(false),
        }
    }

    /// What a faithful server may differ by: as the flags say, or as is usual for engines without a state.
    fn tolerance(&self) -> Result<Option<Tolerance>> {
        let usual = self.addressed()?.then(|| Tolerance::default().score);
        let score = self.judge.tolerance.or(usual);
        Ok(score.map(|score| Tolerance { score, cut: self.judge.cut_tolerance }))
    }

    /// The ids of a server's answers, where the file of ids holds such; seeds, positions and prompts go where flags left them
    /// open.
    fn claims(&mut self) -> Result<Option<NamedLists>> {
        let Some(path) = self.ids.ids_file.as_ref().filter(|p| p.as_os_str() != "-") else { return Ok(None) };
        let file = path.display().to_string();
        let text = tokpick::source::read_text(path)?;
        let Some(claims) = check::claims(&file, &text)? else { return Ok(None) };
        let addressed = self.addressed()?;
        let engine = &mut self.draw.engine;
        let seeds: Vec<i64> = claims.iter().filter_map(|c| c.seed).collect();
        let (all, same) = (seeds.len() == claims.len(), seeds.windows(2).all(|w| w[0] == w[1]));
        if (self.draw.seed.is_some() || engine.row_seeds.is_some()) && !seeds.is_empty() {
            note(format!("{file}: its seeds are not used: the flags give others"));
        } else if addressed && all {
            let seeds: Vec<String> = seeds.iter().map(i64::to_string).collect();
            engine.row_seeds = Some(seeds.join(","));
        } else if let Some(seed) = seeds.first().filter(|_| all && same) {
            self.draw.seed = Some(Seed(seed.to_string()));
        } else if !seeds.is_empty() {
            let what = format!(
                "{} of {} answers have a seed, and not one for all: give --seed",
                seeds.len(),
                claims.len()
            );
            return Err(Error::input(&file, Place::default(), what));
        }
        let positions: Option<Vec<String>> =
            claims.iter().map(|c| c.position().map(|p| p.to_string())).collect();
        if addressed && engine.position.is_none() {
            engine.position = positions.map(|p| p.join(","));
        }
        if engine.engine.is_some() && self.history.prompt_ids.is_none() {
            engine.prompts = claims.iter().map(|c| c.prompt.clone()).collect();
        }
        let mut settings: Vec<String> =
            claims.iter().flat_map(|c| &c.settings).map(|(n, v)| format!("{n} {v}")).collect();
        settings.sort();
        settings.dedup();
        if !settings.is_empty() {
            note(format!("{file} names {}: settings come from flags alone", settings.join(", ")));
        }
        Ok(Some(NamedLists::of(claims.into_iter().map(|c| c.ids))))
    }
}
