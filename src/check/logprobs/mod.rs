//! Log-probabilities of the same tokens from two origins, a server's and a trainer's for instance.

mod align;
mod cause;
mod claimed;
mod fit;
mod likely;
mod same;

pub use claimed::{Claimed, ClaimedFile, read_claimed};
pub use likely::{CauseKind, LikelyCause, Side};

use serde::Serialize;

use super::Quantiles;
use crate::kernel::{exp, exp_m1, ln};
use crate::source::RowRange;
use crate::{Error, Place, Result, TokenId};
use align::{Aligned, align};

/// How two sides are compared.
#[derive(Debug, Clone, Copy)]
pub struct LogprobOptions {
    /// Ratios outside [1/c, c] are counted; default 2.
    pub ratio_bound: f64,
    /// How many of the tokens that differ most are kept; default 10.
    pub worst: usize,
    /// The positions in A whose tokens are compared; default all.
    pub rows: Option<RowRange>,
}

impl Default for LogprobOptions {
    fn default() -> Self {
        LogprobOptions { ratio_bound: 2.0, worst: 10, rows: None }
    }
}

/// How far the side that did not draw the tokens is from the one that did (Schulman, "Approximating KL divergence", 2020). With d the
/// log-probability of the side that drew minus the other's:
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Estimators {
    /// Mean of d: unbiased for KL(drew ‖ other), and may be negative.
    pub k1: Option<f64>,
    /// Mean of e^(−d) − 1 + d: unbiased, too, and never negative.
    pub k3: Option<f64>,
    /// Mean of e^(−2d), less 1: χ²(other ‖ drew).
    pub chi2: Option<f64>,
}

/// A token that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenDiff {
    /// Number of the sequence.
    pub sequence: usize,
    /// Position in it.
    pub step: usize,
    /// Its id, where it is known.
    pub id: Option<TokenId>,
    /// Log-probability in A.
    pub a: f64,
    /// Log-probability in B.
    pub b: f64,
    /// exp(a − b); `None` beyond f64.
    pub ratio: Option<f64>,
}

/// The ratios exp(a − b) of all tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ratios {
    /// Their mean.
    pub mean: Option<f64>,
    /// Where they lie.
    #[serde(flatten)]
    pub quantiles: Quantiles,
    /// c: ratios outside [1/c, c] are counted.
    pub bound: f64,
    /// The share of these.
    pub outside: f64,
}

/// The comparison of two sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LogprobDiff {
    /// How many sequences.
    pub sequences: usize,
    /// How many tokens have a log-probability on both sides.
    pub tokens: usize,
    /// How many lack one on a side: missing, filling, −∞, or a last token that one side alone has.
    pub left_out: usize,
    /// Of these, the last tokens that one side alone has.
    pub surplus: usize,
    /// How many tokens have no id and no text on both sides: whether they are the same could not be compared.
    pub unidentified: usize,
    /// If the tokens were drawn from A.
    pub if_a_drew: Estimators,
    /// If they were drawn from B.
    pub if_b_drew: Estimators,
    /// Ratios of probabilities.
    pub ratio: Ratios,
    /// Mean of |a − b|.
    pub mean_abs: f64,
    /// Largest |a − b|.
    pub max_abs: f64,
    /// exp of the mean −a.
    pub perplexity_a: Option<f64>,
    /// exp of the mean −b.
    pub perplexity_b: Option<f64>,
    /// The first less the second.
    pub perplexity_gap: Option<f64>,
    /// What is likely wrong; empty where nothing stands out.
    pub causes: Vec<LikelyCause>,
    /// What else is to be known: values that are missing, sequences that end early on a side.
    pub notes: Vec<String>,
    /// The tokens that differ most.
    pub worst: Vec<TokenDiff>,
}

/// Compares the log-probabilities that two sides claim for the same tokens, and names what is likely wrong: a temperature on one side,
/// raw numbers against processed ones, a shift by one token, a lost BOS, filling, rounding, a restricted support.
///
/// ```
/// use tokpick::check::{CauseKind, Claimed, LogprobOptions, compare_logprobs};
/// let side = |logprobs: &[f64]| [Claimed { logprobs: logprobs.iter().map(|l| Some(*l)).collect(), ..Claimed::default() }];
/// let a = side(&[-0.5, -1.25, -0.125, -3.0, -2.0, -0.25, -1.5, -0.75]);
/// let b = side(&[-4.0, -0.5, -1.25, -0.125, -3.0, -2.0, -0.25, -1.5]);
/// let found = compare_logprobs(["a", "b"], &a, &b, &LogprobOptions::default())?;
/// assert_eq!(found.causes[0].cause, CauseKind::Shifted);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// Ids that differ (with what that looks like: a different tokenizer); numbers above 0; nothing to compare.
pub fn compare_logprobs(
    names: [&str; 2],
    a: &[Claimed],
    b: &[Claimed],
    options: &LogprobOptions,
) -> Result<LogprobDiff> {
    for (name, side) in names.into_iter().zip([a, b]) {
        at_most_zero(name, side)?;
    }
    let mut aligned = align(names, a, b, options.rows)?;
    let all = aligned.sequences.iter().map(Vec::len).sum::<usize>();
    cause::masked(&mut aligned);
    cause::filling(&mut aligned);
    let mut found = measure(&aligned, options);
    if found.tokens == 0 {
        return Err(nothing(names, &aligned));
    }
    cause::likely(&mut aligned);
    found.unidentified = aligned.sequences.iter().flatten().filter(|token| !token.is_known).count();
    found.surplus = aligned.surplus;
    found.left_out = all + aligned.surplus - found.tokens;
    (found.causes, found.notes) = (aligned.causes, aligned.notes);
    Ok(found)
}

/// The error where no token has two numbers.
fn nothing(names: [&str; 2], aligned: &Aligned) -> Error {
    for (i, (name, side)) in names.into_iter().zip([Side::A, Side::B]).enumerate() {
        let is_filled = aligned.causes.iter().any(|c| c.cause == CauseKind::Filling && c.side == Some(side));
        if is_filled && aligned.sequences.iter().flatten().all(|token| token.of[i].is_none()) {
            let what = "all its log-probabilities are filling (0, -9999 or the lowest number): it says nothing of these tokens";
            return Error::input(name, Place::default(), what);
        }
    }
    let what = format!("no token has a log-probability here and in {}", names[0]);
    Error::input(names[1], Place::default(), what)
}

/// How far above 0 rounding may lift the logarithm of 1.
const SLACK: f64 = 1e-3;

fn at_most_zero(name: &str, side: &[Claimed]) -> Result<()> {
    for (sequence, claimed) in side.iter().enumerate() {
        if let Some((step, Some(x))) =
            claimed.logprobs.iter().enumerate().find(|(_, x)| x.is_some_and(|x| x > SLACK))
        {
            let what =
                format!("{x} is no log-probability: they are natural logarithms of probabilities, 0 at most");
            return Err(Error::input(name, Place::row(sequence, step), what));
        }
    }
    Ok(())
}

fn measure(aligned: &Aligned, options: &LogprobOptions) -> LogprobDiff {
    let mut found = LogprobDiff { sequences: aligned.sequences.len(), ..LogprobDiff::default() };
    let (mut sums, mut ratios) = (Sums::default(), Vec::new());
    let (mut outside, mut abs) = (0usize, 0.0);
    let bound = options.ratio_bound.abs().max(1.0);
    // a ratio that is c but for rounding is not outside
    let farthest = ln(bound) + 1e-9;
    for token in aligned.sequences.iter().flatten() {
        let (Some(a), Some(b)) = (token.of[0], token.of[1]) else { continue };
        let (d, ratio) = (a - b, exp(a - b));
        found.tokens += 1;
        sums.add(a, b);
        ratios.push(ratio as f32);
        outside += usize::from(d.abs() > farthest);
        abs += d.abs();
        found.max_abs = found.max_abs.max(d.abs());
        if d != 0.0 {
            let (sequence, step, id) = (token.sequence, token.step, token.id);
            let ratio = Some(ratio).filter(|r| r.is_finite());
            found.worst.push(TokenDiff { sequence, step, id, a, b, ratio });
        }
    }
    found.worst.sort_by(|x, y| (y.a - y.b).abs().total_cmp(&(x.a - x.b).abs()));
    found.worst.truncate(options.worst);
    if found.tokens == 0 {
        return found;
    }
    let n = found.tokens as f64;
    let mean = |sum: f64| Some(sum / n).filter(|x| x.is_finite());
    found.mean_abs = abs / n;
    found.if_a_drew = Estimators { k1: mean(sums.d), k3: mean(sums.k3_a), chi2: mean(sums.squared_b) };
    found.if_b_drew = Estimators { k1: mean(-sums.d + 0.0), k3: mean(sums.k3_b), chi2: mean(sums.squared_a) };
    found.ratio = Ratios {
        mean: mean(sums.ratio),
        quantiles: Quantiles::of(&mut ratios),
        bound,
        outside: outside as f64 / n,
    };
    let perplexity = |sum: f64| Some(exp(-sum / n)).filter(|p| p.is_finite());
    (found.perplexity_a, found.perplexity_b) = (perplexity(sums.a), perplexity(sums.b));
    found.perplexity_gap = found.perplexity_a.zip(found.perplexity_b).map(|(a, b)| a - b);
    found
}

/// What is summed over the tokens.
#[derive(Debug, Default)]
struct Sums {
    a: f64,
    b: f64,
    d: f64,
    ratio: f64,
    /// e^(−d) − 1 + d, and e^d − 1 − d.
    k3_a: f64,
    k3_b: f64,
    /// e^(2d) − 1, and e^(−2d) − 1.
    squared_a: f64,
    squared_b: f64,
}

impl Sums {
    fn add(&mut self, a: f64, b: f64) {
        let d = a - b;
        self.a += a;
        self.b += b;
        self.d += d;
        self.ratio += exp(d);
        self.k3_a += exp_m1(-d) + d;
        self.k3_b += exp_m1(d) - d;
        self.squared_a += exp_m1(2.0 * d);
        self.squared_b += exp_m1(-2.0 * d);
    }
}
