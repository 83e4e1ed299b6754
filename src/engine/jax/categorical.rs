//! `jax.random.key` and `jax.random.categorical`, as both ways of making a step's key use them.

use crate::Result;
use crate::engine::{
    Drawn, EngineInfo, Params, ReplayRow, Watch,
    shared::{
        filters::{self, Filters},
        gumbel,
        plan::Plan,
        row, seed,
        threefry::Pair,
        uniform,
    },
};
use crate::kernel;

/// What `jax.random.key` takes.
pub(in crate::engine) const SEEDS: &str =
    "a whole number from -2^63 to 2^63 - 1, of which the low 32 bits count";
/// What neither JAX replay does.
pub(in crate::engine) const NOT_REPRODUCED: &str =
    "x64 on, other key types, jax_threefry_partitionable off (the default before 0.5), bfloat16 logits";

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
    /// Working space: the two words of each token, the sums of a race.
    words: [Vec<u32>; 2],
    sums: Vec<f32>,
}

impl Categorical {
    pub(in crate::engine) fn new(info: &'static EngineInfo, params: &Params, batch: usize) -> Result<Self> {
        let plan = Plan::new(info, params)?;
        let filters = plan.arrange(filters::plain(&plan)?)?;
        let words = [Vec::new(), Vec::new()];
        Ok(Self { engine: info.name, batch, filters: Filters::new(filters), words, sums: Vec::new() })
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
            self.filters.apply(self.engine, row, input, watch)?;
            let [high, low] = &mut self.words;
            let counters = (0..v as u64).map(|i| row as u64 * v as u64 + i);
            high.clear();
            low.clear();
            high.extend(counters.clone().map(|n| (n >> 32) as u32));
            low.extend(counters.map(|n| n as u32));
            kernel::threefry(key, high, low);
            let uniform = |i: usize| uniform::mantissa_f32(high[i] ^ low[i]).max(f32::MIN_POSITIVE);
            let scores = &self.filters.scores;
            let (id, evidence) = gumbel::race(scores, uniform, &mut self.sums, watch);
            out.push(Drawn { row, id, evidence, stages: self.filters.log.take() });
        }
        Ok(())
    }
}
