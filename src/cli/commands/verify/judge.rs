//! How claims are judged, and how the verdict is written.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tokpick::{Error, Result};

use crate::cli::args::ReportArgs;

/// How claims are judged, and how the verdict is written.
#[derive(Args, Clone)]
pub(super) struct JudgeArgs {
    /// Further records
    #[arg(value_name = "RECORD")]
    pub(super) more: Vec<PathBuf>,
    /// The input of a record, where it is no longer at the recorded path
    #[arg(long = "input", value_name = "FILE", id = "moved", help_heading = "Input")]
    pub(super) moved: Option<PathBuf>,
    /// The ids are the most probable tokens, not drawn
    #[arg(long, help_heading = "Drawing")]
    pub(super) greedy: bool,
    /// Try all engines, orders and batch conventions: which of them draws these ids?
    #[arg(long, help_heading = "Verdict", conflicts_with_all = ["engine", "greedy", "draw"])]
    pub(super) guess: bool,
    /// Size of the noise that the logits may carry: the standard deviation of a Gaussian, in nats
    #[arg(
        long,
        value_name = "SIGMA",
        default_value_t = 0.0,
        help_heading = "Verdict",
        allow_hyphen_values = true
    )]
    pub(super) logit_noise: f64,
    /// A mismatch that noise makes with less than this probability counts as not explained
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.001,
        help_heading = "Verdict",
        allow_hyphen_values = true
    )]
    pub(super) alpha: f64,
    /// How far an engine's own rounding may move the scores of a race against each other: tokens that lost by no more are
    /// explained by it (default for vllm-v2* and sglang: 1e-5, or eight spacings of float32 at the row's largest score where that is
    /// more; else none)
    #[arg(long, value_name = "X", help_heading = "Verdict", allow_hyphen_values = true)]
    pub(super) tolerance: Option<f64>,
    /// How far an engine's own cut may be from top-p, as a share of the mass (with --tolerance)
    #[arg(
        long,
        value_name = "X",
        default_value_t = 2e-4,
        help_heading = "Verdict",
        allow_hyphen_values = true
    )]
    pub(super) cut_tolerance: f64,
    /// With --guess: seeds to try for the engines whose draws depend on seed and position alone; B is not included
    #[arg(long, value_name = "A..B", help_heading = "Verdict", allow_hyphen_values = true, value_parser = range, requires = "guess")]
    pub(super) seeds: Option<(i64, i64)>,
    /// With --guess: positions of the first id to try for them (default: the prompt's, or 0..4096)
    #[arg(long, value_name = "A..B", help_heading = "Verdict", value_parser = range, requires = "guess")]
    pub(super) positions: Option<(i64, i64)>,
    /// Sampling masks, the ids that were kept at each step (nested lists, or ids with offsets): they must be what the processors leave
    #[arg(long, value_name = "FILE", help_heading = "Verdict", conflicts_with_all = ["engine", "guess"])]
    pub(super) mask: Option<PathBuf>,
    /// Where a margin is clipped before the mean is taken
    #[arg(
        long,
        value_name = "X",
        default_value_t = 10.0,
        help_heading = "Verdict",
        allow_hyphen_values = true
    )]
    pub(super) clip: f64,
    /// It holds if at least this share of steps matches (default: all of them)
    #[arg(long, value_name = "SHARE", help_heading = "Verdict", allow_hyphen_values = true)]
    pub(super) min_match: Option<f64>,
    /// It holds if no token lost by more than this
    #[arg(long, value_name = "X", help_heading = "Verdict", allow_hyphen_values = true)]
    pub(super) max_margin: Option<f64>,
    /// Show so many mismatches
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    pub(super) top: usize,
    #[command(flatten)]
    pub(super) report: ReportArgs<FormatName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum FormatName {
    /// For reading
    #[default]
    Text,
    /// One document, with every step
    Json,
}

impl JudgeArgs {
    pub(super) fn check(&self) -> Result<()> {
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
        if self.cut_tolerance > tokpick::engine::FARTHEST_CUT {
            let what =
                format!("must be at most {}: no farther tokens are looked at", tokpick::engine::FARTHEST_CUT);
            return Err(Error::setting("--cut-tolerance", self.cut_tolerance, what));
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
