//! What exact search reads off a row: its best continuations, a stretch at a time.

use super::frontier::{Child, Frontier, Prefix, Waiting};
use crate::TokenId;
use crate::sampler::scores::Scores;

/// The best continuations of a row.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    pub vocab: usize,
    /// The end tokens, best first.
    pub ends: Vec<Child>,
    /// The best of all tokens, best first.
    best: Vec<Child>,
    /// So many were asked for; there are fewer where no other counts.
    pub most: usize,
    /// So many are to be looked at first.
    pub first: usize,
}

impl Ranked {
    /// The best `most` continuations and the end tokens, if their scores are at least `least`; `None` if memory doesn't hold them.
    pub fn new(c: &Scores<'_>, ends: &[TokenId], first: usize, most: usize, least: f64) -> Option<Ranked> {
        // the children, and beside them the ranking and what sorting takes
        Vec::<Child>::new().try_reserve_exact(most.saturating_mul(4)).ok()?;
        let child = |(id, score): (TokenId, f64)| Child::new(id, score.min(0.0), c.raw_logprob(id));
        let best = c.ranked_from(most, least).into_iter().map(child).collect();
        let ends = c.ranked_among(ends, least).into_iter().map(child).collect();
        Some(Ranked { vocab: c.vocab(), ends, best, most, first })
    }

    /// The best `n`, or fewer where no other counts.
    pub fn best(&self, n: usize) -> &[Child] {
        &self.best[..n.min(self.best.len())]
    }
}

/// A part of the ranking of a row: which continuations of a prefix are to be known.
pub(super) struct Stretch<'a> {
    /// The lowest score that counts.
    pub least: f64,
    /// End tokens, which don't stay open.
    pub ends: &'a [TokenId],
    /// How many of the ranking are known already, and how many shall be then.
    pub from: usize,
    pub most: usize,
    /// The first one is handed out.
    pub dive: bool,
}

impl Stretch<'_> {
    /// The first one if it is to be handed out, and those that stay open; `None` if memory doesn't hold them.
    pub fn of(
        &self,
        ranked: &Ranked,
        number: usize,
        prefix: &Prefix,
        frontier: &Frontier,
    ) -> Option<(Option<Prefix>, Option<Waiting>)> {
        let ranking = ranked.best(self.most);
        let mut more = ranking.len() == self.most && self.most < ranked.vocab;
        let lowest = ranking.last().map_or(f64::NEG_INFINITY, |child| prefix.sum + child.score);
        let known = ranking.get(self.from..).unwrap_or_default();
        let sum = |child: &Child| prefix.then(number, *child).sum;
        let counts = |child: &&Child| frontier.is_above(sum(child));
        let mut open = known.iter().filter(|child| self.ends.binary_search(&child.id).is_err());
        let first = if self.dive { open.next() } else { None };
        let mut children = Vec::new();
        children.try_reserve_exact(open.clone().filter(counts).count()).ok()?;
        children.extend(open.filter(counts));
        // the sums count: rounding may make them equal
        children.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
        children.reverse();
        more &= frontier.is_above(lowest);
        let best = children.last().map(sum).or(more.then_some(lowest));
        let waiting = best.map(|sum| Waiting {
            sum,
            parent: number,
            children,
            ranked: more.then_some(self.most),
            least: self.least,
        });
        Some((first.map(|first| prefix.then(number, *first)), waiting))
    }
}
