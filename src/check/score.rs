//! How probable given ids are.

use serde::Serialize;

use crate::candidates::{Candidates, Normalizer};
use crate::sampler::{Job, Visit, walk};
use crate::source::{Access, LogitsSource};
use crate::{Result, TokenId};

/// One scored token.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredToken {
    /// Step of the input, absolute.
    pub step: usize,
    /// The token.
    pub id: TokenId,
    /// ln p in the raw row, in nats; `None` where the row masks the token.
    pub logprob: Option<f64>,
    /// An upper bound of ln p, where the row is a list of the likeliest tokens that this one is not in.
    pub logprob_at_most: Option<f64>,
    /// ln p after the processors; `None` where they remove it.
    pub processed_logprob: Option<f64>,
    /// 1 + the number of tokens with a strictly higher raw logit: tied tokens share the better rank.
    pub rank: usize,
    /// False where the row leaves out tokens that may be above this one: the rank is the best that it can have.
    pub rank_is_exact: bool,
    /// Its rank after the processors; `None` where they remove the token.
    pub processed_rank: Option<usize>,
    /// Surprise −log₂ p in the raw row, in bits.
    pub bits: Option<f64>,
    /// Entropy of the raw row, in nats: the surprise that was to be expected; at least so much, where the row leaves tokens out.
    pub entropy: f64,
    /// Σ `logprob` up to and with this token; `None` once one is masked.
    pub cumulative_logprob: Option<f64>,
    /// The most probable tokens of the raw row, with their probabilities.
    pub alternatives: Vec<(TokenId, f64)>,
}

/// A scored sequence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Number of the line of ids.
    pub line: usize,
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Each id in turn.
    pub tokens: Vec<ScoredToken>,
    /// Σ `logprob`; `None` if a token is masked.
    pub logprob: Option<f64>,
    /// Upper bound of the sum, where some tokens have a bound alone.
    pub logprob_at_most: Option<f64>,
    /// Σ `processed_logprob`; `None` if a token was removed.
    pub processed_logprob: Option<f64>,
    /// exp(mean negative log-likelihood) of the raw rows; `None` if it is infinite, or without tokens.
    pub perplexity: Option<f64>,
    /// Lower bound of the perplexity, where some tokens have a bound alone.
    pub perplexity_at_least: Option<f64>,
    /// exp(mean negative log-likelihood) after the processors.
    pub processed_perplexity: Option<f64>,
}

/// Scores ids against the rows in which they were taken.
///
/// log-probability = logit − ln Σ exp(logits); surprise = −log₂ p; perplexity = exp(−(1/n) Σ ln p), as transformers computes it
/// from the mean negative log-likelihood (Jelinek et al. 1977), everything in f64 from the f32 row. Ranks count from 1, tied
/// tokens share the better one.
///
/// `ids` holds a line for each sequence of the input. An input of one sequence also takes several lines: each is scored against
/// it.
///
/// # Errors
/// Those of [`walk`]; several lines for one sequence that can be read only once.
///
/// ```
/// use tokpick::check::score;
/// use tokpick::processor::Chain;
/// use tokpick::sampler::Job;
/// use tokpick::source::Steps;
///
/// let mut source = Steps::new("example", &[2, 2], None, vec![0.0, 0.0, 0.0, 0.0])?;
/// let chain = Chain::default();
/// let job = Job::new(&chain);
/// let scores = score(&mut source, &job, &[vec![0, 1]])?;
/// assert_eq!(scores[0].tokens[0].bits, Some(1.0));
/// assert!((scores[0].perplexity.unwrap() - 2.0).abs() < 1e-15);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn score(source: &mut dyn LogitsSource, job: &Job<'_>, ids: &[Vec<TokenId>]) -> Result<Vec<Score>> {
    let shape = source.shape();
    let mut scores = Vec::new();
    if shape.sequences.len() == 1 && ids.len() > 1 && shape.access == Access::Random {
        for (line, ids) in ids.iter().enumerate() {
            run(source, job, std::slice::from_ref(ids), line, &mut scores)?;
        }
    } else {
        run(source, job, ids, 0, &mut scores)?;
    }
    scores.iter_mut().for_each(Score::sum);
    Ok(scores)
}

fn run(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    ids: &[Vec<TokenId>],
    first: usize,
    scores: &mut Vec<Score>,
) -> Result<()> {
    let start = source.shape().sequences.start;
    let base = scores.len();
    scores.extend((0..ids.len()).map(|i| Score {
        line: first + i,
        sequence: start + i,
        tokens: Vec::new(),
        logprob: None,
        logprob_at_most: None,
        processed_logprob: None,
        perplexity: None,
        perplexity_at_least: None,
        processed_perplexity: None,
    }));
    walk(source, job, Some(ids), &mut (), &mut |visit: Visit<'_>| {
        if let Some(score) = scores.get_mut(base + visit.sequence - start) {
            score.tokens.extend(token(&visit));
        }
        Ok(())
    })
}

fn token(visit: &Visit<'_>) -> Option<ScoredToken> {
    let (id, c) = (visit.taken?, &*visit.candidates);
    let logit = c.raw_logit(id)?;
    let raw = c.raw_figures();
    let logprob = raw.normalizer.log_probability(f64::from(logit));
    let score = c.score(id).filter(|s| s.is_finite());
    let above = c.raw_above(logit);
    let (rank, rank_is_exact) = c.rest().map_or((1 + above, true), |rest| rest.rank(id, logprob, above));
    let (processed, processed_rank) = match score {
        // the processors changed nothing: the same figures
        _ if c.is_raw() => (logprob, logprob.map(|_| rank)),
        Some(s) => (c.normalizer().log_probability(s), Some(1 + c.above(s))),
        None => (None, None),
    };
    Some(ScoredToken {
        step: visit.step,
        id,
        logprob,
        logprob_at_most: c.rest().filter(|_| logprob.is_none()).map(|rest| rest.bound),
        processed_logprob: processed,
        rank,
        rank_is_exact,
        processed_rank,
        bits: logprob.map(bits),
        entropy: raw.entropy,
        cumulative_logprob: None,
        alternatives: best(c, &raw.normalizer),
    })
}

/// The best few of a row, the lower id first among equals.
fn best(c: &Candidates, normalizer: &Normalizer) -> Vec<(TokenId, f64)> {
    let mut best = Vec::with_capacity(ALTERNATIVES);
    c.raw_ranked(ALTERNATIVES, &mut best);
    let p = |logit| normalizer.log_probability(f64::from(logit)).map(crate::kernel::exp);
    best.into_iter().filter_map(|(id, logit)| Some((id, p(logit)?))).collect()
}

/// How many alternatives are told.
const ALTERNATIVES: usize = 5;

/// −log₂ of a probability, from its natural logarithm; never −0.
fn bits(logprob: f64) -> f64 {
    (0.0 - logprob / std::f64::consts::LN_2).max(0.0)
}

/// Scored sequences taken together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ScoreTotal {
    /// How many sequences.
    pub sequences: usize,
    /// How many tokens they have.
    pub tokens: usize,
    /// Σ `logprob`; `None` if a token is masked.
    pub logprob: Option<f64>,
    /// Upper bound of the sum, where some tokens have a bound alone.
    pub logprob_at_most: Option<f64>,
    /// Σ `processed_logprob`; `None` if a token was removed.
    pub processed_logprob: Option<f64>,
    /// `logprob` over the number of tokens.
    pub mean_logprob: Option<f64>,
    /// exp(−`mean_logprob`): every token counts alike, as llama-perplexity has it.
    pub perplexity: Option<f64>,
    /// Lower bound of the perplexity, where some tokens have a bound alone.
    pub perplexity_at_least: Option<f64>,
    /// exp(mean negative log-likelihood) after the processors.
    pub processed_perplexity: Option<f64>,
}

impl ScoreTotal {
    /// Sums over all tokens of all sequences.
    ///
    /// ```
    /// use tokpick::check::{ScoreTotal, score};
    /// use tokpick::processor::Chain;
    /// use tokpick::sampler::Job;
    /// use tokpick::source::{Layout, Steps};
    ///
    /// let mut source = Steps::new("two", &[2, 2], Some(Layout::Bv), vec![0.0, 0.0, 0.0, 0.0])?;
    /// let chain = Chain::default();
    /// let total = ScoreTotal::of(&score(&mut source, &Job::new(&chain), &[vec![0], vec![1]])?);
    /// assert_eq!((total.sequences, total.tokens), (2, 2));
    /// assert!((total.perplexity.unwrap() - 2.0).abs() < 1e-15);
    /// # Ok::<(), tokpick::Error>(())
    /// ```
    pub fn of(scores: &[Score]) -> ScoreTotal {
        let all = || scores.iter().flat_map(|score| &score.tokens);
        let tokens = all().count();
        // from 0, for the sum of nothing is no −0
        let sum = |of: fn(&ScoredToken) -> Option<f64>| all().try_fold(0.0, |sum, t| Some(sum + of(t)?));
        let logprob = sum(|t| t.logprob);
        let bounded = sum(|t| t.logprob.or(t.logprob_at_most));
        let logprob_at_most = bounded.filter(|_| logprob.is_none());
        let processed_logprob = sum(|t| t.processed_logprob);
        ScoreTotal {
            sequences: scores.len(),
            tokens,
            logprob,
            logprob_at_most,
            processed_logprob,
            mean_logprob: logprob.map(|sum| sum / tokens as f64).filter(|mean| mean.is_finite()),
            perplexity: perplexity(logprob, tokens),
            perplexity_at_least: perplexity(logprob_at_most, tokens),
            processed_perplexity: perplexity(processed_logprob, tokens),
        }
    }
}

impl Score {
    fn sum(&mut self) {
        let mut sum = Some(0.0);
        for token in &mut self.tokens {
            sum = sum.zip(token.logprob).map(|(a, b)| a + b);
            token.cumulative_logprob = sum;
        }
        let total = ScoreTotal::of(std::slice::from_ref(self));
        (self.logprob, self.logprob_at_most) = (total.logprob, total.logprob_at_most);
        self.processed_logprob = total.processed_logprob;
        (self.perplexity, self.perplexity_at_least) = (total.perplexity, total.perplexity_at_least);
        self.processed_perplexity = total.processed_perplexity;
    }
}

/// exp(−Σ ln p / n); `None` where it is no finite number.
fn perplexity(logprob: Option<f64>, n: usize) -> Option<f64> {
    logprob.map(|l| crate::kernel::exp(-l / n as f64)).filter(|p| n > 0 && p.is_finite())
}

#[cfg(test)]
mod tests;
