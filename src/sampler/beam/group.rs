//! A group of beams that compete with one another: which continuations live on, which end.

use std::collections::BTreeMap;

use super::finished::{Ended, Finished};
use super::tree::{History, Prefix, Tree};
use super::{Beam, Variant, stochastic};
use crate::TokenId;
use crate::hypothesis::Finish;
use crate::sampler::Job;
use crate::text::StopReader;
use crate::trace::{Continuation, Fate};

/// The live beams of a group, best first, and its finished list.
pub(super) struct Group<'a> {
    beam: &'a Beam,
    job: &'a Job<'a>,
    pub live: Vec<Prefix>,
    /// The ids of all of them.
    pub tree: Tree,
    /// Prompt, prefix and ids of each live beam; of the best one alone where nothing reads those of the others.
    pub histories: Vec<History>,
    /// What each beam has behind it is read.
    reads: bool,
    pub finished: Finished,
    /// The text of each live beam, where stop strings are looked for; and of those that live on next.
    readers: [Vec<StopReader>; 2],
    /// Why each continuation of the last step ends by itself.
    pub ends: Vec<Option<Finish>>,
}

/// Bytes that an allocation takes beside its content.
const ALLOCATION: usize = 32;

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
    /// A group with the empty prefix; `reads`: the ids of each beam are read by the source, the chain or those who watch.
    pub fn new(beam: &'a Beam, job: &'a Job<'a>, reads: bool) -> Self {
        let reads = reads || job.stop.is_some() || beam.variant.phrases().tokens() > 0;
        Group {
            beam,
            job,
            live: vec![Prefix::default()],
            tree: Tree::default(),
            histories: vec![History::new(job.history())],
            reads,
            finished: Finished::default(),
            readers: [vec![StopReader::default()], Vec::new()],
            ends: Vec::new(),
        }
    }

    /// Roughly how many bytes a new group takes after a history of so many ids.
    pub fn size(history: usize) -> usize {
        size_of::<Self>() + size_of::<Prefix>() + ALLOCATION + history.saturating_mul(size_of::<TokenId>())
    }

    /// Roughly how many bytes a step takes on top of what is live: up to `count` continuations (thrice: as found, being sorted,
    /// and as kept), and the beams that they become. `None` where that is more than a number holds.
    pub fn room_for_a_step(&self, count: usize, vocab: usize) -> Option<usize> {
        let all = self.live.len().checked_mul(vocab)?;
        let Some(history) = self.histories.first() else { return Some(0) };
        let beams = all.min(self.beam.width());
        let history = if self.reads { History::size(history.ids().len() + 1)? } else { 0 };
        let beam = (size_of::<Prefix>() + size_of::<History>() + 2 * ALLOCATION).checked_add(history)?;
        all.min(count)
            .checked_mul(3 * size_of::<Continuation>())?
            .checked_add(beams.checked_mul(beam)?)?
            .checked_add(self.tree.growth(beams)?)
    }

    /// What is live ends as it stands.
    pub fn end_here(&mut self) {
        let phrases = self.beam.variant.phrases();
        let (live, histories) = (std::mem::take(&mut self.live), std::mem::take(&mut self.histories));
        for (rank, beam) in live.into_iter().enumerate() {
            let generated = histories.get(rank).map_or(&[][..], History::generated);
            if phrases.met(generated, None) == phrases.tokens() {
                let score = self.beam.score(self.worth(beam.sum, beam.perturbed), beam.len);
                self.finished.enter(score, self.beam.width(), || Ended {
                    beam,
                    score,
                    finish: Finish::Length,
                });
            }
        }
    }

    /// Enters what a continuation makes into the finished list; returns its score.
    fn enter(&mut self, c: &Continuation, finish: Finish) -> f64 {
        let (parent, width) = (self.live[c.parent], self.beam.width());
        let score = self.beam.score(self.worth(c.sum, c.perturbed), parent.len + 1);
        let tree = &mut self.tree;
        self.finished.enter(score, width, || Ended { beam: tree.extend(&parent, c), score, finish });
        score
    }

    /// What is divided by the length norm: the sum, or what stochastic beam search ranks by.
    fn worth(&self, sum: f64, perturbed: Option<f64>) -> f64 {
        match (&self.beam.variant, perturbed) {
            (Variant::Stochastic { noise }, Some(g)) => stochastic::key(sum, g, *noise),
            _ => sum,
        }
    }

    /// Decides on every continuation: the beams of the next step, and what became of all.
    pub fn judge(
        &mut self,
        found: Vec<Continuation>,
        count: usize,
        last: bool,
    ) -> (Vec<Prefix>, Vec<Continuation>) {
        let mut all = self.rank(found, count);
        let mut banks: BTreeMap<usize, Bank> = BTreeMap::new();
        for c in &all {
            let best = &mut banks.entry(c.bank).or_default().best;
            *best = Some(best.map_or(c.sum, |b| b.max(c.sum)));
        }
        let whole = self.beam.variant.phrases().tokens();
        let (ends, mut readers): (Vec<_>, Vec<_>) = all.iter().map(|c| self.end_of(c)).unzip();
        for (at, c) in all.iter_mut().enumerate() {
            let Some(bank) = banks.get_mut(&c.bank) else { continue };
            bank.seen += 1;
            let end = ends[at];
            let below = bank.best.map_or(0.0, |best| best - c.sum);
            if self.beam.beam_margin.is_some_and(|margin| below > margin) {
                c.fate = Fate::Margin;
            } else if end.is_none() && !last {
                bank.open.push(at);
            } else if c.bank < whole {
                c.fate = Fate::Unmet;
            } else if bank.seen <= self.beam.width() {
                let finish = end.unwrap_or(Finish::Length);
                c.fate = Fate::Finished(self.enter(c, finish));
            } else {
                c.fate = Fate::Lost;
            }
        }
        let chosen = self.choose(banks, &all);
        chosen.iter().for_each(|&at| all[at].fate = Fate::Live);
        self.readers[1] = chosen.iter().map(|&at| std::mem::take(&mut readers[at])).collect();
        self.ends = ends;
        let next = chosen.iter().map(|&at| self.tree.extend(&self.live[all[at].parent], &all[at])).collect();
        (next, all)
    }

    /// Why a continuation ends by itself, and its text.
    fn end_of(&mut self, c: &Continuation) -> (Option<Finish>, StopReader) {
        if self.job.limits.eos.binary_search(&c.id).is_ok() {
            return (Some(Finish::Eos), StopReader::default());
        }
        let Some(stop) = self.job.stop else { return (None, StopReader::default()) };
        let mut reader = self.readers[0].get(c.parent).cloned().unwrap_or_default();
        let end =
            self.histories[c.parent].with(c.id, |ids| stop.ends(&mut reader, &ids[self.job.prompt.len()..]));
        (end, reader)
    }

    /// The continuations in the order of their ranks, the best `count` of each bank.
    fn rank(&self, mut all: Vec<Continuation>, count: usize) -> Vec<Continuation> {
        // stable: among equals the better parent, then the lower id
        all.sort_by(|a, b| b.key.total_cmp(&a.key));
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        all.retain(|c| {
            let seen = seen.entry(c.bank).or_default();
            *seen += 1;
            *seen <= count
        });
        if self.beam.variant == Variant::Sample {
            // the noise only chose them
            all.sort_by(|a, b| b.sum.total_cmp(&a.sum));
        }
        all
    }

    /// Which continuations live on, best first: those with the largest sums (stochastic: keys), from the banks in turn, the
    /// fullest first.
    fn choose(&self, banks: BTreeMap<usize, Bank>, all: &[Continuation]) -> Vec<usize> {
        let worth = |at: usize| match self.beam.variant {
            Variant::Sample | Variant::SampleUnsorted => all[at].sum,
            _ => all[at].key,
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

    /// Takes the next step's beams over, unless the search of this group is over.
    pub fn go_on(&mut self, mut next: Vec<Prefix>, limit: Option<usize>) {
        let settled = next.first().is_none_or(|best| {
            let worth = self.worth(best.sum, best.perturbed);
            self.finished.settled(self.beam, self.beam.width(), worth, best.len, limit)
        });
        if settled {
            next.clear();
        }
        let read = if self.reads { next.len() } else { next.len().min(1) };
        self.histories.resize_with(read, || History::new(self.job.history()));
        for (history, prefix) in self.histories.iter_mut().zip(&next) {
            history.follow(&self.tree, prefix);
        }
        self.live = next;
        self.readers = [std::mem::take(&mut self.readers[1]), Vec::new()];
    }
}
