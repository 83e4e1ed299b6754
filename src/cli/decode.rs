//! What greedy search, sampling and beam search have in common on the command line.

use std::io::Write;

use clap::{Arg, Args, CommandFactory};
use tokpick::processor::Chain;
use tokpick::render::{Format, Head, Run};
use tokpick::sampler::{Job, Limits, Sampler};
use tokpick::{Error, Result};

use super::args::{
    DrawArgs, FormatName, HistoryArgs, InputArgs, LimitArgs, Opened, OutputArgs, SearchArgs, SettingsArgs,
};
use super::chain::chain;
use super::flags::Facts;
use super::note::note;
use super::out::Out;
use super::{Cli, Status};

/// The flags of all three; those without effect in one of them are said on standard error.
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
}

/// A strategy, and how it is recorded.
pub struct Strategy {
    pub sampler: Box<dyn Sampler>,
    pub draw: Option<String>,
    pub seed: Option<u64>,
}

impl DecodeArgs {
    /// Opens the input, builds chain and limits.
    pub fn setup(&self) -> Result<Setup> {
        let opened = self.input.open()?;
        let shape = opened.source.shape();
        let limits = self.limits.limits(&shape);
        let facts = facts(&self.history, &limits, opened.rows());
        let chain = chain(&self.settings, &facts)?;
        Ok(Setup { opened, chain, limits })
    }

    /// Runs a strategy and writes what it decodes.
    pub fn run(&self, setup: Setup, mut strategy: Strategy) -> anyhow::Result<Status> {
        let Setup { mut opened, chain, limits } = setup;
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
        let parallel = parallel(&self.draw, &opened, self.draw.num_samples)? && !stream;
        let job = Job {
            prompt: self.history.prompt(),
            prefix: self.history.prefix(),
            chain: &chain,
            limits: &limits,
            seed: strategy.seed.unwrap_or(0),
            logprobs: format.wants_logprobs(),
            parallel,
        };
        let (draw, seed) = (strategy.draw.take(), strategy.seed);
        let head = Head { draw, seed, chain: chain.json(), arguments: arguments() };
        let mut out = Out::open(self.output.output.as_deref())?;
        let mut run = Run::new(format, stream, head);
        let tokens = opened.tokens.as_ref();
        strategy.sampler.run(opened.source.as_mut(), &job, &mut (), &mut |event| {
            out.write(|to| run.event(&event, tokens, to))
        })?;
        out.write(|to| run.end(to))?;
        out.finish()?;
        missing(&opened);
        Ok(Status::Done)
    }
}

/// What processors need to know beside their own flags.
pub fn facts(history: &HistoryArgs, limits: &Limits, rows: Option<usize>) -> Facts {
    let before = history.prompt().len() + history.prefix().len();
    let new = limits.max_new_tokens.or(rows);
    Facts { eos: limits.eos.clone(), prompt: history.prompt().to_vec(), max_length: new.map(|n| before + n) }
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
