//! The continuations of the live beams of one step.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::constrained::Phrases;
use super::{Beam, Variant, stochastic};
use crate::draw::Gumbel;
use crate::processor::Candidates;
use crate::sampler::row_job::{RowJob, at};
use crate::sampler::scores::score;
use crate::source::Row;
use crate::trace::{LiveBeam, Trace};
use crate::{Error, Result, TokenId};

/// A continuation of a beam.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub id: TokenId,
    pub score: f64,
    /// Sum and noise, in the variants that draw.
    pub perturbed: Option<f64>,
    /// Log-probability in the raw row.
    pub raw: Option<f64>,
}

/// Expands the live beams of a group by one step.
pub(super) struct Expander<'a> {
    pub beam: &'a Beam,
    /// The row of the step; each beam adds its own lane and context.
    pub row_job: RowJob<'a>,
    /// How many continuations are considered, over all beams.
    pub count: usize,
    /// Rank of the group's first beam.
    pub lane: usize,
    /// What tokens lose that earlier groups took.
    pub penalties: &'a [(TokenId, f64)],
    pub live: &'a [LiveBeam],
    pub contexts: &'a [Vec<TokenId>],
}

/// The continuations of each beam, and why a beam died, if one did.
type Expanded = (Vec<Vec<Found>>, Option<Error>);

impl Expander<'_> {
    /// The continuations of each live beam that may be among the best `count`; `rows` are one for all beams, or one each.
    pub fn run(&self, rows: &mut [Row], trace: &mut dyn Trace) -> Result<Expanded> {
        let shared = rows.len() == 1;
        // one row for all, and nothing that sees a difference between the beams: expand it once
        let once = shared && self.beams_are_alike();
        let beams = if once { 1 } else { self.live.len() };
        let bound = Bound::new(self.count);
        let bound = self.is_bounded().then_some(&bound).filter(|_| !once);
        let parallel = self.row_job.job.parallel && !shared && beams > 1 && !trace.wants().any();
        let found: Vec<Result<Vec<Found>>> = if parallel {
            let expand = |c: &mut Candidates, (rank, row)| self.beam(rank, c, row, bound, &mut ());
            rows.par_iter_mut().enumerate().map_init(Candidates::default, expand).collect()
        } else {
            let mut c = Candidates::default();
            let mut expand = |rank| {
                let row = &mut rows[if shared { 0 } else { rank }];
                self.beam(rank, &mut c, row, bound, trace)
            };
            (0..beams).map(&mut expand).collect()
        };
        let mut death = None;
        let mut alive = Vec::new();
        for one in found {
            alive.push(match one {
                // this beam can't go on; the others may
                Err(dead @ Error::NoCandidate { .. }) => {
                    death = Some(at(dead, self.row_job.name));
                    Vec::new()
                }
                other => other.map_err(|e| at(e, self.row_job.name))?,
            });
        }
        if once {
            alive.resize(self.live.len(), alive[0].clone());
        }
        Ok((alive, death))
    }

    fn beams_are_alike(&self) -> bool {
        let needs = self.row_job.job.chain.needs();
        let alike = matches!(self.beam.variant, Variant::Plain | Variant::Diverse { .. });
        alike && !needs.history && !needs.coin
    }

    /// True if the best `count` by sum (and noise) are all that matters.
    fn is_bounded(&self) -> bool {
        match self.beam.variant {
            Variant::Plain | Variant::Sample | Variant::Diverse { .. } => true,
            Variant::Stochastic { noise } => noise == 0.0,
            Variant::Constrained { .. } => false,
        }
    }

    /// The continuations of one beam.
    fn beam(
        &self,
        rank: usize,
        c: &mut Candidates,
        row: &mut Row,
        bound: Option<&Bound>,
        trace: &mut dyn Trace,
    ) -> Result<Vec<Found>> {
        let lane = (self.lane + rank) as u32;
        let row_job = RowJob { lane, context: &self.contexts[rank], ..self.row_job };
        let z = score(&row_job, self.penalties, c, row, trace)?;
        let live = &self.live[rank];
        let best = match &self.beam.variant {
            Variant::Plain | Variant::Diverse { .. } => bounded(c, live, self.count, bound),
            Variant::Sample => {
                let least = bound.map_or(f64::NEG_INFINITY, |bound| bound.least(0.0));
                let best = self.race(c, live.sum, lane, self.count, least);
                if let Some(bound) = bound {
                    bound.add(best.iter().map(|&(.., key)| key.unwrap_or(f64::NEG_INFINITY)));
                }
                best
            }
            Variant::Stochastic { noise: 0.0 } => bounded(c, live, self.count, bound),
            Variant::Stochastic { noise } => self.stochastic(c, live, lane, *noise),
            Variant::Constrained { .. } => self.constrained(c, live),
        };
        let raw = |id| c.raw_logit(id).map(|x| x as f64 - z).filter(|l| l.is_finite());
        let found = best
            .into_iter()
            .map(|(id, score, perturbed)| Found { id, score, perturbed, raw: raw(id) })
            .collect();
        c.release(row);
        Ok(found)
    }

    /// The `n` candidates with the largest sums of score, beam and Gumbel noise, if they are not below `least`.
    fn race(&self, c: &Candidates, sum: f64, lane: u32, n: usize, least: f64) -> Vec<Choice> {
        let RowJob { job, sequence, step, .. } = self.row_job;
        let mut noise = Gumbel::new(job.seed).at(lane, sequence, 0, step);
        let best = noise.top(c.members(), sum, n, least);
        best.into_iter().map(|(id, score, key)| (id, score, Some(key))).collect()
    }

    fn stochastic(&self, c: &mut Candidates, live: &LiveBeam, lane: u32, noise: f64) -> Vec<Choice> {
        if !self.row_job.job.chain.is_empty() {
            c.log_softmax();
        }
        // the whole noise keeps the order of the race
        let n = if noise == 1.0 { self.count } else { usize::MAX };
        let mut best = self.race(c, live.sum, lane, n, f64::NEG_INFINITY);
        stochastic::condition(best.iter_mut().filter_map(|b| b.2.as_mut()), live.perturbed.unwrap_or(0.0));
        let key = |b: &Choice| stochastic::key(live.sum + b.1, b.2.unwrap_or(f64::NEG_INFINITY), noise);
        best.sort_by(|a, b| key(b).total_cmp(&key(a)));
        best.truncate(self.count);
        best
    }

    fn constrained(&self, c: &mut Candidates, live: &LiveBeam) -> Vec<Choice> {
        let phrases: Phrases<'_> = self.beam.variant.phrases();
        if phrases.met(&live.ids, None) < phrases.tokens() {
            c.mask_each(&self.row_job.job.limits.eos);
        }
        let mut best = bounded(c, live, self.count, None);
        for id in phrases.wanted(&live.ids) {
            let score = c.score(id).filter(|s| *s > f64::NEG_INFINITY);
            if let Some(score) = score.filter(|_| best.iter().all(|b| b.0 != id)) {
                best.push((id, score, None));
            }
        }
        best
    }
}

/// A token, its score, and its perturbed sum where there is noise.
type Choice = (TokenId, f64, Option<f64>);

/// The best continuations by score, as many as may be among the best `count` of all beams.
fn bounded(c: &Candidates, live: &LiveBeam, count: usize, bound: Option<&Bound>) -> Vec<Choice> {
    let least = bound.map_or(f64::NEG_INFINITY, |b| b.least(live.sum));
    let best = c.ranked_from(count, least);
    if let Some(bound) = bound {
        bound.add(best.iter().map(|&(_, score)| live.sum + score));
    }
    best.into_iter().map(|(id, score)| (id, score, None)).collect()
}

/// The `count`-th best sum found so far, over all beams: what lies below it need not be looked at. It saves work and decides
/// nothing, so that threads may be late with it.
struct Bound {
    count: usize,
    sums: Mutex<BinaryHeap<Reverse<Sum>>>,
}

impl Bound {
    fn new(count: usize) -> Self {
        Bound { count, sums: Mutex::default() }
    }

    /// The least score with which a beam of this sum can be among the best.
    fn least(&self, sum: f64) -> f64 {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        match sums.peek() {
            // a little lower, for the rounding of the difference
            Some(Reverse(Sum(worst))) if sums.len() >= self.count => {
                worst - sum - 1e-12 * (worst.abs() + sum.abs())
            }
            _ => f64::NEG_INFINITY,
        }
    }

    fn add(&self, found: impl Iterator<Item = f64>) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for sum in found {
            if sums.len() < self.count {
                sums.push(Reverse(Sum(sum)));
            } else if let Some(mut worst) = sums.peek_mut()
                && worst.0.0 < sum
            {
                *worst = Reverse(Sum(sum));
            }
        }
    }
}

#[derive(PartialEq)]
struct Sum(f64);

impl Eq for Sum {}

impl Ord for Sum {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Sum {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
