//! The prefixes of a search as a tree: each is a last token and the prefix before it, so that a step copies none.

use crate::TokenId;
use crate::trace::{Continuation, LiveBeam};

/// A prefix, and what it was ranked by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Prefix {
    /// Its number in the tree; 0 is the empty one.
    node: usize,
    /// How many ids it has.
    pub len: usize,
    /// Sum of the scores.
    pub sum: f64,
    /// Stochastic beam search: the perturbed log-probability.
    pub perturbed: Option<f64>,
}

/// The last token of a prefix.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: usize,
    id: TokenId,
    logprob: f64,
    score: f64,
}

/// Every prefix that was live or ended; prefix `n` is `nodes[n − 1]`.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// Bytes that so many prefixes more take, on top of what is reserved.
    pub fn growth(&self, prefixes: usize) -> Option<usize> {
        let (len, reserved) = (self.nodes.len(), self.nodes.capacity());
        let wanted = len.checked_add(prefixes)?;
        let grown = if wanted > reserved { wanted.max(reserved.checked_mul(2)?) } else { 0 };
        grown.checked_mul(size_of::<Node>())
    }

    /// The prefix that a continuation makes of its parent.
    pub fn extend(&mut self, parent: &Prefix, c: &Continuation) -> Prefix {
        // as NaN, since an option takes eight bytes more
        let logprob = c.logprob.unwrap_or(f64::NAN);
        self.nodes.push(Node { parent: parent.node, id: c.id, logprob, score: c.score });
        Prefix { node: self.nodes.len(), len: parent.len + 1, sum: c.sum, perturbed: c.perturbed }
    }

    /// The tokens of a prefix, the last one first, with their numbers.
    fn back(&self, prefix: &Prefix) -> impl Iterator<Item = (usize, &Node)> {
        let node = |number: usize| Some((number, self.nodes.get(number.checked_sub(1)?)?));
        std::iter::successors(node(prefix.node), move |(_, last)| node(last.parent))
    }

    /// A prefix with all its ids and their numbers.
    pub fn beam(&self, prefix: &Prefix) -> LiveBeam {
        let mut tokens: Vec<&Node> = self.back(prefix).map(|(_, node)| node).collect();
        tokens.reverse();
        LiveBeam {
            ids: tokens.iter().map(|node| node.id).collect(),
            sum: prefix.sum,
            perturbed: prefix.perturbed,
            logprobs: tokens.iter().map(|node| Some(node.logprob).filter(|l| !l.is_nan())).collect(),
            scores: tokens.iter().map(|node| node.score).collect(),
        }
    }
}

/// The ids before a step: prompt, prefix of the input, and those of a prefix in the tree.
#[derive(Debug, Clone)]
pub(super) struct History {
    ids: Vec<TokenId>,
    /// The number of each prefix on the way, the empty one excluded.
    path: Vec<usize>,
}

impl History {
    /// Bytes of so many ids.
    pub fn size(ids: usize) -> Option<usize> {
        ids.checked_mul(size_of::<TokenId>() + size_of::<usize>())
    }

    /// What is there before the search.
    pub fn new(ids: Vec<TokenId>) -> Self {
        History { ids, path: Vec::new() }
    }

    /// Every id.
    pub fn ids(&self) -> &[TokenId] {
        &self.ids
    }

    /// Those that were generated in the search.
    pub fn generated(&self) -> &[TokenId] {
        &self.ids[self.ids.len() - self.path.len()..]
    }

    /// Looks at the ids with one more behind them.
    pub fn with<T>(&mut self, next: TokenId, look: impl FnOnce(&[TokenId]) -> T) -> T {
        self.ids.push(next);
        let seen = look(&self.ids);
        self.ids.pop();
        seen
    }

    /// Becomes the history of another prefix. Only what the two don't share is written, which is little: the live beams of a search stem
    /// from the same one some steps before.
    pub fn follow(&mut self, tree: &Tree, prefix: &Prefix) {
        let before = self.ids.len() - self.path.len();
        self.ids.resize(before + prefix.len, 0);
        self.path.resize(prefix.len, 0);
        let tokens = self.ids[before..].iter_mut().zip(&mut self.path).rev();
        for ((id, number), (node, token)) in tokens.zip(tree.back(prefix)) {
            if *number == node {
                break;
            }
            (*id, *number) = (token.id, node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Fate;

    fn token(id: TokenId) -> Continuation {
        let (score, logprob) = (-f64::from(id), (id > 0).then_some(-0.5));
        let (sum, key) = (-1.0, -1.0);
        Continuation { parent: 0, id, score, sum, key, perturbed: None, logprob, bank: 0, fate: Fate::Live }
    }

    /// A history that goes from prefix to prefix is that of each, as the copies of a beam would be.
    #[test]
    fn a_history_follows_any_prefix() {
        let mut tree = Tree::default();
        let mut known = vec![(Prefix::default(), Vec::new())];
        let mut word = 1u64;
        let mut next = |below: usize| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (word >> 33) as usize % below
        };
        let mut history = History::new(vec![7, 8]);
        for _ in 0..400 {
            let (parent, ids) = known[known.len() - 1 - next(known.len().min(9))].clone();
            // few ids, so that different prefixes have the same
            let id = next(3) as TokenId;
            known.push((tree.extend(&parent, &token(id)), [ids, vec![id]].concat()));
            let (prefix, ids) = &known[next(known.len())];
            history.follow(&tree, prefix);
            assert_eq!((history.generated(), history.ids()), (&ids[..], &[&[7, 8][..], ids].concat()[..]));
            let seen = history.with(5, <[TokenId]>::to_vec);
            assert_eq!(seen, [&[7, 8][..], ids, &[5]].concat());
            let beam = tree.beam(prefix);
            assert_eq!((prefix.len, &beam.ids), (ids.len(), ids));
            assert_eq!(beam.scores, ids.iter().map(|id| -f64::from(*id)).collect::<Vec<_>>());
            assert_eq!(beam.logprobs, ids.iter().map(|id| (*id > 0).then_some(-0.5)).collect::<Vec<_>>());
        }
        assert!(known.iter().map(|(prefix, _)| prefix.len).max() > Some(20));
    }
}
