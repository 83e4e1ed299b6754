//! The beam search of one sequence: live beams, a step, results.

use rayon::prelude::*;

use super::finished::{Ended, Finished, score};
use super::{Beam, BeamStep, Considered, Fate, LiveBeam};
use crate::draw::RowCoins;
use crate::hypothesis::Finish;
use crate::processor::{Candidates, Context};
use crate::sampler::{Job, slot};
use crate::source::Row;
use crate::trace::{Trace, TraceEvent};
use crate::{Error, Place, Result, TokenId};

/// The search of one sequence.
pub(super) struct Search<'a> {
    pub sequence: usize,
    beam: &'a Beam,
    job: &'a Job<'a>,
    live: Vec<LiveBeam>,
    /// Prompt, prefix and ids of each live beam.
    contexts: Vec<Vec<TokenId>>,
    finished: Finished,
    /// Why the last beams died, if nothing ended.
    death: Option<Error>,
    workspaces: Vec<Candidates>,
}

/// The continuations of one beam: (id, score, raw log-probability), best first.
type Continuations = Vec<(TokenId, f64, Option<f64>)>;

impl<'a> Search<'a> {
    pub fn new(sequence: usize, beam: &'a Beam, job: &'a Job<'a>) -> Self {
        let start = LiveBeam { ids: Vec::new(), sum: 0.0, logprobs: Vec::new(), scores: Vec::new() };
        Search {
            sequence,
            beam,
            job,
            live: vec![start],
            contexts: vec![job.history()],
            finished: Finished::default(),
            death: None,
            workspaces: Vec::new(),
        }
    }

    pub fn is_live(&self) -> bool {
        !self.live.is_empty()
    }

    /// The histories of the live beams, best first.
    pub fn contexts(&self) -> &[Vec<TokenId>] {
        &self.contexts
    }

    /// The input ends before a step: what is live ends as it stands.
    pub fn end_here(&mut self) {
        for beam in std::mem::take(&mut self.live) {
            let score = score(beam.sum, beam.ids.len(), self.beam.length_penalty);
            self.finished.enter(Ended { beam, score, finish: Finish::Length }, self.beam.num_beams);
        }
        self.contexts.clear();
    }

    /// One step: expands the live beams by their rows (one row for all, or one each).
    pub fn advance(
        &mut self,
        rows: &mut [Row],
        step: usize,
        last: bool,
        limit: Option<usize>,
        name: &str,
        trace: &mut dyn Trace,
    ) -> Result<()> {
        let width = self.beam.num_beams;
        let eos = &self.job.limits.eos;
        let count = width.saturating_mul((1 + eos.len()).max(2));
        let found = self.expand(rows, step, count, name, trace)?;
        let mut considered: Vec<(Considered, Option<f64>)> = Vec::new();
        for (parent, continuations) in found.iter().enumerate() {
            considered.extend(continuations.iter().map(|&(id, score, raw)| {
                let sum = self.live[parent].sum + score;
                (Considered { parent, id, score, sum, fate: Fate::Pruned }, raw)
            }));
        }
        // stable: among equal sums the better parent, then the lower id
        considered.sort_by(|a, b| b.0.sum.total_cmp(&a.0.sum));
        considered.truncate(count);
        let mut next = Vec::new();
        for (rank, (c, raw)) in considered.iter_mut().enumerate() {
            let is_end = eos.binary_search(&c.id).is_ok();
            if !is_end && !last {
                if next.len() < width {
                    c.fate = Fate::Live;
                    next.push((self.extend(c, *raw), c.parent));
                }
            } else if rank < width {
                let beam = self.extend(c, *raw);
                let score = score(beam.sum, beam.ids.len(), self.beam.length_penalty);
                let finish = if is_end { Finish::Eos } else { Finish::Length };
                c.fate = Fate::Finished(score);
                self.finished.enter(Ended { beam, score, finish }, width);
            } else {
                c.fate = Fate::Lost;
            }
        }
        if trace.wants().beams {
            let considered = considered.into_iter().map(|(c, _)| c).collect();
            let live = std::mem::take(&mut self.live);
            trace.event(&TraceEvent::Beams(&BeamStep { sequence: self.sequence, step, live, considered }));
        }
        let settled = next
            .first()
            .is_none_or(|(best, _)| self.finished.settled(self.beam, best.sum, best.ids.len(), limit));
        if settled {
            next.clear();
        }
        self.contexts = next
            .iter()
            .map(|(beam, parent)| {
                let mut context = self.contexts[*parent].clone();
                context.extend(beam.ids.last());
                context
            })
            .collect();
        self.live = next.into_iter().map(|(beam, _)| beam).collect();
        Ok(())
    }

    /// The live beam that a continuation makes.
    fn extend(&self, c: &Considered, raw: Option<f64>) -> LiveBeam {
        let parent = &self.live[c.parent];
        let mut beam = LiveBeam { sum: c.sum, ..parent.clone() };
        beam.ids.push(c.id);
        beam.logprobs.push(raw);
        beam.scores.push(c.score);
        beam
    }

    /// The `count` best continuations of each live beam.
    fn expand(
        &mut self,
        rows: &mut [Row],
        step: usize,
        count: usize,
        name: &str,
        trace: &mut dyn Trace,
    ) -> Result<Vec<Continuations>> {
        let needs = self.job.chain.needs();
        // one row for all, and a chain that sees no difference between the beams: expand it once
        let once = rows.len() == 1 && !needs.history && !needs.coin;
        let beams = if once { 1 } else { self.live.len() };
        let mut workspaces = std::mem::take(&mut self.workspaces);
        workspaces.resize_with(beams, Candidates::default);
        let found: Vec<Result<Continuations>> =
            if self.job.parallel && rows.len() == beams && beams > 1 && !trace.wants().any() {
                let work = workspaces.par_iter_mut().zip(rows.par_iter_mut()).enumerate();
                work.map(|(rank, (c, row))| self.expand_one(rank, c, row, step, count, name, &mut ()))
                    .collect()
            } else {
                let shared = rows.len() == 1;
                (0..beams)
                    .map(|rank| {
                        let row = &mut rows[if shared { 0 } else { rank }];
                        self.expand_one(rank, &mut workspaces[rank], row, step, count, name, trace)
                    })
                    .collect()
            };
        self.workspaces = workspaces;
        let mut alive = Vec::new();
        for one in found {
            alive.push(match one {
                // this beam can't go on; the others may
                Err(dead @ Error::NoCandidate { .. }) => {
                    self.death = Some(slot::at(dead, name));
                    Vec::new()
                }
                other => other.map_err(|e| slot::at(e, name))?,
            });
        }
        if once {
            alive.resize(self.live.len(), alive[0].clone());
        }
        Ok(alive)
    }

    #[allow(clippy::too_many_arguments)]
    fn expand_one(
        &self,
        rank: usize,
        c: &mut Candidates,
        row: &mut Row,
        step: usize,
        count: usize,
        name: &str,
        trace: &mut dyn Trace,
    ) -> Result<Continuations> {
        let (job, sequence) = (self.job, self.sequence);
        let place = Place::row(sequence, step);
        slot::load(c, row, job, place, name)?;
        let context = &self.contexts[rank];
        let prompt_len = job.prompt.len();
        if trace.wants().stages {
            trace.event(&TraceEvent::Row { place, context, prompt_len, candidates: c });
        }
        let z = c.decision_log_normalizer();
        c.shift(-z);
        let coins = RowCoins { seed: job.seed, lane: rank as u32, sequence, sample: 0, step };
        let done =
            job.chain.apply_traced(c, &Context { context, prompt_len, sequence, step, coins: &coins }, trace);
        let best = done.map(|()| {
            let raw = |id| c.raw_logit(id).map(|x| x as f64 - z).filter(|l| l.is_finite());
            c.ranked(count).into_iter().map(|(id, score)| (id, score, raw(id))).collect()
        });
        c.release(row);
        best
    }

    /// The best hypotheses, best first.
    pub fn results(self) -> Result<Vec<Ended>> {
        if let (true, Some(death)) = (self.finished.list.is_empty(), self.death) {
            return Err(death);
        }
        let mut list = self.finished.list;
        list.truncate(self.beam.num_return_sequences);
        Ok(list)
    }
}
