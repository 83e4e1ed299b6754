//! A group of beams that compete with one another: which continuations live on, which end.

use std::collections::BTreeMap;

use super::expand::Found;
use super::finished::{Ended, Finished};
use super::{Beam, Variant, stochastic};
use crate::TokenId;
use crate::hypothesis::Finish;
use crate::sampler::Job;
use crate::trace::{Continuation, Fate, LiveBeam};

/// The live beams of a group, best first, and its finished list.
pub(super) struct Group<'a> {
    beam: &'a Beam,
    job: &'a Job<'a>,
    pub live: Vec<LiveBeam>,
    /// Prompt, prefix and ids of each live beam.
    pub contexts: Vec<Vec<TokenId>>,
    pub finished: Finished,
}

/// The beams of the next step, each with the context of its parent and its own id.
type Next = Vec<(LiveBeam, Vec<TokenId>)>;

/// The continuations that hold equally many tokens of forced phrases; all, where there are none.
#[derive(Default)]
struct Bank {
    /// How many were seen.
    seen: usize,
    /// The largest sum.
    best: Option<f64>,
    /// Those that may live on, by their place in the list.
    open: Vec<usize>,
}

impl<'a> Group<'a> {
    pub fn new(beam: &'a Beam, job: &'a Job<'a>) -> Self {
        let start = LiveBeam::default();
        Group { beam, job, live: vec![start], contexts: vec![job.history()], finished: Finished::default() }
    }

    /// What is live ends as it stands.
    pub fn end_here(&mut self) {
        self.contexts.clear();
        for beam in std::mem::take(&mut self.live) {
            if self.is_met(&beam.ids, None) {
                self.enter(beam, Finish::Length);
            }
        }
    }

    fn is_met(&self, ids: &[TokenId], next: Option<TokenId>) -> bool {
        let phrases = self.beam.variant.phrases();
        phrases.met(ids, next) == phrases.tokens()
    }

    /// Enters a hypothesis into the finished list; returns its score.
    fn enter(&mut self, beam: LiveBeam, finish: Finish) -> f64 {
        let score = self.beam.score(self.worth(&beam), beam.ids.len());
        self.finished.enter(Ended { beam, score, finish }, self.beam.width());
        score
    }

    /// What is divided by the length norm: the sum, or the perturbed log-probability.
    fn worth(&self, beam: &LiveBeam) -> f64 {
        self.key(beam.sum, beam.perturbed)
    }

    /// What a continuation is ranked by.
    fn key(&self, sum: f64, perturbed: Option<f64>) -> f64 {
        match (&self.beam.variant, perturbed) {
            (Variant::Stochastic { noise }, Some(g)) => stochastic::key(sum, g, *noise),
            (_, key) => key.unwrap_or(sum),
        }
    }

    /// Decides on every continuation; `found` are those of each live beam.
    pub fn judge(&mut self, found: Vec<Vec<Found>>, count: usize, last: bool) -> (Next, Vec<Continuation>) {
        let mut all = self.rank(&found, count);
        let mut banks: BTreeMap<usize, Bank> = BTreeMap::new();
        for (c, _) in &all {
            let best = &mut banks.entry(c.bank).or_default().best;
            *best = Some(best.map_or(c.sum, |b| b.max(c.sum)));
        }
        let whole = self.beam.variant.phrases().tokens();
        for (at, (c, found)) in all.iter_mut().enumerate() {
            let Some(bank) = banks.get_mut(&c.bank) else { continue };
            bank.seen += 1;
            let is_end = self.job.limits.eos.binary_search(&c.id).is_ok();
            let below = bank.best.map_or(0.0, |best| best - c.sum);
            if self.beam.beam_margin.is_some_and(|margin| below > margin) {
                c.fate = Fate::Margin;
            } else if !is_end && !last {
                bank.open.push(at);
            } else if c.bank < whole {
                c.fate = Fate::Unmet;
            } else if bank.seen <= self.beam.width() {
                let finish = if is_end { Finish::Eos } else { Finish::Length };
                let beam = self.extend(c, found);
                c.fate = Fate::Finished(self.enter(beam, finish));
            } else {
                c.fate = Fate::Lost;
            }
        }
        let mut next = Vec::new();
        for at in self.choose(banks, &all) {
            let (c, found) = &mut all[at];
            c.fate = Fate::Live;
            let mut context = self.contexts[c.parent].clone();
            context.push(c.id);
            next.push((self.extend(c, found), context));
        }
        (next, all.into_iter().map(|(c, _)| c).collect())
    }

    /// The continuations by falling key, the best `count` of each bank.
    fn rank(&self, found: &[Vec<Found>], count: usize) -> Vec<(Continuation, Found)> {
        let phrases = self.beam.variant.phrases();
        let mut all = Vec::new();
        for (parent, (beam, continuations)) in self.live.iter().zip(found).enumerate() {
            all.extend(continuations.iter().map(|&found| {
                let Found { id, score, perturbed, .. } = found;
                let sum = beam.sum + score;
                let (key, bank) = (self.key(sum, perturbed), phrases.met(&beam.ids, Some(id)));
                (Continuation { parent, id, score, sum, key, bank, fate: Fate::Pruned }, found)
            }));
        }
        // stable: among equals the better parent, then the lower id
        all.sort_by(|a, b| b.0.key.total_cmp(&a.0.key));
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        all.retain(|(c, _)| {
            let seen = seen.entry(c.bank).or_default();
            *seen += 1;
            *seen <= count
        });
        all
    }

    /// Which continuations live on, best first: those with the largest sums (stochastic: keys), from the banks in turn, the
    /// fullest first.
    fn choose(&self, banks: BTreeMap<usize, Bank>, all: &[(Continuation, Found)]) -> Vec<usize> {
        let worth = |at: usize| match self.beam.variant {
            Variant::Sample => all[at].0.sum,
            _ => all[at].0.key,
        };
        let by_worth = |list: &mut Vec<usize>| list.sort_by(|&a, &b| worth(b).total_cmp(&worth(a)));
        let mut open: Vec<Vec<usize>> = banks.into_values().rev().map(|bank| bank.open).collect();
        open.iter_mut().for_each(by_worth);
        let longest = open.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn = (0..longest).flat_map(|turn| open.iter().filter_map(move |bank| bank.get(turn)));
        let mut chosen: Vec<usize> = in_turn.copied().take(self.beam.width()).collect();
        by_worth(&mut chosen);
        chosen
    }

    /// The beam that a continuation makes.
    fn extend(&self, c: &Continuation, found: &Found) -> LiveBeam {
        let parent = &self.live[c.parent];
        let perturbed = found.perturbed.filter(|_| matches!(self.beam.variant, Variant::Stochastic { .. }));
        let mut beam = LiveBeam { sum: c.sum, perturbed, ..parent.clone() };
        beam.ids.push(c.id);
        beam.logprobs.push(found.raw);
        beam.scores.push(c.score);
        beam
    }

    /// Takes the next step's beams over, unless the search of this group is over.
    pub fn go_on(&mut self, mut next: Next, limit: Option<usize>) {
        let settled = next.first().is_none_or(|(best, _)| {
            let (worth, len) = (self.worth(best), best.ids.len());
            self.finished.settled(self.beam, self.beam.width(), worth, len, limit)
        });
        if settled {
            next.clear();
        }
        (self.live, self.contexts) = next.into_iter().unzip();
    }
}
