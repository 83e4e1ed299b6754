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
    /// Every prefix, those before it first.
    prefixes: Vec<Prefix>,
    /// The prefix of each token behind a prefix (the empty one: `None`).
    behind: HashMap<(Option<usize>, TokenId), usize>,
    /// Where the prefixes of the last two steps begin.
    recent: [(usize, usize); 2],
}

/// A token behind a prefix.
#[derive(Debug)]
struct Prefix {
    before: Option<usize>,
    id: TokenId,
    /// Its last node; none if no step considered it (of a trace with gaps).
    node: Option<usize>,
}

impl Nodes {
    pub fn add(&mut self, step: &BeamStep) {
        // groups come one after the other in the same step
        if self.recent[1].0 != step.step {
            self.recent = [self.recent[1], (step.step, self.prefixes.len())];
        }
        let live: Vec<Option<usize>> = step.live.iter().map(|beam| self.prefix(&beam.ids)).collect();
        for c in &step.considered {
            let (Some(beam), Some(&before)) = (step.live.get(c.parent), live.get(c.parent)) else { continue };
            let parent = before.and_then(|before| self.prefixes[before].node);
            let at = self.behind(before, c.id);
            self.prefixes[at].node = Some(self.all.len());
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

    /// Where a prefix is: most likely among those of the step before, which are read backwards; else it is looked for from the root.
    fn prefix(&mut self, ids: &[TokenId]) -> Option<usize> {
        let recent = &self.prefixes[self.recent[0].1..self.recent[1].1];
        let is_it = |prefix: &Prefix| {
            let mut at = Some(prefix);
            let same = |id: &TokenId| {
                let is_same = at.is_some_and(|prefix| prefix.id == *id);
                at = at.and_then(|prefix| self.prefixes.get(prefix.before?));
                is_same
            };
            ids.iter().rev().all(same) && at.is_none()
        };
        match recent.iter().rposition(is_it) {
            Some(at) => Some(self.recent[0].1 + at),
            None => ids.iter().fold(None, |before, &id| Some(self.behind(before, id))),
        }
    }

    /// Where the prefix of a token behind a prefix is.
    fn behind(&mut self, before: Option<usize>, id: TokenId) -> usize {
        let at = self.prefixes.len();
        *self.behind.entry((before, id)).or_insert_with(|| {
            self.prefixes.push(Prefix { before, id, node: None });
            at
        })
    }

    /// The nodes of a sequence, as far as the tree has them.
    pub fn on_path<'a>(&'a self, ids: &'a [TokenId]) -> impl Iterator<Item = usize> + 'a {
        let known = ids.iter().scan(None, |before, &id| {
            *before = Some(*self.behind.get(&(*before, id))?);
            *before
        });
        known.filter_map(|at| self.prefixes[at].node)
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

    /// Steps cut out at the beginning, at the end, or between: what is left hangs together as it did.
    #[test]
    fn what_a_gap_leaves_hangs_together_as_it_did() {
        // two beams that differ in their first tokens alone
        let of = |first: TokenId, n: usize| {
            let rest = (1..n).map(|at| (at % 3) as TokenId);
            [first].into_iter().chain(rest).take(n).collect::<Vec<TokenId>>()
        };
        let events: Vec<BeamStep> = (0..40)
            .map(|n| match n {
                0 => step(0, 0, &[&[]], &[(0, 7), (0, 8)]),
                _ => {
                    let next = (n % 3) as TokenId;
                    step(n, 0, &[&of(7, n), &of(8, n)], &[(0, next), (1, next), (1, 9)])
                }
            })
            .collect();
        // the first node of each step
        let firsts: Vec<usize> = (0..40).map(|n| if n == 0 { 0 } else { 3 * n - 1 }).collect();
        for (from, to) in [(0, 0), (0, 1), (0, 2), (0, 20), (0, 39), (1, 2), (5, 30), (38, 39), (20, 40)] {
            let mut nodes = Nodes::default();
            let left = || (0..40).filter(|n| !(from..to).contains(n));
            left().for_each(|n| nodes.add(&events[n]));
            let at =
                |n: usize| if n < from { firsts[n] } else { firsts[n] - (firsts[to.min(39)] - firsts[from]) };
            let is_left = |n: usize| left().any(|left| left == n);
            for n in left().skip(1) {
                let parents = [at(n), at(n) + 1, at(n) + 2].map(|node| nodes.all[node].parent);
                let [a, b] = [0, 1].map(|beam| (n > 0 && is_left(n - 1)).then(|| at(n - 1) + beam));
                assert_eq!(parents, [a, b, b], "{from}..{to}: step {n}");
            }
            for (beam, first) in [7, 8].into_iter().enumerate() {
                let path = left().map(|n| at(n) + beam);
                assert!(nodes.on_path(&of(first, 40)).eq(path), "{from}..{to}: beam {beam}");
            }
            assert!(nodes.on_path(&[9, 9]).next().is_none());
        }
    }
}
