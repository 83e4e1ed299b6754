use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use tokpick::check::{self, DiffOptions, RowDiff};
use tokpick::source::{DtypeHint, Layout, LogitsSource, Open, RowRange, remarking};
use tokpick::{Error, Result};

use crate::cli::args::{HistoryArgs, LimitArgs, ReportArgs, SettingsArgs};
use crate::cli::note::note;
use crate::cli::progress::watched;
use crate::cli::resolve::{Asked, Files};
use crate::cli::{Execute, Given, Screen, Status};

/// Rows are compared after the processors, with the history prompt and prefix. The share of draws that flip is exact: the
/// measure of the uniforms for which inverse CDF takes different tokens (with `--draw gumbel`, the chance over shared noise).
///
/// Exit status: 0 within the limits (or no limits given), 1 outside, 2 inputs that can't be compared.
#[derive(Args)]
pub struct Diff {
    /// Logits
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Other logits of the same shape
    #[arg(value_name = "B")]
    b: PathBuf,
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
    history: HistoryArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Status 1 if the KL divergence of a row exceeds this, either way, in nats
    #[arg(long, value_name = "NATS", help_heading = "Limits", allow_hyphen_values = true)]
    max_kl: Option<f64>,
    /// Status 1 if fewer rows than this share agree on the most probable token
    #[arg(long, value_name = "SHARE", help_heading = "Limits", allow_hyphen_values = true)]
    min_top1: Option<f64>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// For reading
    #[default]
    Text,
    /// One document, with every row
    Json,
}

impl Diff {
    fn open(&self, path: &PathBuf) -> Result<Box<dyn LogitsSource + Send>> {
        let (layout, rows, dtype) = (self.layout, self.rows, self.dtype);
        let (null_is_masked, probs) = (self.null_is_masked, self.probs);
        let open = Open { layout, rows, dtype, null_is_masked, probs, ..Open::new(path) };
        watched(remarking(open.open()?, layout, Box::new(note)))
    }

    /// Whether the comparison keeps to the limits.
    fn holds(&self, diff: &check::Diff) -> bool {
        self.max_kl.is_none_or(|most| diff.max_kl.is_some_and(|kl| kl <= most))
            && self.min_top1.is_none_or(|least| diff.top1 >= least)
    }
}

impl Execute for Diff {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick diff steps.npy steps-fortran.npy",
            "tokpick diff steps.npy steps-fortran.npy --max-kl 1e-4 -f json",
        ],
        flags: &["max-kl", "min-top1", "seed", "temperature", "top-p", "top", "format", "output"],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        for (flag, value) in [("--max-kl", self.max_kl), ("--min-top1", self.min_top1)] {
            if let Some(value) = value.filter(|v| v.is_nan() || *v < 0.0) {
                return Err(Error::setting(flag, value, "must be 0 or more").into());
            }
        }
        let (mut a, mut b) = (self.open(&self.a)?, self.open(&self.b)?);
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
        out.write(|to| match self.report.format {
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
        out.finish()?;
        Ok(if holds { Status::Done } else { Status::No })
    }
}
