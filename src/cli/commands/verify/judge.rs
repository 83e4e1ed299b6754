//! How claims are judged, and how the verdict is written.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tokpick::check::Tolerance;
use tokpick::engine::FARTHEST_CUT;
use tokpick::{Error, Result};

use crate::cli::args::{ReportArgs, limit};

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
    /// explained by it; below 1 (default for vllm-v2* and sglang: 1e-5, or eight spacings of float32 at the row's largest score where that is
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
        let (share, any) = ("it is a share of the steps", f64::INFINITY);
        let all = [
            ("--logit-noise", Some(self.logit_noise), f64::MAX, "it is a standard deviation"),
            ("--alpha", Some(self.alpha), 1.0, "it is a probability"),
            ("--clip", Some(self.clip), any, ""),
            ("--cut-tolerance", Some(self.cut_tolerance), FARTHEST_CUT, "no farther tokens are looked at"),
            ("--min-match", self.min_match, 1.0, share),
            ("--max-margin", self.max_margin, any, ""),
            ("--tolerance", self.tolerance, any, ""),
        ];
        all.into_iter().try_for_each(|(flag, value, most, why)| limit(flag, value, most, why))?;
        if let Some(tolerance) = self.tolerance.filter(|t| *t >= Tolerance::TELLS_NOTHING) {
            let what = "must be below 1: a race's lead is below X with a probability of up to X, so that from 1 on any token is what a \
                        faithful server may have drawn (--max-margin sets a limit to margins)";
            return Err(Error::setting("--tolerance", tolerance, what));
        }
        Ok(())
    }
}

/// `A..B`, both whole numbers, A below B.
fn range(text: &str) -> std::result::Result<(i64, i64), String> {
    // wider than what is taken, so that it is known what is wrong
    let number = |text: &str| text.trim().parse::<i128>().ok();
    let bounds = text.split_once("..").and_then(|(a, b)| Some((number(a)?, number(b)?)));
    let Some((from, to)) = bounds.filter(|(a, b)| a < b) else {
        return Err("must be A..B, two whole numbers, A below B".to_string());
    };
    match (i64::try_from(from), i64::try_from(to)) {
        (Ok(from), Ok(to)) => Ok((from, to)),
        _ => Err(format!(
            "must lie within {}..{}, as these engines' seeds and positions do",
            i64::MIN,
            i64::MAX
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_what_is_wrong_with_it() {
        assert_eq!(range("-3..5"), Ok((-3, 5)));
        assert_eq!(range("0..9223372036854775807"), Ok((0, i64::MAX)));
        for text in ["5..5", "6..5", "5", "a..5", "..", "1..2.5"] {
            assert_eq!(range(text).unwrap_err(), "must be A..B, two whole numbers, A below B", "{text}");
        }
        for text in ["0..18446744073709551615", "-9223372036854775809..0"] {
            let what = "must lie within -9223372036854775808..9223372036854775807, as these engines' seeds and positions do";
            assert_eq!(range(text).unwrap_err(), what, "{text}");
        }
    }
}
