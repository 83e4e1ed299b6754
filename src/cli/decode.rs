//! What greedy search, sampling and beam search have in common on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory};
use serde_json::Value;
use tokpick::draw::Draw;
use tokpick::engine::Params;
use tokpick::processor::Chain;
use tokpick::render::{Format, Head, Run};
use tokpick::sampler::{Event, Job, Limits, Sampler};
use tokpick::{Error, Result};

use super::args::{
    DrawArgs, FormatName, HistoryArgs, InputArgs, LimitArgs, Opened, OutputArgs, SearchArgs, Seed,
    SettingsArgs, WatchArgs,
};
use super::chain::chain_or_params;
use super::files::Files;
use super::flags::Facts;
use super::note::note;
use super::out::Out;
use super::record;
use super::watch::Watch;
use super::{Cli, Status};

// (no doc comment: clap would take it for the help of the command)
// The flags of all three; those without effect in one of them are said on standard error.
#[derive(Args)]
pub struct DecodeArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub history: HistoryArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub draw: DrawArgs,
    #[command(flatten)]
    pub search: SearchArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Record the run in a file, whole or not at all, for `tokpick verify`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub record: Option<PathBuf>,
}

/// Keeps flags without effect out of a command's help; given all the same, they are said on standard error.
pub fn hide(arg: Arg, idle: &[&str]) -> Arg {
    let hidden = idle.contains(&arg.get_id().as_str());
    arg.hide(hidden)
}

/// Everything that stands once the input is open.
pub struct Setup {
    pub opened: Opened,
    pub chain: Chain,
    pub limits: Limits,
    /// The parameters of the engine that is replayed.
    pub params: Option<Params>,
}

/// A strategy, and how it is recorded.
pub struct Strategy<'a> {
    pub sampler: Box<dyn Sampler + 'a>,
    pub draw: Option<String>,
    /// The version of the engine that is replayed.
    pub engine: Option<&'static str>,
    pub seed: Option<Seed>,
}

impl<'a> Strategy<'a> {
    /// A strategy with draws of tokpick's own.
    pub fn new(sampler: Box<dyn Sampler + 'a>, draw: Option<String>, seed: Option<u64>) -> Self {
        Strategy { sampler, draw, engine: None, seed: seed.map(|s| Seed(s.to_string())) }
    }

    /// The seed of processors' coins.
    pub fn number(&self) -> u64 {
        self.seed.as_ref().and_then(|s| s.number().ok()).unwrap_or(0)
    }

    /// The seed in JSON: a number where every reader keeps it.
    pub fn seed_json(&self) -> Option<Value> {
        let seed = self.seed.as_ref()?;
        Some(seed.number().map_or_else(|_| Value::from(seed.0.clone()), tokpick::render::seed))
    }
}

/// A command that decodes: its flags, and its strategy once the input is open.
pub trait Decode {
    /// The flags.
    fn args(&self) -> &DecodeArgs;

    /// The flags, to be changed.
    fn args_mut(&mut self) -> &mut DecodeArgs;

    /// Checks the flags and builds the strategy.
    ///
    /// # Errors
    /// Flags that don't go together.
    fn strategy(&self, files: &Files, setup: &Setup) -> Result<Strategy<'static>>;

    /// The draw alone, where tokens are taken one at a time.
    ///
    /// # Errors
    /// As [`strategy`](Self::strategy).
    fn draw(&self, files: &Files, setup: &Setup) -> Result<Option<Box<dyn Draw>>>;
}

impl DecodeArgs {
    /// Opens the input, builds chain and limits.
    pub fn setup(&self, files: &Files) -> Result<Setup> {
        let opened = match self.record {
            Some(_) if self.input.model.model_command.is_some() => {
                let what = "a live model can't be read again: keep its rows with --record-table, and record a run on them";
                return Err(Error::setting("--record", "with --model-command", what));
            }
            Some(_) => self.input.open_digesting()?,
            None => self.input.open()?,
        };
        let limits = self.limits.limits(files, self.history.len()).of(&opened.source.shape());
        let facts = facts(&self.history, &limits, opened.rows());
        let (chain, params) = chain_or_params(&self.settings, &self.draw, files, &facts)?;
        Ok(Setup { opened, chain, limits, params })
    }

    /// Runs a strategy and writes what it decodes.
    pub fn run(&self, setup: Setup, mut strategy: Strategy<'_>) -> anyhow::Result<Status> {
        let Setup { mut opened, chain, limits, .. } = setup;
        let format = Format::from(self.output.format);
        let stream = self.output.stream;
        if stream && self.output.format == FormatName::Json {
            let what = "is one document: use --format jsonl, or leave out --stream";
            return Err(Error::setting("--format", "json", what).into());
        }
        if self.output.format == FormatName::Text && opened.tokens.is_none() {
            let what = "needs token strings: give --vocab FILE";
            return Err(Error::setting("--format", "text", what).into());
        }
        let parallel =
            parallel(&self.draw, &opened, self.draw.num_samples.max(self.search.num_beams))? && !stream;
        let job = Job {
            prompt: self.history.prompt(),
            prefix: self.history.prefix(),
            chain: &chain,
            limits: &limits,
            seed: strategy.number(),
            logprobs: format.wants_logprobs() || self.record.is_some(),
            parallel,
        };
        let mut record = match &self.record {
            Some(path) => Some((path, record::begin(&strategy, &opened, &chain)?)),
            None => None,
        };
        let (draw, seed) = (strategy.draw.take(), strategy.seed_json());
        let head = Head { draw, seed, chain: chain.json(), arguments: arguments() };
        let mut out = Out::open(self.output.output.as_deref())?;
        let mut run = Run::new(format, stream, head);
        let tokens = opened.tokens.as_ref();
        let mut watch = Watch::open(&self.watch)?;
        let done = watch.run(opened.source.as_mut(), |source, trace| {
            strategy.sampler.run(source, &job, trace, &mut |event| {
                if let (Some((_, record)), Event::Done(h)) = (&mut record, &event) {
                    record.sequences.push(h.into());
                }
                out.write(|to| run.event(&event, tokens, to))
            })
        });
        // what was recorded until an error is kept
        let kept = watch.finish(done.is_ok());
        done.and(kept)?;
        out.write(|to| run.end(to))?;
        if let Some((path, mut record)) = record {
            record.input = opened.digest()?;
            record.write(path)?;
        }
        out.finish()?;
        missing(&opened);
        Ok(Status::Done)
    }
}

/// What processors need to know beside their own flags.
pub fn facts(history: &HistoryArgs, limits: &Limits, rows: Option<usize>) -> Facts {
    let new = limits.max_new_tokens.or(rows);
    let max_length = new.map(|n| history.len().saturating_add(n));
    Facts { eos: limits.eos.clone(), prompt: history.prompt().to_vec(), max_length }
}

/// Shows the help of a subcommand: nobody gave it anything to read.
pub fn help(name: &str) -> anyhow::Result<Status> {
    let mut command = Cli::command();
    command.build();
    if let Some(command) = command.find_subcommand_mut(name) {
        // standard error may be closed
        let _ = writeln!(std::io::stderr(), "{}", command.render_help());
    }
    note("no input: give a file, or pipe logits in");
    Ok(Status::Helped)
}

/// The command line, as it is recorded.
pub fn arguments() -> Vec<String> {
    std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect()
}

/// How a picture was made: version, command, and the seed where the command doesn't give it.
pub fn made(seed: Option<&str>) -> String {
    let arguments = arguments();
    let command =
        shlex::try_join(arguments.iter().map(String::as_str)).unwrap_or_else(|_| arguments.join(" "));
    let given = arguments.iter().any(|a| a == "-s" || a.starts_with("--seed"));
    let seed = seed.filter(|_| !given).map_or(String::new(), |seed| format!(" · seed {seed}"));
    format!("tokpick {command}{seed} · tokpick {}", env!("CARGO_PKG_VERSION"))
}

/// Warns of ids that have no string.
pub fn missing(opened: &Opened) {
    let Some(tokens) = &opened.tokens else { return };
    let missing = tokens.missing();
    if let Some(first) = missing.first() {
        note(format!(
            "{} of the ids shown, {first} first, have no string: the vocabulary has {} (padded model head?)",
            missing.len(),
            tokens.len()
        ));
    }
}

/// Logits below which threads cost more than they give.
const WORTH_THREADS: usize = 1 << 20;

/// Whether rows are decoded on several threads. No pool is made where it isn't worth it.
fn parallel(draw: &DrawArgs, opened: &Opened, samples: Option<usize>) -> Result<bool> {
    match draw.threads {
        Some(0) => return Err(Error::setting("--threads", 0, "must be 1 or more")),
        Some(1) => return Ok(false),
        _ => {}
    }
    let shape = opened.source.shape();
    let rows = opened.rows().unwrap_or(shape.sequences.len()).saturating_mul(samples.unwrap_or(1));
    let worth = rows > 1 && rows.saturating_mul(shape.vocab.unwrap_or(0)) >= WORTH_THREADS;
    if let Some(threads) = draw.threads.filter(|_| rows > 1) {
        // fails where a pool stands already: then that one serves
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        return Ok(true);
    }
    Ok(worth)
}

/// The processors that never remove or overtake the most probable token.
const KEEP_THE_BEST: [&str; 12] = [
    "temperature",
    "dynamic_temperature",
    "top_k",
    "top_p",
    "min_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "top_h",
    "top_n_sigma",
    "top_a",
    "tail_free",
    "p_less",
];

/// The processors that change nothing in greedy search.
pub fn idle_in_greedy(chain: &Chain) {
    let on = chain.processors().iter().filter(|p| !p.is_off()).map(|p| p.info());
    let idle: Vec<&str> = on.filter(|i| KEEP_THE_BEST.contains(&i.name)).map(|i| i.name).collect();
    if !idle.is_empty() {
        note(format!("no effect in greedy search: {} (they keep the most probable token)", idle.join(", ")));
    }
}

/// Says which of the given flags have no effect in this strategy.
pub fn no_effect(flags: &[&str], why: &str) {
    if !flags.is_empty() {
        note(format!("no effect {why}: {}", flags.join(", ")));
    }
}
