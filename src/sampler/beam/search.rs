//! The beam search of one sequence: its groups of beams, and results.

use super::expand::Expander;
use super::finished::Ended;
use super::group::Group;
use super::tree::{History, Tree};
use super::{Beam, Variant};
use crate::hypothesis::Hypothesis;
use crate::sampler::Job;
use crate::sampler::row_job::RowJob;
use crate::source::Row;
use crate::trace::{BeamStep, Fate, Trace, TraceEvent};
use crate::{Error, Place, Result, TokenId};

/// The search of one sequence.
pub(super) struct Search<'a> {
    pub sequence: usize,
    beam: &'a Beam,
    job: &'a Job<'a>,
    groups: Vec<Group<'a>>,
    /// Why the last beams died, if nothing ended.
    death: Option<Error>,
}

/// Where a search stands.
pub(super) struct Now<'a> {
    /// Step of the input, absolute.
    pub step: usize,
    /// Every continuation ends with this step.
    pub last: bool,
    /// The length at which all end, where it is known.
    pub limit: Option<usize>,
    /// The input's name in messages.
    pub name: &'a str,
}

impl<'a> Search<'a> {
    /// `reads`: the ids of each beam are read by the source, the chain or those who watch.
    pub fn new(sequence: usize, beam: &'a Beam, job: &'a Job<'a>, reads: bool) -> Result<Self> {
        let groups = beam.variant.groups();
        beam.check_room(groups.checked_mul(Group::size(job.history().len())))?;
        let groups = (0..groups).map(|_| Group::new(beam, job, reads)).collect();
        Ok(Search { sequence, beam, job, groups, death: None })
    }

    pub fn is_live(&self) -> bool {
        self.groups.iter().any(|g| !g.live.is_empty())
    }

    /// The histories that are kept of the live beams, group by group, best first.
    pub fn contexts(&self) -> impl Iterator<Item = &[TokenId]> {
        self.groups.iter().flat_map(|g| g.histories.iter().map(History::ids))
    }

    /// The input ends before a step: what is live ends as it stands.
    pub fn end_here(&mut self) {
        self.groups.iter_mut().for_each(Group::end_here);
    }

    /// One step: expands the live beams by their rows (one row for all, or one each).
    pub fn advance(&mut self, mut rows: &mut [Row], now: &Now<'_>, trace: &mut dyn Trace) -> Result<()> {
        let (job, sequence, step) = (self.job, self.sequence, now.step);
        let width = self.beam.width();
        let shared = rows.len() == 1;
        let mut taken: Vec<(TokenId, f64)> = Vec::new();
        for (number, group) in self.groups.iter_mut().enumerate().filter(|(_, g)| !g.live.is_empty()) {
            let expander = Expander {
                beam: self.beam,
                row_job: RowJob { job, name: now.name, sequence, step, sample: 0, lane: 0, context: &[] },
                count: width.saturating_mul((1 + job.limits.eos.len()).max(2)),
                lane: number * width,
                penalties: &taken,
                live: &group.live,
                histories: &group.histories,
            };
            let vocab = rows.iter().map(|row| row.vocab).max().unwrap_or(0);
            self.beam.check_room(group.room_for_a_step(expander.count, vocab))?;
            let (found, death) = if shared {
                expander.run(rows, trace)?
            } else {
                let (own, rest) = std::mem::take(&mut rows).split_at_mut(group.live.len());
                rows = rest;
                expander.run(own, trace)?
            };
            self.death = death.or(self.death.take());
            let count = expander.count;
            let (next, considered) = group.judge(found, count, now.last);
            if let Variant::Diverse { diversity_penalty, .. } = self.beam.variant {
                // at the limit, what would have lived on
                let all = considered.iter().zip(&group.ends);
                let open = all.filter(|(c, end)| c.fate != Fate::Margin && end.is_none());
                for (c, _) in open.take(width) {
                    lose(&mut taken, c.id, diversity_penalty);
                }
            }
            if trace.wants().beams {
                let live = group.live.iter().map(|beam| group.tree.beam(beam)).collect();
                let step = BeamStep { sequence, step, group: number, live, considered };
                trace.event(&TraceEvent::Beams(&step));
            }
            group.go_on(next, now.limit);
        }
        Ok(())
    }

    /// The best hypotheses, best first.
    pub fn results(self) -> Result<Vec<Hypothesis>> {
        let mut list: Vec<(&Tree, &Ended)> = Vec::new();
        for group in &self.groups {
            list.extend(group.finished.list.iter().map(|ended| (&group.tree, ended)));
        }
        if let (true, Some(death)) = (list.is_empty(), self.death) {
            return Err(death);
        }
        if list.is_empty() && self.beam.variant.phrases().tokens() > 0 {
            let what = "the search ended before a hypothesis held every forced phrase: raise \
                        `Limits::max_new_tokens` or `Beam::num_beams`";
            return Err(Error::decode(Place { sequence: Some(self.sequence), ..Place::default() }, what));
        }
        // stable: among equals the earlier group
        list.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
        list.truncate(self.beam.num_return_sequences);
        let hypothesis = |(sample, (tree, ended)): (usize, (&Tree, &Ended))| {
            let beam = tree.beam(&ended.beam);
            Hypothesis {
                sequence: self.sequence,
                sample,
                perturbed: beam.perturbed,
                bound: None,
                logprob: beam.logprobs.iter().copied().sum(),
                ids: beam.ids,
                logprobs: beam.logprobs,
                processed_logprobs: beam.scores.into_iter().map(Some).collect(),
                score: Some(ended.score),
                finish_reason: ended.finish,
            }
        };
        Ok(list.into_iter().enumerate().map(hypothesis).collect())
    }
}

/// Adds to what a token loses; the list stays ascending.
fn lose(taken: &mut Vec<(TokenId, f64)>, id: TokenId, penalty: f64) {
    match taken.binary_search_by_key(&id, |t| t.0) {
        Ok(at) => taken[at].1 += penalty,
        Err(at) => taken.insert(at, (id, penalty)),
    }
}
