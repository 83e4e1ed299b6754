//! The continuations of the live beams of one step.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::stochastic::Race;
use super::tree::{History, Prefix};
use super::{Beam, Variant, stochastic};
use crate::candidates::Candidates;
use crate::draw::{Gumbel, Noise};
use crate::sampler::row_job::{RowJob, at};
use crate::sampler::scores::Scores;
use crate::source::Row;
use crate::trace::{Continuation, Fate, Trace};
use crate::{Error, Result, TokenId};

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
    pub live: &'a [Prefix],
    /// Those of the live beams, or of the best one where nothing reads the others'.
    pub histories: &'a [History],
}

/// The continuations, beam after beam, and why a beam died, if one did.
type Expanded = (Vec<Continuation>, Option<Error>);

impl Expander<'_> {
    /// The continuations of the live beams that may be among the best `count`; `rows` are one for all beams, or one each.
    pub fn run(&self, rows: &mut [Row], trace: &mut dyn Trace) -> Result<Expanded> {
        let shared = rows.len() == 1;
        // one row for all, and nothing that sees a difference between the beams: expand it once
        let once = shared && self.beams_are_alike();
        let beams = if once { 1 } else { self.live.len() };
        let bound = Bound::new(self.count);
        let bound = self.is_bounded().then_some(&bound).filter(|_| !once);
        let parallel = self.row_job.job.parallel && !shared && beams > 1 && !trace.wants().any();
        let found: Vec<Result<Vec<Continuation>>> = if parallel {
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
        let mut all = Vec::new();
        for one in found {
            match one {
                // this beam can't go on; the others may
                Err(dead @ Error::NoCandidate { .. }) => death = Some(at(dead, self.row_job.name)),
                Err(error) => return Err(at(error, self.row_job.name)),
                Ok(one) if all.is_empty() => all = one,
                Ok(one) => all.extend(one),
            }
        }
        if once && self.live.len() > 1 {
            all = self.share(&all);
        }
        Ok((all, death))
    }

    /// The best `count` continuations of all beams, where each has those of the first one.
    fn share(&self, first: &[Continuation]) -> Vec<Continuation> {
        let of = |parent: usize, at: usize| {
            let sum = self.live[parent].sum + first.get(at)?.score;
            Some(Continuation { parent, sum, key: sum, ..first[at] })
        };
        // the best that each beam still has: among equals the better beam comes first
        let head = |parent, at| of(parent, at).map(|c| (Sum(c.sum), Reverse(parent), at));
        let mut heads: BinaryHeap<_> = (0..self.live.len()).filter_map(|parent| head(parent, 0)).collect();
        let mut best = Vec::new();
        while best.len() < self.count
            && let Some((_, Reverse(parent), at)) = heads.pop()
        {
            best.extend(of(parent, at));
            heads.extend(head(parent, at + 1));
        }
        best
    }

    fn beams_are_alike(&self) -> bool {
        let needs = self.row_job.job.chain.needs();
        let alike = matches!(self.beam.variant, Variant::Plain | Variant::Diverse { .. });
        alike && !needs.history && !needs.coin
    }

    /// True if the best `count` by sum (and noise) are all that matters.
    fn is_bounded(&self) -> bool {
        match self.beam.variant {
            Variant::Plain | Variant::Sample | Variant::SampleUnsorted | Variant::Diverse { .. } => true,
            Variant::Stochastic { noise } => noise == 0.0,
            Variant::Constrained { .. } => false,
        }
    }

    /// The continuations of one beam.
    fn beam(
        &self,
        rank: usize,
        buffers: &mut Candidates,
        row: &mut Row,
        bound: Option<&Bound>,
        trace: &mut dyn Trace,
    ) -> Result<Vec<Continuation>> {
        let lane = (self.lane + rank) as u32;
        let history = &self.histories[rank.min(self.histories.len() - 1)];
        let row_job = RowJob { lane, context: history.ids(), ..self.row_job };
        let mut c = Scores::new(&row_job, self.penalties, buffers, row, trace)?;
        let live = &self.live[rank];
        let mut found = match &self.beam.variant {
            Variant::Plain | Variant::Diverse { .. } | Variant::Stochastic { noise: 0.0 } => {
                self.best(&c, rank, bound)
            }
            Variant::Sample | Variant::SampleUnsorted => {
                let least = bound.map_or(f64::NEG_INFINITY, |bound| bound.least(0.0));
                let best = self.noise(rank).top(&c, live.sum, self.count, least);
                let ranked = |(id, score, key)| Continuation { key, ..self.continuation(rank, id, score) };
                let best: Vec<Continuation> = best.into_iter().map(ranked).collect();
                if let Some(bound) = bound {
                    bound.add(best.iter().map(|c| c.key));
                }
                best
            }
            Variant::Stochastic { noise } => self.stochastic(&mut c, rank, *noise),
            Variant::Constrained { .. } => self.constrained(&mut c, rank, history.generated()),
        };
        let phrases = self.beam.variant.phrases();
        for next in &mut found {
            next.logprob = c.raw_logprob(next.id);
            next.bank = phrases.met(history.generated(), Some(next.id));
        }
        Ok(found)
    }

    /// A continuation that is ranked by its sum.
    fn continuation(&self, parent: usize, id: TokenId, score: f64) -> Continuation {
        let sum = self.live[parent].sum + score;
        let (perturbed, logprob, bank) = (None, None, 0);
        Continuation { parent, id, score, sum, key: sum, perturbed, logprob, bank, fate: Fate::Pruned }
    }

    /// The best continuations by score, as many as may be among the best `count` of all beams.
    fn best(&self, c: &Candidates, rank: usize, bound: Option<&Bound>) -> Vec<Continuation> {
        let least = bound.map_or(f64::NEG_INFINITY, |b| b.least(self.live[rank].sum));
        let best = c.ranked_from(self.count, least);
        let best: Vec<_> = best.into_iter().map(|(id, score)| self.continuation(rank, id, score)).collect();
        if let Some(bound) = bound {
            bound.add(best.iter().map(|c| c.sum));
        }
        best
    }

    /// The noise of a beam's continuations.
    fn noise(&self, rank: usize) -> Noise {
        let RowJob { job, sequence, step, .. } = self.row_job;
        Gumbel::new(job.seed).at((self.lane + rank) as u32, sequence, 0, step)
    }

    fn stochastic(&self, c: &mut Candidates, rank: usize, noise: f64) -> Vec<Continuation> {
        if !self.row_job.job.chain.is_empty() {
            c.log_softmax();
        }
        let live = &self.live[rank];
        let race = Race { start: live.sum, parent: live.perturbed.unwrap_or(0.0), part: noise };
        let mut best = Vec::new();
        for (id, score, perturbed) in race.best(&self.noise(rank), c, self.count) {
            let next = self.continuation(rank, id, score);
            let key = stochastic::key(next.sum, perturbed, noise);
            best.push(Continuation { key, perturbed: Some(perturbed), ..next });
        }
        best.sort_by(|a, b| b.key.total_cmp(&a.key));
        best.truncate(self.count);
        best
    }

    fn constrained(&self, c: &mut Candidates, rank: usize, generated: &[TokenId]) -> Vec<Continuation> {
        let phrases = self.beam.variant.phrases();
        if phrases.met(generated, None) < phrases.tokens() {
            c.mask_each(&self.row_job.job.limits.eos);
        }
        let mut best = self.best(c, rank, None);
        for id in phrases.wanted(generated) {
            let score = c.score(id).filter(|s| *s > f64::NEG_INFINITY);
            if let Some(score) = score.filter(|_| best.iter().all(|b| b.id != id)) {
                best.push(self.continuation(rank, id, score));
            }
        }
        best
    }
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
