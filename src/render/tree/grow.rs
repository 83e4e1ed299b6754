//! Trees that grow with a search: of each step only what it adds is kept.

use std::collections::{BTreeMap, HashMap};

use super::{Ending, Node, Tree};
use crate::TokenId;
use crate::trace::{BeamStep, Trace, TraceEvent, Wants};

/// An observer that grows the tree of each sequence; its memory follows the continuations, not their lengths.
///
/// ```
/// use tokpick::prelude::*;
/// use tokpick::render::tree::Growing;
/// use tokpick::sampler::Beam;
///
/// let mut source = Steps::from(ndarray::array![[0.1, 2.0, 1.0], [3.0, 1.0, 0.0]]);
/// let (chain, mut growing) = (Chain::default(), Growing::default());
/// Beam::new(2)?.decode_under(&mut source, &Job::new(&chain), &mut growing)?;
/// let trees = growing.trees(|_sequence| (Vec::new(), None, None));
/// assert_eq!(trees[0].nodes.iter().filter(|node| node.depth == 0).count(), 3);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Growing(BTreeMap<usize, Nodes>);

impl Growing {
    /// Adds what a step considered.
    pub fn add(&mut self, step: &BeamStep) {
        self.0.entry(step.sequence).or_default().add(step);
    }

    /// The tree of each sequence, in their order; `of` tells what was found in it, greedily, and by exact search (see [`Tree::new`]).
    pub fn trees(self, of: impl Fn(usize) -> (Vec<Ending>, Option<Ending>, Option<Ending>)) -> Vec<Tree> {
        let tree = |(sequence, nodes): (usize, Nodes)| {
            let (found, greedy, exact) = of(sequence);
            Tree::of(sequence, nodes, found, greedy, exact)
        };
        self.0.into_iter().map(tree).collect()
    }
}

impl Trace for Growing {
    fn wants(&self) -> Wants {
        Wants { beams: true, ..Wants::default() }
    }

    fn event(&mut self, event: &TraceEvent<'_>) {
        if let TraceEvent::Beams(step) = event {
            self.add(step);
        }
    }
}

/// The nodes of one tree, parents first.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub all: Vec<Node>,
    /// The last node of each token behind a node (in front: `None`).
    places: HashMap<(Option<usize>, TokenId), usize>,
    /// Those whose parent no step considered (of a trace with gaps), by all their ids.
    orphans: HashMap<Vec<TokenId>, usize>,
    /// Where the nodes of the last two steps begin.
    recent: [(usize, usize); 2],
}

impl Nodes {
    pub fn add(&mut self, step: &BeamStep) {
        // groups come one after the other in the same step
        if self.recent[1].0 != step.step {
            self.recent = [self.recent[1], (step.step, self.all.len())];
        }
        let live: Vec<Option<usize>> = step.live.iter().map(|beam| self.place(&beam.ids)).collect();
        for c in &step.considered {
            let (Some(beam), Some(&parent)) = (step.live.get(c.parent), live.get(c.parent)) else { continue };
            if parent.is_some() || beam.ids.is_empty() {
                self.places.insert((parent, c.id), self.all.len());
            } else {
                self.orphans.insert([&beam.ids[..], &[c.id]].concat(), self.all.len());
            }
            self.all.push(Node {
                parent,
                depth: beam.ids.len(),
                id: c.id,
                score: c.score,
                sum: c.sum,
                fate: c.fate,
                rank: None,
                greedy: false,
                exact: false,
            });
        }
    }

    /// The last node of a prefix: most likely one of the step before, which is read backwards; else it is looked for from the root.
    fn place(&self, ids: &[TokenId]) -> Option<usize> {
        let recent = &self.all[self.recent[0].1..self.recent[1].1];
        let is_it = |node: &Node| {
            let mut at = Some(node);
            let same = |id: &TokenId| {
                let is_same = at.is_some_and(|node| node.id == *id);
                at = at.and_then(|node| self.all.get(node.parent?));
                is_same
            };
            node.depth + 1 == ids.len() && ids.iter().rev().all(same) && at.is_none()
        };
        match recent.iter().rposition(is_it) {
            Some(at) => Some(self.recent[0].1 + at),
            None => self.walk(ids).last().flatten(),
        }
    }

    /// The nodes of a sequence, as far as the tree has them.
    pub fn on_path<'a>(&'a self, ids: &'a [TokenId]) -> impl Iterator<Item = usize> + 'a {
        self.walk(ids).flatten()
    }

    /// The node of each prefix of a sequence but the empty one.
    fn walk<'a>(&'a self, ids: &'a [TokenId]) -> impl Iterator<Item = Option<usize>> + 'a {
        // what is before a token: nothing, or a node; unknown behind a gap
        let mut before = Some(None);
        ids.iter().enumerate().map(move |(n, &id)| {
            let place = before.and_then(|parent| self.places.get(&(parent, id)));
            let place = place.or_else(|| self.orphans.get(&ids[..=n])).copied();
            before = place.map(Some);
            place
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Continuation, Fate, LiveBeam};

    fn step(step: usize, group: usize, live: &[&[TokenId]], considered: &[(usize, TokenId)]) -> BeamStep {
        let live = live.iter().map(|ids| LiveBeam { ids: ids.to_vec(), ..LiveBeam::default() }).collect();
        let of = |&(parent, id): &(usize, TokenId)| {
            let (score, sum, key) = (-1.0, -1.0, -1.0);
            let (perturbed, logprob, bank, fate) = (None, None, 0, Fate::Live);
            Continuation { parent, id, score, sum, key, perturbed, logprob, bank, fate }
        };
        BeamStep { sequence: 3, step, group, live, considered: considered.iter().map(of).collect() }
    }

    fn parents(steps: &[BeamStep]) -> Vec<Option<usize>> {
        let mut nodes = Nodes::default();
        steps.iter().for_each(|step| nodes.add(step));
        nodes.all.iter().map(|node| node.parent).collect()
    }

    #[test]
    fn a_beam_is_found_among_those_that_end_alike() {
        // "5 7" and "6 7" end with the same token, and both go on with 7
        let steps = [
            step(0, 0, &[&[]], &[(0, 5), (0, 6)]),
            step(1, 0, &[&[5], &[6]], &[(0, 7), (1, 7)]),
            step(2, 0, &[&[6, 7], &[5, 7]], &[(0, 7), (1, 7)]),
            step(3, 0, &[&[5, 7, 7], &[6, 7, 7]], &[(0, 1), (1, 1)]),
        ];
        let expected = [None, None, Some(0), Some(1), Some(3), Some(2), Some(5), Some(4)];
        assert_eq!(parents(&steps), expected);
    }

    #[test]
    fn groups_that_share_a_prefix_share_its_last_node() {
        let steps = [
            step(0, 0, &[&[]], &[(0, 5)]),
            step(0, 1, &[&[]], &[(0, 5)]),
            step(1, 0, &[&[5]], &[(0, 7)]),
            step(1, 1, &[&[5]], &[(0, 8)]),
        ];
        assert_eq!(parents(&steps), [None, None, Some(1), Some(1)]);
    }

    /// A step of a trace that was cut out, and one that comes late.
    #[test]
    fn a_trace_with_gaps_lacks_the_parents_that_are_in_them() {
        let gap = [
            step(0, 0, &[&[]], &[(0, 5)]),
            step(2, 0, &[&[5, 6]], &[(0, 7)]),
            step(3, 0, &[&[5, 6, 7]], &[(0, 8)]),
        ];
        assert_eq!(parents(&gap), [None, None, Some(1)]);
        let mut nodes = Nodes::default();
        gap.iter().for_each(|step| nodes.add(step));
        assert!(nodes.on_path(&[5, 6, 7, 8]).eq([0, 1, 2]));
        let late = [
            step(0, 0, &[&[]], &[(0, 5)]),
            step(1, 0, &[&[5]], &[(0, 6)]),
            step(2, 0, &[&[5, 6]], &[(0, 7)]),
            step(1, 0, &[&[5]], &[(0, 9)]),
        ];
        assert_eq!(parents(&late), [None, Some(0), Some(1), Some(0)]);
    }
}
