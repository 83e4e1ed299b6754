//! What an exact search knows: open prefixes by falling sum, and the best sequences that ended.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::TokenId;
use crate::hypothesis::{Finish, Hypothesis};

/// A prefix, as the last of its tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prefix {
    /// Number of the expanded prefix that it continues; the root is 0 and has itself.
    pub parent: usize,
    pub len: usize,
    pub sum: f64,
    pub token: Child,
}

/// A token that continues an expanded prefix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Child {
    pub id: TokenId,
    pub score: f64,
    /// Log-probability in the raw row; NaN for none, as an `Option` would take eight bytes more.
    raw: f64,
}

impl Child {
    pub fn new(id: TokenId, score: f64, raw: Option<f64>) -> Child {
        Child { id, score, raw: raw.unwrap_or(f64::NAN) }
    }

    fn raw(&self) -> Option<f64> {
        Some(self.raw).filter(|raw| !raw.is_nan())
    }
}

impl Prefix {
    /// The empty prefix.
    pub fn root() -> Prefix {
        Prefix { parent: 0, len: 0, sum: 0.0, token: Child::new(0, 0.0, None) }
    }

    /// This prefix, which has the number `number`, and one token more.
    pub fn then(&self, number: usize, token: Child) -> Prefix {
        Prefix { parent: number, len: self.len + 1, sum: self.sum + token.score, token }
    }
}

/// The open continuations of one expanded prefix. Those of an earlier one come first among equal sums, as they were found first.
#[derive(Debug)]
pub(super) struct Waiting {
    /// The largest of their sums; a bound of it where no child is known.
    pub sum: f64,
    pub parent: usize,
    /// The best ones, the best last.
    pub children: Vec<Child>,
    /// So many of the row's ranking were looked at, and more may follow; `None` if no more do.
    pub ranked: Option<usize>,
    /// Scores below this one did not count when the prefix was expanded.
    pub least: f64,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sum.total_cmp(&other.sum).then(other.parent.cmp(&self.parent))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What comes next.
pub(super) enum Next {
    Expand(Prefix),
    /// The known children are used up: the row tells the next ones.
    ReadOn(Waiting),
}

pub(super) struct Frontier {
    /// One entry for each expanded prefix that may be continued in a further way.
    open: BinaryHeap<Waiting>,
    /// Expanded prefixes: the tree that ids are read from.
    visited: Vec<Prefix>,
    /// The best sequences that ended, best first, at most `keep`.
    ended: Vec<(Prefix, Finish)>,
    keep: usize,
}

impl Frontier {
    pub fn new(keep: usize) -> Self {
        Frontier { open: BinaryHeap::new(), visited: Vec::new(), ended: Vec::new(), keep }
    }

    /// The sum that a prefix must exceed to matter: that of the last result, once there are enough.
    pub fn bar(&self) -> Option<f64> {
        self.ended.get(self.keep - 1).map(|(prefix, _)| prefix.sum)
    }

    /// Whether a prefix with this sum may lead to a result.
    pub fn is_above(&self, sum: f64) -> bool {
        self.bar().is_none_or(|bar| sum > bar)
    }

    /// The largest sum of the sequences that ended.
    pub fn best(&self) -> Option<f64> {
        self.ended.first().map(|(prefix, _)| prefix.sum)
    }

    /// Takes memory for one more prefix and the results that its row may give; false if there is none.
    pub fn has_room(&mut self, vocab: usize) -> bool {
        let results = vocab.min(self.keep.saturating_sub(self.ended.len()));
        self.open.try_reserve(1).is_ok()
            && self.ended.try_reserve(results.saturating_add(1)).is_ok()
            && self.visited.try_reserve(1).is_ok()
    }

    pub fn push(&mut self, waiting: Waiting) {
        if self.is_above(waiting.sum) {
            self.open.push(waiting);
        }
    }

    /// The open prefix with the largest sum, if it may lead to a better result.
    pub fn pop(&mut self) -> Option<Next> {
        let mut waiting = self.open.pop().filter(|waiting| self.is_above(waiting.sum))?;
        let Some(child) = waiting.children.pop() else { return Some(Next::ReadOn(waiting)) };
        let (number, parent) = (waiting.parent, self.visited[waiting.parent]);
        let next = waiting.children.last().map(|next| parent.then(number, *next).sum);
        if next.is_some() || waiting.ranked.is_some() {
            // as long as the next one is unknown, it is not above this one
            waiting.sum = next.unwrap_or(waiting.sum);
            self.push(waiting);
        }
        Some(Next::Expand(parent.then(number, child)))
    }

    /// Enters a sequence that ended.
    pub fn end(&mut self, prefix: Prefix, finish: Finish) {
        let at = self.ended.partition_point(|(e, _)| e.sum >= prefix.sum);
        if at < self.keep {
            self.ended.insert(at, (prefix, finish));
            self.ended.truncate(self.keep);
            // what is below the bar now need not take memory
            if let Some(bar) = self.bar() {
                self.open.retain(|waiting| waiting.sum > bar);
            }
        }
    }

    /// Notes an expanded prefix and gives it a number.
    pub fn visit(&mut self, prefix: Prefix) -> usize {
        self.visited.push(prefix);
        self.visited.len() - 1
    }

    /// An expanded prefix by its number.
    pub fn visited(&self, number: usize) -> Prefix {
        self.visited[number]
    }

    /// The tokens of a prefix, in order.
    fn path(&self, prefix: &Prefix) -> Vec<Child> {
        let mut path = Vec::with_capacity(prefix.len);
        let mut at = prefix;
        while at.len > 0 {
            path.push(at.token);
            at = &self.visited[at.parent];
        }
        path.reverse();
        path
    }

    /// The ids of an expanded prefix.
    pub fn ids(&self, number: usize) -> Vec<TokenId> {
        self.path(&self.visited[number]).iter().map(|token| token.id).collect()
    }

    /// The results, best first; sequence and sample are the caller's.
    pub fn hypotheses(&self) -> Vec<Hypothesis> {
        let hypothesis = |(end, finish): &(Prefix, Finish)| {
            let path = self.path(end);
            Hypothesis {
                sequence: 0,
                sample: 0,
                ids: path.iter().map(|token| token.id).collect(),
                logprobs: path.iter().map(Child::raw).collect(),
                processed_logprobs: path.iter().map(|token| Some(token.score)).collect(),
                logprob: path.iter().map(Child::raw).sum::<Option<f64>>(),
                score: Some(end.sum),
                perturbed: None,
                bound: None,
                finish_reason: *finish,
            }
        };
        self.ended.iter().map(hypothesis).collect()
    }
}
