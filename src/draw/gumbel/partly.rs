//! The best few by a key that holds a part of the noise.

use super::{Noise, at_most, bar, gumbel, may_reach, pruned, slack, uniform};
use crate::TokenId;
use crate::candidates::{Candidates, Racers};

impl Noise {
    /// The `n` candidates with the largest `key(φ, φ + g)`, where φ = `start` + score and g is the noise, as (id, score, φ + g): largest key
    /// first, then the larger sum, then the lower id.
    ///
    /// No key may be above φ + `part` · (g + `lift`): who can't be among the best by that gets no logarithm.
    pub fn top_partly(
        &self,
        candidates: &Candidates,
        start: f64,
        n: usize,
        (part, lift): (f64, f64),
        key: impl Fn(f64, f64) -> f64,
    ) -> Vec<(TokenId, f64, f64)> {
        let mut top = Partly { start, n, part, lift, least: f64::NEG_INFINITY, key, best: Vec::new() };
        candidates.race(&self.stream, &mut top);
        top.best.sort_unstable_by(falling);
        top.best.truncate(n);
        top.best.into_iter().map(|raced| raced.runner).collect()
    }
}

/// One who takes part.
struct Raced {
    key: f64,
    runner: (TokenId, f64, f64),
}

fn falling(a: &Raced, b: &Raced) -> std::cmp::Ordering {
    b.key.total_cmp(&a.key).then_with(|| super::falling(&a.runner, &b.runner))
}

/// The best `n` so far, and up to as many that are worse.
struct Partly<K> {
    start: f64,
    n: usize,
    part: f64,
    lift: f64,
    /// The least key that counts.
    least: f64,
    key: K,
    best: Vec<Raced>,
}

impl<K> Partly<K> {
    /// What must reach [`goal`](Self::goal) together with the noise. Of a tiny part both may be infinite, which tells nothing.
    #[inline(always)]
    fn ahead(&self, score: f64) -> f64 {
        (self.start + score) / self.part + self.lift
    }

    #[inline(always)]
    fn goal(&self) -> f64 {
        self.least / self.part
    }
}

impl<K: Fn(f64, f64) -> f64> Racers for Partly<K> {
    fn bar(&self, score: f64) -> u32 {
        bar(self.ahead(score), self.goal())
    }

    #[inline(always)]
    fn may_matter(&self, score: f64, upper: u32) -> bool {
        may_reach(self.ahead(score), upper, self.goal())
    }

    fn meet(&mut self, id: TokenId, score: f64, word: u64) {
        let (u, ahead, goal) = (uniform(word), self.ahead(score), self.goal());
        if ahead + at_most(u) + slack(ahead, goal) < goal {
            return;
        }
        let sum = self.start + score + gumbel(u);
        let key = (self.key)(self.start + score, sum);
        if key >= self.least {
            self.best.push(Raced { key, runner: (id, score, sum) });
        }
        if let Some(last) = pruned(&mut self.best, self.n, falling) {
            self.least = self.least.max(last.key);
        }
    }
}
