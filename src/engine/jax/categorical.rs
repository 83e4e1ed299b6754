//! `jax.random.key` and `jax.random.categorical`, as both ways of making a step's key use them.

use crate::Result;
use crate::engine::{
    Drawn, EngineInfo, Params, ReplayRow, Watch,
    shared::{
        filters::{self, Filters},
        gumbel,
        plan::Plan,
        row,
        scores::Scores,
        seed,
        threefry::Pair,
        uniform,
    },
};
use crate::kernel::{Half, Scale, threefry_words};

/// What `jax.random.key` takes.
pub(in crate::engine) const SEEDS: &str =
    "a whole number from -2^63 to 2^63 - 1, of which the low 32 bits count";
/// What neither JAX replay does.
pub(in crate::engine) const NOT_REPRODUCED: &str = "x64 on, other key types, jax_threefry_partitionable off (the default before 0.5), bfloat16 logits; which of two scores wins that are equal to 1e-6 (XLA's logarithms are not always correctly rounded)";

/// `jax.random.key(seed)`.
pub(in crate::engine) fn key(info: &'static EngineInfo, seed: &str) -> Result<Pair> {
    let z = seed::whole(info, seed, i128::from(i64::MIN), i128::from(i64::MAX))?;
    Ok([0, z as u32])
}

/// `jax.random.categorical` on filtered logits.
pub(in crate::engine) struct Categorical {
    engine: &'static str,
    batch: usize,
    filters: Filters,
    /// Working space: the sums of a race.
    sums: Vec<f32>,
}

impl Categorical {
    pub(in crate::engine) fn new(info: &'static EngineInfo, params: &Params, batch: usize) -> Result<Self> {
        let plan = Plan::new(info, params)?;
        let filters = plan.arrange(filters::plain(&plan)?)?;
        Ok(Self { engine: info.name, batch, filters: Filters::new(filters), sums: Vec::new() })
    }

    /// One draw for each row under `key`.
    pub(in crate::engine) fn step(
        &mut self,
        key: Pair,
        rows: &[ReplayRow<'_>],
        watch: Watch,
        out: &mut Vec<Drawn>,
    ) -> Result<()> {
        out.clear();
        let v = row::check(self.engine, rows, self.batch)?;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                continue;
            }
            let words = Noise { key, first: row as u64 * v as u64 };
            let (id, evidence) = if watch.evidence() {
                self.filters.apply(self.engine, row, input, watch)?;
                let scores = Scores { values: &self.filters.scores, scale: Scale::One };
                gumbel::race(scores, &[], &words, &mut self.sums, watch)
            } else {
                let (scores, maxima) = self.filters.scored(self.engine, row, input)?;
                gumbel::race(scores, maxima, &words, &mut self.sums, watch)
            };
            out.push(Drawn { row, id, evidence, stages: self.filters.log.take() });
        }
        Ok(())
    }
}

/// The noise of a row, whose element 0 is number `first` of the batch's.
struct Noise {
    key: Pair,
    first: u64,
}

impl gumbel::Words for Noise {
    fn fill(&self, first: usize, out: &mut [u32]) -> u32 {
        let start = self.first + first as u64;
        // as far as the upper word stays the same
        let left = (1 << 32) - (start & 0xffff_ffff);
        let now = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (now, later) = out.split_at_mut(now);
        let counter = [(start >> 32) as u32, start as u32];
        let largest = threefry_words(self.key, counter, [0, 1], Half::Xor, now);
        if later.is_empty() { largest } else { largest.max(self.fill(first + now.len(), later)) }
    }

    fn uniform(&self, word: u32) -> f32 {
        uniform::mantissa_f32(word).max(f32::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::shared::threefry::threefry;
    use gumbel::Words;

    #[test]
    fn the_counter_has_an_upper_word() {
        let noise = Noise { key: [1, 2], first: (3 << 32) - 100 };
        let mut out = [0; 300];
        let largest = noise.fill(40, &mut out);
        assert_eq!(Some(&largest), out.iter().max());
        for (i, word) in (0..).zip(out) {
            let n = (3u64 << 32) - 60 + i;
            let [a, b] = threefry([1, 2], [(n >> 32) as u32, n as u32]);
            assert_eq!(word, a ^ b, "{i}");
        }
    }
}
