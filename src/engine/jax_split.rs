//! JAX 0.10.2 on the CPU, a key split before every step: `key, sub = jax.random.split(key)`, then
//! `jax.random.categorical(sub, logits)`.
//!
//! - Seeding: `jax.random.key(seed)` is the Threefry key (0, seed mod 2³²). With x64 off (the default) the upper half of
//!   the seed is lost: 2⁴⁰ + 7 draws like 7.
//! - `split(key)`: subkey j is threefry(key, (0, j)). Subkey 0 is the new key, subkey 1 draws.
//! - Words to uniform: element n of the noise, row-major over the batch, is a xor b of (a, b) = threefry(sub, (n div 2³²,
//!   n mod 2³²)) (`jax_threefry_partitionable`, the default since JAX 0.5). v = the float of its upper 23 bits in [1, 2),
//!   less 1; U = max(2⁻¹²⁶, v · (1 − 2⁻¹²⁶) + 2⁻¹²⁶), that is v, or 2⁻¹²⁶ for 0.
//! - Uniform to token: argmax of x + g with g = −ln(−ln U), each step in float32; the lowest index on ties.
//! - Consumption: none between steps but the split; finished rows keep their place in the batch.
//! - Temperature and truncation: float32, temperature, top_k, top_p, as in `torch_filters`; no softmax at the end.

use super::{
    Batch, Drawn, EngineError, EngineInfo, Params, Replay, ReplayRow, Watch, gumbel,
    plan::Plan,
    row, seed,
    threefry::{Pair, threefry},
    torch_filters::{self, Filters},
    uniform,
};

/// See the module.
pub(super) static INFO: EngineInfo = EngineInfo {
    name: "jax-split",
    version: "jax 0.10.2, CPU, threefry2x32, x64 off",
    method: "key, sub = jax.random.split(key) before every step; jax.random.categorical(sub, logits): Gumbel race in float32",
    reproduced: "one sequence, or a batch [B, V] with one key; the upper half of the seed is lost, as in JAX",
    not_reproduced: NOT_REPRODUCED,
    parameters: &torch_filters::PLAIN,
    order: &torch_filters::PLAIN,
    reorders: true,
    seeds: SEEDS,
    batch: Batch::Shared,
    build,
};

/// What `jax.random.key` takes.
pub(super) const SEEDS: &str = "a whole number from -2^63 to 2^63 - 1, of which the low 32 bits count";
/// What neither JAX replay does.
pub(super) const NOT_REPRODUCED: &str =
    "x64 on, other key types, jax_threefry_partitionable off (the default before 0.5), bfloat16 logits";

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>, EngineError> {
    Ok(Box::new(Split { key: key(&INFO, seed)?, categorical: Categorical::new(&INFO, params, batch)? }))
}

/// `jax.random.key(seed)`.
pub(super) fn key(info: &'static EngineInfo, seed: &str) -> Result<Pair, EngineError> {
    let z = seed::whole(info, seed, i128::from(i64::MIN), i128::from(i64::MAX))?;
    Ok([0, z as u32])
}

/// `jax.random.categorical` on filtered logits.
pub(super) struct Categorical {
    engine: &'static str,
    batch: usize,
    filters: Filters,
    sums: Vec<f32>,
}

impl Categorical {
    pub(super) fn new(info: &'static EngineInfo, params: &Params, batch: usize) -> Result<Self, EngineError> {
        let plan = Plan::new(info, params)?;
        let filters = plan.arrange(torch_filters::plain(&plan)?)?;
        Ok(Self { engine: info.name, batch, filters: Filters::new(filters), sums: Vec::new() })
    }

    /// One draw for each row under `key`.
    pub(super) fn step(
        &mut self,
        key: Pair,
        rows: &[ReplayRow<'_>],
        watch: Watch,
        out: &mut Vec<Drawn>,
    ) -> Result<(), EngineError> {
        out.clear();
        let v = row::check(self.engine, rows, self.batch)?;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                continue;
            }
            self.filters.apply(self.engine, row, input)?;
            let uniform = |i: usize| {
                let n = row as u64 * v as u64 + i as u64;
                let [a, b] = threefry(key, [(n >> 32) as u32, n as u32]);
                uniform::mantissa_f32(a ^ b).max(f32::MIN_POSITIVE)
            };
            let scores = &self.filters.scores;
            let (id, evidence) = gumbel::race(scores, uniform, &mut self.sums, watch);
            out.push(Drawn { row, id, evidence });
        }
        Ok(())
    }
}

struct Split {
    key: Pair,
    categorical: Categorical,
}

impl Replay for Split {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(
        &mut self,
        rows: &[ReplayRow<'_>],
        watch: Watch,
        out: &mut Vec<Drawn>,
    ) -> Result<(), EngineError> {
        let sub = threefry(self.key, [0, 1]);
        self.key = threefry(self.key, [0, 0]);
        self.categorical.step(sub, rows, watch, out)
    }
}
