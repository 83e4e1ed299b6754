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
//! - Temperature and truncation: float32, temperature, top_k, top_p, as in `shared::filters`; no softmax at the end.

use super::categorical::{Categorical, NOT_REPRODUCED, SEEDS, key};
use crate::Result;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Params, Replay, ReplayRow, Watch,
    shared::{
        filters,
        threefry::{Pair, threefry},
    },
};

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "jax-split",
    version: "jax 0.10.2, CPU, threefry2x32, x64 off",
    method: "key, sub = jax.random.split(key) before every step; jax.random.categorical(sub, logits): Gumbel race in float32",
    reproduced: "one sequence, or a batch [B, V] with one key; the upper half of the seed is lost, as in JAX",
    not_reproduced: NOT_REPRODUCED,
    parameters: &filters::PLAIN,
    order: &filters::PLAIN,
    reorders: true,
    seeds: SEEDS,
    batch: Batch::Shared,
    float32_logits: false,
    defaults: Defaults::None,
    note: None,
    releases: &["JAX 0.5 - 0.10 scripts, CPU"],
    build,
};

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    Ok(Box::new(Split { key: key(&INFO, seed)?, categorical: Categorical::new(&INFO, params, batch)? }))
}

struct Split {
    key: Pair,
    categorical: Categorical,
}

impl Replay for Split {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        let sub = threefry(self.key, [0, 1]);
        self.key = threefry(self.key, [0, 0]);
        self.categorical.step(sub, rows, watch, out)
    }
}
