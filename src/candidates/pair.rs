//! Two distributions over the same ids, beside each other: for reports, in f64.

use super::Candidates;
use crate::kernel::{self, BLOCK, Beside, Flips};

/// The weights of two distributions, and what was summed on the way. Its buffers serve the next two.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    /// e^(score − best score) of both, by id: the blocks of ids in which one of them has a member, in order.
    weights: [Vec<f64>; 2],
    /// Of each of these blocks: how many ids, and what they weigh.
    blocks: Vec<(usize, [f64; 2])>,
    sums: Beside,
}

impl Pair {
    /// Looks at two distributions with one vocabulary.
    pub fn look(&mut self, a: &Candidates, b: &Candidates) {
        self.sums = Beside::default();
        self.blocks.clear();
        let mut exponents = [[0.0; BLOCK]; 2];
        let mut sides = [Side::new(a), Side::new(b)];
        let (mut len, mut first, end) = (0, 0, sides[0].end().max(sides[1].end()));
        while let Some(next) = sides.iter().filter_map(|side| side.block_from(first)).min() {
            let n = BLOCK.min(end - next);
            let places = len..len + n;
            let mut missing = [0; 2];
            for (of, side) in sides.iter_mut().enumerate() {
                let weights = &mut self.weights[of];
                if weights.len() < places.end {
                    weights.resize(places.end, 0.0);
                }
                missing[of] = side.weigh(next, &mut exponents[of][..n], &mut weights[places.clone()]);
            }
            let [v, w] = &self.weights;
            let [a, b] = &exponents;
            let masses = self.sums.add([&a[..n], &b[..n]], [&v[places.clone()], &w[places]], missing);
            self.blocks.push((n, masses));
            (len, first) = (len + n, next + n);
        }
    }

    /// Σ p ln(p / q) and Σ q ln(q / p) in nats; `None` where the other lacks a member.
    pub fn divergences(&self) -> [Option<f64>; 2] {
        self.sums.divergences()
    }

    /// The share of uniforms for which inverse CDF in id order draws different tokens.
    pub fn flips(&self) -> f64 {
        let mut flips = Flips::new(self.sums.masses());
        let [mut v, mut w] = [&*self.weights[0], &*self.weights[1]];
        for &(n, masses) in &self.blocks {
            let (block, others) = (v.split_at(n), w.split_at(n));
            flips.add([block.0, others.0], masses);
            (v, w) = (block.1, others.1);
        }
        flips.share()
    }

    /// The probabilities of the tokens in both, by id; of some tokens that are members of neither, too.
    pub fn probabilities(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let ([v, w], masses) = (&self.weights, self.sums.masses());
        let len = self.blocks.iter().map(|block| block.0).sum();
        v[..len].iter().zip(w).map(move |(v, w)| (v / masses[0], w / masses[1]))
    }
}

/// One of the two, read by ascending blocks of ids.
struct Side<'a> {
    candidates: &'a Candidates,
    best: f64,
    /// How many of a list's ids are in blocks that were read.
    read: usize,
}

impl<'a> Side<'a> {
    fn new(candidates: &'a Candidates) -> Self {
        Side { candidates, best: candidates.max_base(), read: 0 }
    }

    /// One past the last id.
    fn end(&self) -> usize {
        let set = self.candidates.slice();
        set.ids.map_or(set.values.len(), |ids| ids.last().map_or(0, |&id| id as usize + 1))
    }

    /// The first id of the next block, from this one on, that has some of its ids.
    fn block_from(&self, first: usize) -> Option<usize> {
        let set = self.candidates.slice();
        match set.ids {
            Some(ids) => ids.get(self.read).map(|&id| id as usize / BLOCK * BLOCK),
            None => (first < set.values.len()).then_some(first),
        }
    }

    /// Exponents and weights of the ids from `first` on, one for each; returns how many are no members.
    fn weigh(&mut self, first: usize, exponents: &mut [f64], weights: &mut [f64]) -> usize {
        let (c, set) = (self.candidates, self.candidates.slice());
        let (lo, by) = (c.lo, (self.best, c.scale));
        let end = first + exponents.len();
        if let (None, false, Some(values)) = (set.ids, c.is_rounded(), set.values.get(first..end)) {
            return kernel::weigh(values, lo, by, exponents, weights);
        }
        let mut bases = [f64::NEG_INFINITY; BLOCK];
        match set.ids {
            None => {
                let values = &set.values[first.min(set.values.len())..end.min(set.values.len())];
                c.bases(first, values, &mut bases);
            }
            Some(ids) => {
                while let Some(&id) = ids.get(self.read).filter(|&&id| (id as usize) < end) {
                    let x = set.values[self.read];
                    if x >= lo {
                        bases[id as usize - first] = c.base(self.read, id, x);
                    }
                    self.read += 1;
                }
            }
        }
        kernel::weigh(&bases[..exponents.len()], f64::NEG_INFINITY, by, exponents, weights)
    }
}

impl Candidates {
    /// The largest |a − b| of the logits that neither row masks, as their sources gave them, and how many tokens only one masks.
    pub(crate) fn raw_distance(&self, other: &Candidates) -> (f64, usize) {
        let as_read = |c: &Candidates| c.row.ids.is_none() && c.edits.is_empty();
        if as_read(self) && as_read(other) && self.row.logits.len() == other.row.logits.len() {
            return kernel::distance(&self.row.logits, &other.row.logits);
        }
        self.raw_distance_by_id(other)
    }

    /// As [`raw_distance`](Self::raw_distance), token by token.
    fn raw_distance_by_id(&self, other: &Candidates) -> (f64, usize) {
        let (mut most, mut alone, mut matched) = (0.0f64, 0, 0);
        let finite = |c: &Candidates| c.raw().filter(|m| m.1.is_finite()).count();
        for (id, x) in self.raw().filter(|m| m.1.is_finite()) {
            match other.raw_logit(id).filter(|y| y.is_finite()) {
                Some(y) => {
                    most = most.max((f64::from(x) - f64::from(y)).abs());
                    matched += 1;
                }
                None => alone += 1,
            }
        }
        (most, alone + finite(other) - matched)
    }
}

#[cfg(test)]
mod tests;
