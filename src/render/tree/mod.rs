//! A beam search as a tree: what was considered at every step, and what became of it.

mod graph;
mod grow;
mod picture;
mod text;
mod walk;

use serde::Serialize;

use super::{Tokens, kit};
use crate::TokenId;
use crate::hypothesis::Hypothesis;
use crate::kernel;
use crate::trace::{BeamStep, Fate, Trace, TraceEvent, Wants};
pub use grow::Growing;
use grow::Nodes;

/// An observer that keeps the steps of a beam search.
#[derive(Debug, Default)]
pub struct Beams(pub Vec<BeamStep>);

impl Trace for Beams {
    fn wants(&self) -> Wants {
        Wants { beams: true, ..Wants::default() }
    }

    fn event(&mut self, event: &TraceEvent<'_>) {
        if let TraceEvent::Beams(step) = event {
            self.0.push((*step).clone());
        }
    }
}

/// A continuation that the search considered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// The node that it continues; `None` at the first step.
    pub parent: Option<usize>,
    /// How many tokens are before it.
    pub depth: usize,
    /// Its token.
    pub id: TokenId,
    /// The token's score: its log-probability after the processors.
    pub score: f64,
    /// The sum of the scores so far.
    pub sum: f64,
    /// What became of it at its step.
    pub fate: Fate,
    /// The best returned hypothesis that it is part of: 0 is the first.
    pub rank: Option<usize>,
    /// It is on the path of greedy search.
    pub greedy: bool,
    /// It is on the path of the best sequence that exact search found, where it was run.
    pub exact: bool,
}

/// The tree of one sequence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tree {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Every continuation, parents first.
    pub nodes: Vec<Node>,
    /// The ids and the log-probability of what the search returned, best first.
    pub found: Vec<Ending>,
    /// Those of greedy search, where it was run.
    pub greedy: Option<Ending>,
    /// Those of exact search, where it was run: the true best, or the best of its budget.
    pub exact: Option<Ending>,
    /// The nodes at the first step, and those that continue each node.
    #[serde(skip)]
    below: Vec<Vec<usize>>,
}

/// A whole sequence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ending {
    /// Its ids.
    pub ids: Vec<TokenId>,
    /// Σ of the scores that a search adds up: log-probabilities after the processors.
    pub logprob: Option<f64>,
    /// What it was ranked by.
    pub score: Option<f64>,
    /// Exact search that its budget ended: no sequence that was not returned has a larger `logprob` than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
}

impl From<&Hypothesis> for Ending {
    fn from(h: &Hypothesis) -> Self {
        let logprob = h.processed_logprobs.iter().copied().sum();
        Ending { ids: h.ids.clone(), logprob, score: h.score, bound: h.bound }
    }
}

impl Tree {
    /// The tree of a sequence, from the steps of its search (those of other sequences are passed over).
    ///
    /// `found` are what the search returned, best first; without them (a trace holds none) the finished hypotheses stand in, or the last
    /// live beams.
    pub fn new(
        sequence: usize,
        steps: &[BeamStep],
        found: Vec<Ending>,
        greedy: Option<Ending>,
        exact: Option<Ending>,
    ) -> Tree {
        let mut nodes = Nodes::default();
        steps.iter().filter(|step| step.sequence == sequence).for_each(|step| nodes.add(step));
        Tree::of(sequence, nodes, found, greedy, exact)
    }

    /// The tree of these nodes.
    fn of(
        sequence: usize,
        mut grown: Nodes,
        found: Vec<Ending>,
        greedy: Option<Ending>,
        exact: Option<Ending>,
    ) -> Tree {
        let nodes = std::mem::take(&mut grown.all);
        let mut below = vec![Vec::new(); nodes.len() + 1];
        nodes.iter().enumerate().for_each(|(at, node)| below[slot(node.parent)].push(at));
        let mut tree = Tree { sequence, nodes, found, greedy, exact, below };
        if tree.found.is_empty() {
            tree.found = tree.endings();
        }
        for (rank, ending) in tree.found.iter().enumerate() {
            let path = grown.on_path(&ending.ids);
            path.for_each(|at| tree.nodes[at].rank = tree.nodes[at].rank.or(Some(rank)));
        }
        if let Some(ending) = &tree.greedy {
            grown.on_path(&ending.ids).for_each(|at| tree.nodes[at].greedy = true);
        }
        if let Some(ending) = &tree.exact {
            grown.on_path(&ending.ids).for_each(|at| tree.nodes[at].exact = true);
        }
        tree
    }

    /// What finished, best first, else the last live beams.
    fn endings(&self) -> Vec<Ending> {
        let finished = |n: &Node| if let Fate::Finished(score) = n.fate { Some(score) } else { None };
        let mut ends: Vec<(usize, f64)> =
            self.nodes.iter().enumerate().filter_map(|(at, n)| Some((at, finished(n)?))).collect();
        if ends.is_empty() {
            let last = self.nodes.iter().map(|n| n.depth).max();
            let live =
                self.nodes.iter().enumerate().filter(|(_, n)| Some(n.depth) == last && n.fate == Fate::Live);
            ends = live.map(|(at, n)| (at, n.sum)).collect();
        }
        ends.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ends.into_iter()
            .map(|(at, score)| Ending {
                ids: self.path(at),
                logprob: Some(self.nodes[at].sum),
                score: Some(score),
                bound: None,
            })
            .collect()
    }

    /// The ids from the root to a node.
    fn path(&self, at: usize) -> Vec<TokenId> {
        let mut path: Vec<TokenId> = std::iter::successors(Some(at), |&at| self.nodes[at].parent)
            .map(|at| self.nodes[at].id)
            .collect();
        path.reverse();
        path
    }

    /// The children of a node (of the root: `None`) that are shown, and how many more were pruned: all that went on or are on a path
    /// that is marked, and at most `pruned` others.
    fn children(&self, of: Option<usize>, pruned: usize) -> (Vec<usize>, usize) {
        let (mut shown, mut left, mut hidden) = (Vec::new(), pruned, 0);
        for (at, node) in self.below[slot(of)].iter().map(|&at| (at, &self.nodes[at])) {
            let goes_on = matches!(node.fate, Fate::Live | Fate::Finished(_))
                || node.greedy
                || node.exact
                || node.rank.is_some();
            if goes_on {
                shown.push(at);
            } else if left > 0 {
                left -= 1;
                shown.push(at);
            } else {
                hidden += 1;
            }
        }
        (shown, hidden)
    }

    /// What became of a node, in a word or two.
    fn fate(&self, at: usize) -> String {
        let node = &self.nodes[at];
        let ends = |ending: &Ending| ending.ids.len() == node.depth + 1 && self.path(at) == ending.ids;
        let mut words: Vec<String> = Vec::new();
        if let Some(rank) = self.found.iter().position(ends) {
            words.push(if rank == 0 { "best".to_string() } else { format!("found {}", rank + 1) });
        } else {
            words.extend(match node.fate {
                Fate::Live => None,
                Fate::Finished(score) => Some(format!("finished, score {score:.3}")),
                Fate::Lost => Some("ended too low".to_string()),
                Fate::Pruned => Some("pruned".to_string()),
                Fate::Margin => Some("pruned by the margin".to_string()),
                Fate::Unmet => Some("lacks a forced phrase".to_string()),
            });
        }
        if self.greedy.as_ref().is_some_and(ends) {
            words.push("greedy ends here".to_string());
        }
        if let Some(exact) = self.exact.as_ref().filter(|exact| ends(exact)) {
            words.push(if exact.bound.is_none() { "true best" } else { "best of exact search" }.to_string());
        }
        words.join(" · ")
    }

    /// What is to be learned from it, in a sentence or two.
    fn moral(&self) -> String {
        let of = |ending: Option<&Ending>| ending.and_then(|e| e.logprob);
        let Some(found) = of(self.found.first()) else { return String::new() };
        let mut moral = format!("found: log p {found:.4}, p {}", kit::share(kernel::exp(found)).trim_start());
        if let Some(greedy) = of(self.greedy.as_ref()) {
            moral += &match found - greedy {
                gap if gap.abs() < 1e-6 => "; greedy finds as much".to_string(),
                gap if gap > 0.0 => format!("; greedy missed it by {gap:.4} nats"),
                gap => format!("; greedy has {:.4} nats more (length penalty or processors)", -gap),
            };
        }
        if let Some(exact) = of(self.exact.as_ref()) {
            let bound = self.exact.as_ref().and_then(|e| e.bound);
            let best = if bound.is_none() { "the true best" } else { "another" };
            moral += &match exact - found {
                gap if gap.abs() < 1e-6 && bound.is_none() => "; exact search agrees".to_string(),
                gap if gap >= 1e-6 => format!("; a search error: {best} has {gap:.4} nats more"),
                _ if bound.is_some() => String::new(),
                _ => "; the score that it was ranked by is not the sum alone".to_string(),
            };
            if let Some(bound) = bound {
                moral +=
                    &format!("; exact search ended with its budget: no other has log p above {bound:.4}");
            }
        }
        moral
    }
}

/// Where the children of a node (of the root: `None`) are listed.
fn slot(of: Option<usize>) -> usize {
    of.map_or(0, |at| at + 1)
}

/// The most columns of a token.
const NAME: usize = 24;

/// How trees are shown.
pub struct TreeView<'a> {
    /// The trees, one for each sequence.
    pub trees: &'a [Tree],
    /// Strings.
    pub tokens: Option<&'a Tokens>,
    /// At most so many pruned continuations of each beam.
    pub pruned: usize,
    /// How it was made.
    pub made: &'a str,
}

impl TreeView<'_> {
    fn name(&self, id: TokenId) -> String {
        kit::clip(&kit::token(self.tokens, id), NAME)
    }

    /// The nodes that are shown, parents first.
    fn shown(&self, tree: &Tree) -> Vec<usize> {
        let mut shown = Vec::new();
        let mut open = vec![None];
        while let Some(of) = open.pop() {
            let (children, _) = tree.children(of, self.pruned);
            shown.extend(&children);
            open.extend(children.into_iter().rev().map(Some));
        }
        shown
    }

    /// Token, probability and what became of it: a label.
    fn label(&self, tree: &Tree, at: usize) -> String {
        let node = &tree.nodes[at];
        let fate = tree.fate(at);
        let p = kit::share(kernel::exp(node.score));
        let gap = if fate.is_empty() { "" } else { " · " };
        format!("{} {}{gap}{fate}", self.name(node.id), p.trim_start())
    }

    /// As one self-contained page.
    pub fn html(&self) -> String {
        let mut body = String::new();
        for tree in self.trees {
            let one = TreeView { trees: std::slice::from_ref(tree), made: "", ..*self };
            body += &kit::html::figure(&one.svg());
            let mut rows = vec![["found", "ids", "log p", "score", "text"].map(str::to_string).to_vec()];
            for (rank, e) in tree.found.iter().enumerate() {
                let number = |x: Option<f64>| x.map_or("–".to_string(), |x| format!("{x:.6}"));
                let ids: Vec<String> = e.ids.iter().map(ToString::to_string).collect();
                let text = kit::text(self.tokens, &e.ids);
                rows.push(vec![
                    (rank + 1).to_string(),
                    ids.join(" "),
                    number(e.logprob),
                    number(e.score),
                    text,
                ]);
            }
            let caption = format!("Sequence {}: {}", tree.sequence, tree.moral());
            body += &kit::html::table(&caption, "llrrl", &rows);
        }
        kit::html::page("A beam search as a tree", &body, self.made)
    }
}
