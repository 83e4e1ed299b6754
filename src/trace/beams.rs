//! What a beam search tells those who watch it: plain data.

use std::io::BufRead;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Place, Result, TokenId};

/// A prefix that lives on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveBeam {
    /// The ids generated so far (without prompt and prefix).
    pub ids: Vec<TokenId>,
    /// Sum of `scores`.
    pub sum: f64,
    /// Stochastic beam search: the perturbed log-probability, the largest of all sequences that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perturbed: Option<f64>,
    /// Log-probability of each id in its raw row; `None` where that masks it.
    pub logprobs: Vec<Option<f64>>,
    /// What each id added to the sum: its log-probability after the processors.
    pub scores: Vec<f64>,
}

/// What became of a continuation that was considered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It lives on.
    Live,
    /// It ended, and entered the finished list with this score.
    Finished(f64),
    /// It ended outside the first `num_beams`, and is lost.
    Lost,
    /// It did not end, and `num_beams` better ones live on.
    Pruned,
    /// It was further than `beam_margin` below the best.
    Margin,
    /// It reached the limit before every forced phrase was in it.
    Unmet,
}

/// A continuation of a live beam by one token.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Continuation {
    /// Rank of the beam that it continues.
    pub parent: usize,
    /// Its new token.
    pub id: TokenId,
    /// The token's score.
    pub score: f64,
    /// Its sum.
    pub sum: f64,
    /// What it was chosen by: the sum, in beam sampling plus noise, in stochastic beam search the perturbed log-probability.
    pub key: f64,
    /// Stochastic beam search: the perturbed log-probability.
    #[serde(skip)]
    pub perturbed: Option<f64>,
    /// Log-probability of the token in the raw row; `None` where that masks it.
    #[serde(skip)]
    pub logprob: Option<f64>,
    /// Constrained beam search: how many tokens of the phrases are in it; else 0. Ranks count within a bank.
    pub bank: usize,
    /// What became of it.
    pub fate: Fate,
}

/// A step of a beam search: what was live, what was considered, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BeamStep {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// Diverse beam search: the group; else 0.
    pub group: usize,
    /// The live beams before the step, best first.
    pub live: Vec<LiveBeam>,
    /// The continuations considered, in the order of their ranks: by `key`, in beam sampling by `sum`.
    pub considered: Vec<Continuation>,
}

/// The steps of a beam search in a trace, a JSON document a line, as `tokpick beam --trace` writes it; other events are passed over.
///
/// ```
/// let line = br#"{"event":"beams","sequence":0,"step":0,"group":0,"live":[{"ids":[],"sum":0,"logprobs":[],"scores":[]}],"considered":[]}"#;
/// assert_eq!(tokpick::trace::read_beams("trace", &line[..])?.len(), 1);
/// assert!(tokpick::trace::read_beams("trace", &b"{}"[..]).is_err());
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A line that is no event, or no step of a beam search; a trace without one.
pub fn read_beams(file: &str, from: impl BufRead) -> Result<Vec<BeamStep>> {
    let wrong = |line: usize, what: String| {
        Error::input(file, Place::default(), format!("line {}: {what}", line + 1))
    };
    let mut steps = Vec::new();
    for (at, line) in from.lines().enumerate() {
        let line = line.map_err(|source| Error::Io { file: file.into(), source })?;
        if line.trim().is_empty() {
            continue;
        }
        let event: Value =
            serde_json::from_str(&line).map_err(|e| wrong(at, format!("no event of a trace: {e}")))?;
        if event["event"] == "beams" {
            steps.push(
                serde_json::from_value(event)
                    .map_err(|e| wrong(at, format!("no step of a beam search: {e}")))?,
            );
        }
    }
    match steps.is_empty() {
        true => Err(wrong(
            0,
            "the trace holds no step of a beam search: one that `tokpick beam` writes does".to_string(),
        )),
        false => Ok(steps),
    }
}
