//! How far a model has gone from its base: the statistics of `llama-perplexity --kl-divergence`.

mod align;
mod moments;
mod quantiles;

pub use moments::Estimate;
pub use quantiles::Quantiles;

use serde::Serialize;

use crate::kernel::{self, exp, ln};
use crate::source::{Floor, LogitsSource, Query, Row, row_iter};
use crate::{Error, Place, Result, TokenId};
use align::Alignment;
use moments::{Moments, covariance};

/// One row of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowKl {
    /// Chunk of the base.
    pub sequence: usize,
    /// Position of the token in its chunk.
    pub step: usize,
    /// The token of the text.
    pub id: TokenId,
    /// Σ p_base (ln p_base − ln p_Q) in nats; `None` if it is infinite.
    pub kl: Option<f64>,
    /// Probability of the token in the base.
    pub p_base: f64,
    /// Probability of the token in Q.
    pub p: f64,
    /// Both have the same most probable token (the lowest id among equals).
    pub same_top: bool,
}

/// What the floor of a `.kld` has raised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Floored {
    /// Rows that reach the floor, 16 nats below their largest number.
    pub rows: usize,
    /// Numbers that are the lowest of their row.
    pub entries: usize,
    /// Tokens of the text that stand at the floor: their probability is at most what is stored.
    pub scored: usize,
}

/// Perplexities and how they compare, with standard errors.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Perplexities {
    /// exp of the mean negative log-probability of the text under Q.
    pub q: Estimate,
    /// The same under the base.
    pub base: Estimate,
    /// Correlation of the two means, −1 to 1.
    pub correlation: Option<f64>,
    /// ln(PPL(Q) / PPL(base)).
    pub ln_ratio: Estimate,
    /// PPL(Q) / PPL(base).
    pub ratio: Estimate,
    /// PPL(Q) − PPL(base).
    pub difference: Estimate,
}

/// The comparison so far, after a chunk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChunkLine {
    /// Number of the chunk, from 1.
    pub chunk: usize,
    /// Perplexity of Q.
    pub ppl: Estimate,
    /// ln(PPL(Q) / PPL(base)).
    pub ln_ratio: Estimate,
    /// Mean KL divergence.
    pub kl: Estimate,
    /// Root of the mean squared Δp.
    pub rms_delta_p: Estimate,
    /// Share of rows with the same most probable token.
    pub same_top: Estimate,
}

/// What `llama-perplexity --kl-divergence` tells of a base and a model Q.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KlStatistics {
    /// How many rows were compared.
    pub rows: usize,
    /// Perplexities of the text.
    pub perplexity: Perplexities,
    /// Mean KL divergence from the base, in nats.
    pub mean_kl: Estimate,
    /// Where the rows' KL divergences lie.
    pub kl: Quantiles,
    /// Mean of Δp = p_Q − p_base of the text's tokens.
    pub mean_delta_p: Estimate,
    /// Where the rows' Δp lie.
    pub delta_p: Quantiles,
    /// Root of the mean squared Δp.
    pub rms_delta_p: Estimate,
    /// Share of rows with the same most probable token.
    pub same_top: Estimate,
    /// What the floor of the base has raised.
    pub base_floor: Floored,
    /// What the floor of Q has raised; `None` where Q is no `.kld`.
    pub q_floor: Option<Floored>,
    /// After each chunk, all rows until there.
    pub chunks: Vec<ChunkLine>,
}

/// Compares a base with a model Q as `llama-perplexity --kl-divergence` does (llama.cpp, `tools/perplexity`): the tokens that the base
/// carries are the text.
///
/// Rows of a `.kld` are log-probabilities as they are stored; others are logits, which are normalised. Of the base's tokens only
/// those above −16 nats count in a KL divergence, and quantiles are of float32 numbers, as there. Sums are in f64. Two numbers of
/// memory are kept for each row.
///
/// Q may have the base's rows (as many steps, or all in one sequence), or a row for each token of a chunk, of which row t
/// follows token t.
///
/// # Errors
/// A base without tokens, inputs that don't fit together, or are of different texts; those of the rows.
pub fn kl_statistics(
    base: &mut dyn LogitsSource,
    q: &mut dyn LogitsSource,
    each: &mut dyn FnMut(&RowKl) -> Result<()>,
) -> Result<KlStatistics> {
    let alignment = Alignment::of(base, q)?;
    let mut sides = [Side::new(base), Side::new(q)];
    let first = base.shape().sequences.start;
    // a copy: the rows are read through the same source
    let texts: Vec<Vec<TokenId>> = base.carried().iter().map(|c| c.ids.clone()).collect();
    let mut sums = Sums::default();
    let (mut kls, mut deltas, mut chunks) = (Vec::new(), Vec::new(), Vec::new());
    let (mut current, mut buffer) = (None, Vec::new());
    let mut rows = row_iter(base);
    while let Some((sequence, step, row)) = rows.lend()? {
        let place = Place::row(sequence, step);
        if current.is_some_and(|current| current != sequence) {
            chunks.push(sums.line(chunks.len() + 1));
        }
        current = Some(sequence);
        let text = texts.get(sequence - first).and_then(|text| text.get(step));
        let id =
            *text.ok_or_else(|| Error::input(&sides[0].name, place, "no token of the text is known here"))?;
        let (of_q, step_of_q) = alignment.place(sequence - first, step);
        let query = Query { sequence: of_q, step: step_of_q, context: &[], prompt_len: 0 };
        q.rows(&[query], &mut buffer)?;
        let [base, other] = &mut sides;
        base.take(row, place)?;
        match buffer.first().filter(|row| !row.ended) {
            Some(row) => other.take(row, Place::row(of_q, step_of_q))?,
            None => return Err(alignment.short(&other.name, of_q, step_of_q)),
        }
        if base.logprobs.len() != other.logprobs.len() {
            let what =
                format!("{} logits, but {} has {}", other.logprobs.len(), base.name, base.logprobs.len());
            return Err(Error::input(&other.name, Place::row(of_q, step_of_q), what));
        }
        let row = compare(base, other, sequence, step, id)?;
        kls.push(row.kl.unwrap_or(f64::INFINITY) as f32);
        deltas.push((row.p - row.p_base) as f32);
        sums.add(&row, base, other, id);
        each(&row)?;
    }
    drop(rows);
    alignment.expect_end(q, &mut buffer)?;
    if current.is_some() {
        chunks.push(sums.line(chunks.len() + 1));
    }
    let [base, other] = sides;
    Ok(KlStatistics {
        kl: Quantiles::of(&mut kls),
        delta_p: Quantiles::of(&mut deltas),
        base_floor: base.floored,
        q_floor: other.is_kld.then_some(other.floored),
        chunks,
        ..sums.finish()
    })
}

/// The row of one side, as log-probabilities.
struct Side {
    name: String,
    is_kld: bool,
    /// A base leaves tokens out that are at −16 nats or lower.
    logprobs: Vec<f32>,
    /// What is taken off of every number, for those that are logits.
    normalizer: f64,
    best: usize,
    floor: Floor,
    floored: Floored,
}

impl Side {
    fn new(source: &dyn LogitsSource) -> Side {
        Side {
            name: source.name().to_owned(),
            is_kld: source.format().is_kld(),
            logprobs: Vec::new(),
            normalizer: 0.0,
            best: 0,
            floor: Floor { lowest: 0.0, cuts: false },
            floored: Floored::default(),
        }
    }

    fn take(&mut self, row: &Row, place: Place) -> Result<()> {
        let spread = row.spread(row.vocab, &mut self.logprobs);
        spread.map_err(|what| Error::decode(place, what))?;
        let mut highest = f32::NEG_INFINITY;
        for (id, x) in self.logprobs.iter().enumerate() {
            if x.is_nan() || *x == f32::INFINITY {
                let what = format!("{x} is no logit");
                return Err(Error::input(&self.name, place.token(id as TokenId), what));
            }
            if *x > highest {
                (highest, self.best) = (*x, id);
            }
        }
        if highest == f32::NEG_INFINITY {
            return Err(Error::input(&self.name, place, "no finite logit: nothing is possible"));
        }
        if self.is_kld {
            self.floor = Floor::of(&self.logprobs);
            self.floored.rows += usize::from(self.floor.cuts);
            self.floored.entries += self.logprobs.iter().filter(|x| **x == self.floor.lowest).count();
            return Ok(());
        }
        let highest = f64::from(highest);
        let mut sums = kernel::Sums::new(highest, 1.0);
        sums.add(&self.logprobs, f32::NEG_INFINITY);
        self.normalizer = highest + ln(sums.totals().0);
        Ok(())
    }

    fn logprob(&self, id: usize) -> f64 {
        self.logprobs.get(id).map_or(f64::NEG_INFINITY, |x| f64::from(*x) - self.normalizer)
    }
}

/// Where llama.cpp leaves tokens of the base out, in nats.
const LEAST: f64 = -16.0;

fn compare(base: &mut Side, other: &mut Side, sequence: usize, step: usize, id: TokenId) -> Result<RowKl> {
    for side in [&mut *base, &mut *other] {
        let Some(stored) = side.logprobs.get(id as usize) else {
            let what = format!("the text's token {id} is outside the vocabulary of {}", side.logprobs.len());
            return Err(Error::input(&side.name, Place::row(sequence, step), what));
        };
        side.floored.scored += usize::from(side.is_kld && side.floor.holds(*stored));
    }
    let [of_base, of_other] = [&*base, &*other].map(|side| (&side.logprobs[..], side.normalizer));
    let kl = kernel::divergence(of_base, of_other, LEAST);
    let (p_base, p) = (exp(base.logprob(id as usize)), exp(other.logprob(id as usize)));
    let kl = Some(kl).filter(|kl| kl.is_finite());
    Ok(RowKl { sequence, step, id, kl, p_base, p, same_top: base.best == other.best })
}

/// What is summed over the rows.
#[derive(Debug, Default)]
struct Sums {
    rows: usize,
    nll: Moments,
    nll_base: Moments,
    products: f64,
    kl: Moments,
    delta: Moments,
    squared_delta: Moments,
    same_top: usize,
}

impl Sums {
    fn add(&mut self, row: &RowKl, base: &Side, other: &Side, id: TokenId) {
        let [nll_base, nll] = [base, other].map(|side| -side.logprob(id as usize));
        let delta = row.p - row.p_base;
        self.rows += 1;
        self.nll.add(nll);
        self.nll_base.add(nll_base);
        self.products += nll * nll_base;
        self.kl.add(row.kl.unwrap_or(f64::INFINITY));
        self.delta.add(delta);
        self.squared_delta.add(delta * delta);
        self.same_top += usize::from(row.same_top);
    }

    fn perplexity(&self, nll: &Moments) -> Estimate {
        let ppl = exp(nll.mean(self.rows));
        Estimate::new(ppl, ppl * ppl * nll.variance(self.rows))
    }

    /// Mean of ln(PPL(Q) / PPL(base)), and its variance.
    fn ln_ratio(&self) -> (f64, f64) {
        let n = self.rows;
        let both = self.nll.variance(n) + self.nll_base.variance(n);
        let shared = covariance(self.products, &self.nll, &self.nll_base, n);
        (self.nll.mean(n) - self.nll_base.mean(n), both - 2.0 * shared)
    }

    fn rms_delta(&self) -> Estimate {
        let rms = self.squared_delta.mean(self.rows).sqrt();
        Estimate::new(
            rms,
            if rms > 0.0 { self.squared_delta.variance(self.rows) / (4.0 * rms * rms) } else { 0.0 },
        )
    }

    fn same_top(&self) -> Estimate {
        let share = self.same_top as f64 / self.rows as f64;
        Estimate::new(share, share * (1.0 - share) / (self.rows as f64 - 1.0))
    }

    fn line(&self, chunk: usize) -> ChunkLine {
        let (ln_ratio, variance) = self.ln_ratio();
        ChunkLine {
            chunk,
            ppl: self.perplexity(&self.nll),
            ln_ratio: Estimate::new(ln_ratio, variance),
            kl: self.kl.estimate(self.rows),
            rms_delta_p: self.rms_delta(),
            same_top: self.same_top(),
        }
    }

    fn finish(&self) -> KlStatistics {
        let n = self.rows;
        let (nll, nll_base) = (self.nll.variance(n), self.nll_base.variance(n));
        let shared = covariance(self.products, &self.nll, &self.nll_base, n);
        let (ln_ratio, variance) = self.ln_ratio();
        let [ppl, ppl_base] = [&self.nll, &self.nll_base].map(|nll| exp(nll.mean(n)));
        let of_difference = ppl * ppl * nll + ppl_base * ppl_base * nll_base - 2.0 * ppl * ppl_base * shared;
        let ratio = exp(ln_ratio);
        KlStatistics {
            rows: n,
            perplexity: Perplexities {
                q: self.perplexity(&self.nll),
                base: self.perplexity(&self.nll_base),
                correlation: Some(shared / (nll * nll_base).sqrt()).filter(|c| c.is_finite()),
                ln_ratio: Estimate::new(ln_ratio, variance),
                ratio: Estimate::new(ratio, ratio * ratio * variance),
                difference: Estimate::new(ppl - ppl_base, of_difference),
            },
            mean_kl: self.kl.estimate(n),
            mean_delta_p: self.delta.estimate(n),
            rms_delta_p: self.rms_delta(),
            same_top: self.same_top(),
            ..KlStatistics::default()
        }
    }
}
