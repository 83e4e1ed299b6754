//! Were these ids drawn from these logits?

use serde::Serialize;

use super::Known;
use super::noise::Noise;
use super::verdict::{Cause, Expected, Verdict};
use crate::candidates::Candidates;
use crate::draw::{Argmax, Draw, Margin, Tolerance};
use crate::processor::Chain;
use crate::sampler::{Job, Taken, along};
use crate::source::{LeftOut, LogitsSource, leaves_out};
use crate::{Error, Result, TokenId};

/// How a claim is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerifyOptions {
    /// σ of the noise that the logits may carry, in nats; default 0.
    pub logit_noise: f64,
    /// The temperature between raw logits and scores, which scales that noise; default 1 ([`VerifyOptions::temperature_of`]).
    pub temperature: f64,
    /// A mismatch is unexplained if noise makes it with less than this probability; default 0.001.
    pub alpha: f64,
    /// Where margins are clipped before they are averaged.
    pub clip: Clip,
    /// What a faithful server's own arithmetic may differ by; `None`: no verdict on that.
    pub tolerance: Option<Tolerance>,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        VerifyOptions {
            logit_noise: 0.0,
            temperature: 1.0,
            alpha: 1e-3,
            clip: Clip::default(),
            tolerance: None,
        }
    }
}

impl VerifyOptions {
    /// The product of a chain's temperatures; those of 0, and dynamic ones, count as 1.
    pub fn temperature_of(chain: &Chain) -> f64 {
        chain.processors().iter().filter_map(|p| p.temperature()).filter(|&t| t > 0.0).product()
    }
}

/// The largest margin that a single token may add to the mean: one impossible token must not drown all the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip(pub f64);

impl Default for Clip {
    fn default() -> Self {
        Clip(10.0)
    }
}

/// One verified step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Number of the line of ids.
    pub line: usize,
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Number of the sample.
    pub sample: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// The id that was claimed.
    pub claimed: TokenId,
    /// The id that the draw gives.
    pub drawn: TokenId,
    /// By how much the claimed token lost: score difference in nats (races), or distance of the uniform to its interval. 0 for a
    /// match, `None` if the draw can't give it at all.
    pub margin: Option<f64>,
    /// What the margin is: `score`, `uniform` or `impossible`; `none` for a match.
    pub kind: &'static str,
    /// Probability of the claimed token where it was drawn from; `None` where the draw doesn't tell.
    pub claimed_probability: Option<f64>,
    /// Probability of the drawn token there.
    pub drawn_probability: Option<f64>,
    /// For a mismatch: the probability of the claimed token in the raw row.
    pub claimed_raw_probability: Option<f64>,
    /// For a mismatch: the probability of the drawn token in the raw row.
    pub drawn_raw_probability: Option<f64>,
    /// For a mismatch: the probability (an upper bound, see [`Noise`]) that noise on the logits explains it; `None` if unknown.
    pub noise_probability: Option<f64>,
    /// A mismatch that says nothing: the row leaves tokens out, and the draw may have taken one of them, or fallen elsewhere among all.
    pub undecided: bool,
    /// For a mismatch, where a tolerance was given: what explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<Cause>,
}

impl Step {
    /// The probabilities of the claimed and the drawn token where they were drawn from; in the raw row if the draw doesn't tell.
    pub fn probabilities(&self) -> [Option<f64>; 2] {
        match (self.claimed_probability, self.drawn_probability) {
            (Some(claimed), Some(drawn)) => [Some(claimed), Some(drawn)],
            _ => [self.claimed_raw_probability, self.drawn_raw_probability],
        }
    }

    /// The claimed id is the drawn one.
    pub fn matches(&self) -> bool {
        self.claimed == self.drawn
    }
}

/// What the steps come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Verified steps, of all lines.
    pub steps: usize,
    /// Steps at which the claimed id is the drawn one.
    pub matches: usize,
    /// `matches / (steps − undecided)`; 1 where nothing is decided.
    pub match_rate: f64,
    /// Mean over the decided steps of min(margin, clip), an impossible token counting as the clip (1 for intervals): Token-DiFR.
    pub mean_clipped_margin: f64,
    /// The largest margin; `None` if a claimed token was impossible.
    pub max_margin: Option<f64>,
    /// Claimed tokens that the draw can't give.
    pub impossible: usize,
    /// Mismatches that noise of the given size does not explain.
    pub unexplained: usize,
    /// Mismatches in rows that leave out what the draw depends on: they can't be decided, and count for nothing else.
    pub undecided: usize,
    /// Ids after an end token: padding, not verified.
    pub padding: usize,
}

/// A verified claim.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// The summary.
    pub summary: Summary,
    /// Whether a faithful server could have shown it, where a tolerance was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Every step, line by line.
    pub steps: Vec<Step>,
    #[serde(skip)]
    alpha: f64,
}

impl Verification {
    /// The steps that don't match.
    pub fn mismatches(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| !s.matches())
    }

    /// The mismatches that noise does not explain.
    pub fn unexplained(&self) -> impl Iterator<Item = &Step> {
        let decided = self.mismatches().filter(|s| !s.undecided);
        decided.filter(|s| s.noise_probability.is_none_or(|p| p < self.alpha))
    }

    /// True if the decided steps hold, and others can't be decided: whether the claim holds can't be told. The limits are those of
    /// [`holds`](Self::holds).
    pub fn is_undecided(&self, min_match: Option<f64>, max_margin: Option<f64>) -> bool {
        self.summary.undecided > 0 && self.decided_hold(min_match, max_margin)
    }

    /// Whether the claim holds: every step matches (where a tolerance was given: the verdict is that a faithful server may have shown it);
    /// or, where limits are given, the match rate and the largest margin (an
    /// impossible token exceeds any) keep to them. It never holds where a mismatch can't be decided.
    pub fn holds(&self, min_match: Option<f64>, max_margin: Option<f64>) -> bool {
        self.summary.undecided == 0 && self.decided_hold(min_match, max_margin)
    }

    fn decided_hold(&self, min_match: Option<f64>, max_margin: Option<f64>) -> bool {
        let s = &self.summary;
        match (min_match, max_margin) {
            (None, None) => self.verdict.as_ref().map_or(s.matches + s.undecided == s.steps, |v| v.faithful),
            _ => {
                min_match.is_none_or(|least| s.match_rate >= least)
                    && max_margin.is_none_or(|most| s.max_margin.is_some_and(|m| m <= most))
            }
        }
    }
}

/// Draws every step again and compares the claimed ids (teacher forcing: the run goes on with the claimed id).
///
/// For each mismatch it says by how much the claimed token lost, after Token-DiFR (Karvonen et al. 2025, arXiv 2511.20621): under
/// a shared seed honest runs differ only where noise flips a near tie. For races the margin is the score difference, noise
/// included; for inverse CDF the distance of the uniform to the claimed token's interval. Margins are clipped (at 10 unless told
/// otherwise) before they are averaged, so that one impossible token doesn't drown the rest.
///
/// `ids` hold a list for each sequence and sample. Ids after an end token (`job.limits.eos`) are padding if they are all the same.
///
/// # Errors
/// Those of [`along`]; different ids after an end token.
///
/// ```
/// use tokpick::check::{VerifyOptions, verify};
/// use tokpick::draw::Argmax;
/// use tokpick::processor::Chain;
/// use tokpick::sampler::Job;
/// use tokpick::source::Steps;
///
/// let mut source = Steps::new("example", &[2, 2], None, vec![0.1, 2.0, 3.0, 1.0])?;
/// let chain = Chain::default();
/// let job = Job::new(&chain);
/// let found = verify(&mut source, &job, &mut Argmax, 1, &[vec![1, 1]], &VerifyOptions::default())?;
/// assert!(!found.holds(None, None));
/// assert_eq!((found.steps[1].drawn, found.steps[1].margin), (0, Some(2.0)));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn verify(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    draw: &mut dyn Draw,
    samples: usize,
    ids: &[Vec<TokenId>],
    options: &VerifyOptions,
) -> Result<Verification> {
    let mut padding = 0;
    let ids: Vec<Vec<TokenId>> =
        ids.iter().map(|ids| without_padding(ids, &job.limits.eos, &mut padding)).collect::<Result<_>>()?;
    let noise = Noise { sigma: options.logit_noise, temperature: options.temperature };
    let tolerance = options.tolerance.map(|t| Tolerance { noise: noise.of_scores(), ..t });
    let (mut steps, mut expected) = (Vec::new(), Expected::default());
    let mut clipped = 0.0;
    along(source, job, draw, samples, &ids, &mut |taken| {
        let uniform = taken.pick.uniform.is_some();
        let step = step(taken, &noise, options, tolerance.as_ref(), &mut expected, job.chain);
        let most = if uniform { options.clip.0.min(1.0) } else { options.clip.0 };
        clipped += if step.undecided { 0.0 } else { step.margin.unwrap_or(most).min(most) };
        steps.push(step);
        Ok(())
    })?;
    steps.sort_by_key(|s| (s.line, s.step));
    let mut found = Verification { summary: Summary::default(), verdict: None, steps, alpha: options.alpha };
    found.verdict = tolerance.map(|tolerance| {
        let mismatches: Vec<Cause> = found.steps.iter().filter_map(|s| s.explained).collect();
        Verdict::new(expected, &mismatches, tolerance, options.alpha)
    });
    let decided = || found.steps.iter().filter(|s| !s.undecided);
    let (n, matches) = (decided().count(), found.steps.iter().filter(|s| s.matches()).count());
    found.summary = Summary {
        steps: found.steps.len(),
        matches,
        match_rate: if n == 0 { 1.0 } else { matches as f64 / n as f64 },
        mean_clipped_margin: clipped / n.max(1) as f64,
        max_margin: decided().map(|s| s.margin).try_fold(0.0f64, |most, m| Some(most.max(m?))),
        impossible: decided().filter(|s| s.margin.is_none()).count(),
        unexplained: found.unexplained().count(),
        undecided: found.steps.iter().filter(|s| s.undecided).count(),
        padding,
    };
    Ok(found)
}

fn step(
    taken: Taken<'_, '_>,
    noise: &Noise,
    options: &VerifyOptions,
    tolerance: Option<&Tolerance>,
    expected: &mut Expected,
    chain: &Chain,
) -> Step {
    let Taken { line, sample, turn, seat, pick, id, draw, .. } = taken;
    let mut step = Step {
        line,
        sequence: turn.sequence,
        sample,
        step: turn.step,
        claimed: id,
        drawn: pick.id,
        margin: Some(0.0),
        kind: "none",
        claimed_probability: None,
        drawn_probability: None,
        claimed_raw_probability: None,
        drawn_raw_probability: None,
        noise_probability: None,
        undecided: false,
        explained: None,
    };
    let slip = tolerance.map(|tolerance| draw.slip(turn, seat, id, tolerance));
    let counts = tolerance.is_some() || id != pick.id;
    let is_open = counts && leaves_open(turn.candidates, chain, draw.name() == Argmax.name());
    // what an open row shows counts for nothing, so nothing is expected of it
    if let Some(slip) = slip.as_ref().filter(|_| !is_open) {
        let flips = match noise.sigma > 0.0 {
            true => noise.flips(pick.uniform, &draw.support(turn, seat), options.alpha),
            false => [0.0; 2],
        };
        expected.add(slip, flips);
    }
    if id != pick.id {
        let margin = draw.margin(turn, seat, id);
        let support = draw.support(turn, seat);
        (step.margin, step.kind) = match margin {
            Margin::Score(d) => (Some(d), "score"),
            Margin::Uniform(d) => (Some(d), "uniform"),
            Margin::Impossible => (None, "impossible"),
        };
        step.claimed_probability = support.probability(id);
        step.drawn_probability = support.probability(pick.id);
        let (normalizer, c) = (turn.candidates.raw_normalizer(), &*turn.candidates);
        let ln_raw = |id| c.raw_logit(id).and_then(|x| normalizer.log_probability(f64::from(x)));
        let raw = |id| Some(ln_raw(id).map_or(0.0, crate::kernel::exp));
        (step.claimed_raw_probability, step.drawn_raw_probability) = (raw(id), raw(pick.id));
        step.noise_probability = noise.probability(margin, pick.uniform, &support, turn.candidates, id);
        step.undecided = is_open;
        step.explained = slip.filter(|_| !step.undecided).map(|slip| match step.margin {
            Some(margin) if margin <= slip.score => Cause::Rounding,
            _ if slip.reordered => Cause::Rounding,
            _ if slip.by_cut => Cause::Cut,
            _ if noise.sigma > 0.0 && step.noise_probability.is_some_and(|p| p >= options.alpha) => {
                Cause::Noise
            }
            _ => Cause::Nothing,
        });
    }
    step
}

/// True if a row leaves tokens out, and what a draw takes of it depends on them.
fn leaves_open(candidates: &Candidates, chain: &Chain, greedy: bool) -> bool {
    let Some(rest) = candidates.rest().filter(|rest| leaves_out(rest.mass)) else { return false };
    let listed: Vec<f32> = candidates.raw().map(|(_, logit)| logit).collect();
    let left_out = LeftOut::of_row(&listed, rest);
    let known = if greedy { Known::greedily(chain, &left_out) } else { Known::of(chain, &left_out) };
    matches!(known, Known::Renormalised(_))
}

fn without_padding(ids: &[TokenId], eos: &[TokenId], padding: &mut usize) -> Result<Vec<TokenId>> {
    let Some(end) = ids.iter().position(|id| eos.binary_search(id).is_ok()) else { return Ok(ids.to_vec()) };
    let (own, rest) = ids.split_at(end + 1);
    if let Some(other) = rest.iter().find(|&id| id != &rest[0]) {
        let what = format!(
            "ids go on after the end token {} (with {} and {other}): padding is one and the same id",
            ids[end], rest[0]
        );
        return Err(Error::setting("ids", ids[end], what));
    }
    *padding += rest.len();
    Ok(own.to_vec())
}

#[cfg(test)]
mod tests;
