mod mask;
mod statistics;
mod tokens;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use tokpick::check::{self, DiffOptions, RowDiff};
use tokpick::render::Tokens;
use tokpick::source::{
    DtypeHint, Layout, LogitsSource, Open, RowRange, file_and_array, is_lent, read_text, remarking,
};
use tokpick::{Error, Place, Result};

use crate::cli::args::{HistoryArgs, LimitArgs, ReportArgs, SettingsArgs, VocabArgs, limit};
use crate::cli::note::{no_effect, note};
use crate::cli::progress::watched;
use crate::cli::resolve::{Asked, Files};
use crate::cli::{Execute, Given, Screen, Status};
use tokens::Input;

/// With a .kld as A, what `llama-perplexity --kl-divergence` tells of a model B: a .kld or logits of the same text.
///
/// Rows are compared after the processors, with the history prompt and prefix. The share of draws that flip is exact: the
/// measure of the uniforms for which inverse CDF takes different tokens (with `--draw gumbel`, the chance over shared noise).
///
/// With log-probabilities of tokens on both sides (a server's response, JSON with `ids` and `logprobs`), or on one beside rows of logits,
/// how far they are apart, and what is likely wrong; `--max-kl` is a limit for KL by k3 then.
///
/// Exit status: 0 within the limits (or no limits given), 1 outside, 2 inputs that can't be compared.
#[derive(Args, Clone)]
pub struct Diff {
    /// Logits, log-probabilities of tokens (a server's answer, a trainer's JSON), or the .kld of a base model
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The same of another origin: logits of the same shape, log-probabilities of the same tokens (beside a .kld: of the same text)
    #[arg(value_name = "B", required_unless_present = "mask")]
    b: Option<PathBuf>,
    /// What the axes are, in both
    #[arg(long, value_name = "tv|bv|btv|tbv", help_heading = "Input")]
    layout: Option<Layout>,
    /// A part of the rows, in both
    #[arg(long, value_name = "A..B", help_heading = "Input")]
    rows: Option<RowRange>,
    /// What `uint16` NPY arrays hold: bf16
    #[arg(long, value_name = "bf16", help_heading = "Input")]
    dtype: Option<DtypeHint>,
    /// Read JSON `null` as a masked token
    #[arg(long, help_heading = "Input")]
    null_is_masked: bool,
    /// The numbers are probabilities, in both
    #[arg(long, help_heading = "Input")]
    probs: bool,
    #[command(flatten)]
    vocab: VocabArgs,
    /// The strings that they give.
    #[arg(skip)]
    tokens: Option<Tokens>,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Status 1 if the KL divergence of a row exceeds this, either way, in nats
    #[arg(long, value_name = "NATS", help_heading = "Limits", allow_hyphen_values = true)]
    max_kl: Option<f64>,
    /// Status 1 if fewer rows than this share agree on the most probable token
    #[arg(long, value_name = "SHARE", help_heading = "Limits", allow_hyphen_values = true)]
    min_top1: Option<f64>,
    /// What is compared: rows of logits, or the log-probabilities of the tokens that were taken, a server's and a trainer's for instance
    /// (default: what the files hold)
    #[arg(long, value_name = "WHAT", help_heading = "Comparison")]
    of: Option<Of>,
    /// Sampling masks, the ids that were kept at each step (nested lists, or ids with offsets): are they what the processors leave?
    #[arg(long, value_name = "FILE", help_heading = "Comparison")]
    mask: Option<PathBuf>,
    /// Count the tokens whose ratio of probabilities is outside [1/C, C]
    #[arg(
        long,
        value_name = "C",
        default_value_t = 2.0,
        help_heading = "Comparison",
        allow_hyphen_values = true
    )]
    ratio_bound: f64,
    /// The overlap is of so many best tokens
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Comparison")]
    overlap_k: usize,
    /// Seed of the run whose first divergence is looked for
    #[arg(long, short, value_name = "N", default_value_t = 0, help_heading = "Comparison")]
    seed: u64,
    /// How that run draws
    #[arg(long, value_name = "NAME", help_heading = "Comparison")]
    draw: Option<crate::cli::args::DrawName>,
    /// Show so many of the rows that differ most
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    top: usize,
    #[command(flatten)]
    report: ReportArgs<FormatName>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Of {
    /// Rows of logits
    Rows,
    /// The log-probabilities of the tokens that were taken
    Tokens,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// For reading
    #[default]
    Text,
    /// One document, with every row
    Json,
}

/// Says that a limit is broken: a number is above it, or infinite.
fn above(flag: &str, most: Option<f64>, name: &str, found: Option<f64>) {
    if let Some(most) = most.filter(|most| found.is_none_or(|found| found > *most)) {
        note(format!("{name} is {}, above {flag} {most}", words(found, "infinite")));
    }
}

/// The same of a share that is too small.
fn below(flag: &str, least: Option<f64>, name: &str, found: Option<f64>) {
    if let Some(least) = least.filter(|least| found.is_none_or(|found| found < *least)) {
        note(format!("{name} is {}, below {flag} {least}", words(found, "not known")));
    }
}

fn words(found: Option<f64>, none: &str) -> String {
    found.map_or(none.into(), |found| found.to_string())
}

/// The flags of token strings.
const VOCAB: [&str; 4] = ["vocab", "tokenizer", "model-dir", "skip-special-tokens"];

impl Diff {
    fn open(&self, path: &Path, rows: Option<RowRange>) -> Result<Box<dyn LogitsSource + Send>> {
        watched(remarking(self.opened(path, rows)?, self.layout, Box::new(note)))
    }

    /// As [`open`](Self::open), without remarks.
    fn opened(&self, path: &Path, rows: Option<RowRange>) -> Result<Box<dyn LogitsSource + Send>> {
        let (layout, dtype) = (self.layout, self.dtype);
        let (null_is_masked, probs) = (self.null_is_masked, self.probs);
        let names = self.tokens.as_ref().map(Tokens::names);
        Open { layout, rows, dtype, null_is_masked, probs, names, ..Open::new(path) }.open()
    }

    /// Whether the comparison keeps to the limits.
    fn holds(&self, diff: &check::Diff) -> bool {
        self.max_kl.is_none_or(|most| diff.max_kl.is_some_and(|kl| kl <= most))
            && self.min_top1.is_none_or(|least| diff.top1 >= least)
    }
}

/// The largest file that is read once more for the sake of a better message.
const HINTED: u64 = 1 << 22;

/// What a file holds that no other command reads as an input, and where it is read.
pub fn only_here(path: &Path) -> Option<&'static str> {
    let (file, _) = file_and_array(path);
    if is_lent(path) || !file.metadata().is_ok_and(|m| m.is_file() && m.len() <= HINTED) {
        return None;
    }
    let (name, text) = (file.display().to_string(), read_text(&file).ok()?);
    if check::Record::is_record(text.as_bytes()) {
        return None;
    }
    let claimed = || {
        tokens::may_hold_tokens(&file)
            .then(|| check::read_claimed(&name, text.as_bytes(), None).ok().flatten())
    };
    match claimed().flatten() {
        Some(found) if found.is_certain => Some(
            "it holds log-probabilities of tokens, without rows of logits: `tokpick diff` compares such files",
        ),
        Some(_) => None,
        None if check::read_masks(&name, text.as_bytes()).is_ok() => Some(
            "where it holds the ids that were kept at each step, --mask of `tokpick verify` and `tokpick diff` reads it",
        ),
        None => None,
    }
}

impl Execute for Diff {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick diff steps.npy steps-fortran.npy",
            "tokpick diff steps.npy steps-fortran.npy --max-kl 1e-4 -f json",
        ],
        flags: &[
            "of",
            "mask",
            "rows",
            "max-kl",
            "min-top1",
            "seed",
            "temperature",
            "top-p",
            "top",
            "format",
            "output",
        ],
    };

    fn execute(mut self, given: &Given) -> anyhow::Result<Status> {
        limit("--max-kl", self.max_kl, f64::INFINITY, "")?;
        limit("--min-top1", self.min_top1, 1.0, "it is a share of the rows")?;
        if self.overlap_k == 0 {
            return Err(Error::setting("--overlap-k", 0, "must be 1 or more").into());
        }
        if self.ratio_bound.is_nan() || self.ratio_bound < 1.0 {
            return Err(Error::setting("--ratio-bound", self.ratio_bound, "must be 1 or more").into());
        }
        self.tokens = self.vocab.open()?;
        // with a server's numbers in A, the mask says over which tokens those of B are normalised
        let a = self.look_at(&self.a)?;
        let (a, path_b) = match (a, &self.b, &self.mask) {
            (Input::Rows(a), _, Some(mask)) if a.carried().iter().all(|c| c.logprobs.is_empty()) => {
                // each comparison opens its inputs
                drop(a);
                return self.masks(mask, given);
            }
            (Input::Rows(a), Some(b), None) if a.format().is_kld() => return self.statistics(a, b, given),
            (a, Some(b), _) => (a, b),
            (Input::Rows(a), None, Some(mask)) => {
                let (a, mask) = (a.name(), mask.display());
                let what = format!(
                    "is a server's answer: `tokpick verify {a} --mask {mask}` holds its masks against its own rows (with --seed, or \
                     --greedy), `tokpick diff {a} ROWS --mask {mask}` against those of a model"
                );
                return Err(Error::input(a, Place::default(), what).into());
            }
            (_, None, _) => {
                let what = "holds log-probabilities of tokens: give the rows of the other side, too";
                return Err(Error::input(self.a.display().to_string(), Place::default(), what).into());
            }
        };
        let b = self.look_at(path_b)?;
        let [a, b] = match self.tokens([a, b], path_b, given)? {
            Ok(status) => return Ok(status),
            Err(inputs) => inputs,
        };
        if self.mask.is_some() {
            let what = "is for the rows of A, or for log-probabilities of tokens beside rows";
            return Err(Error::setting("--mask", "", what).into());
        }
        let rows = |input: Input, path: &Path| match input {
            Input::Rows(source) => Ok(source),
            Input::Tokens(..) => self.open(path, self.rows),
        };
        let (mut a, mut b) = (rows(a, &self.a)?, rows(b, path_b)?);
        if b.format().is_kld() {
            let what = format!("give the .kld first: `tokpick diff {} {}`", b.name(), a.name());
            return Err(Error::input(b.name(), Place::default(), what).into());
        }
        let typed = given.arguments().iter().filter_map(|a| a.long.as_deref());
        let idle: Vec<String> =
            typed.filter(|flag| VOCAB.contains(flag)).map(|flag| format!("--{flag}")).collect();
        no_effect(&idle.iter().map(String::as_str).collect::<Vec<_>>(), "where rows of logits are compared");
        let mut out = self.report.open()?;
        let files = Files::read(&self.settings)?.drawing("`diff` compares what `sample` draws from");
        let asked =
            Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw: None };
        let shape = a.shape();
        let resolved = asked.resolve(&files, a.as_ref(), shape.steps(), None)?;
        let job = resolved.job(self.seed);
        let gumbel = self.draw == Some(crate::cli::args::DrawName::Gumbel);
        let options = DiffOptions { top_k: self.overlap_k, seed: self.seed, gumbel };
        let mut rows: Vec<RowDiff> = Vec::new();
        let diff = check::diff(a.as_mut(), b.as_mut(), &job, &options, &mut |row| {
            rows.push(row.clone());
            Ok(())
        })?;
        let holds = self.holds(&diff);
        let look = self.report.look(&out);
        out.report(|to| match self.report.format {
            FormatName::Text => diff.text(&rows, self.top, &look, to),
            FormatName::Json => {
                let document = json!({
                    "tokpick": env!("CARGO_PKG_VERSION"),
                    "chain": resolved.chain.json(),
                    "seed": tokpick::render::seed(self.seed),
                    "holds": holds,
                    "summary": diff,
                    "rows": rows,
                });
                writeln!(to, "{document}")
            }
        })?;
        out.finish_report()?;
        above("--max-kl", self.max_kl, "the largest KL", diff.max_kl);
        below("--min-top1", self.min_top1, "the same top-1", Some(diff.top1));
        Ok(if holds { Status::Done } else { Status::No })
    }
}
