//! JAX 0.10.2 on the CPU, the step folded into the key: `jax.random.categorical(jax.random.fold_in(key, t), logits)`.
//!
//! `fold_in(key, t)` is threefry(key, (0, t)); the key itself stays, so that step t does not depend on the steps before.
//! Seeding, words to uniform, uniform to token, temperature and truncation are those of `split`.

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
    name: "jax-fold-in",
    version: "jax 0.10.2, CPU, threefry2x32, x64 off",
    method: "jax.random.categorical(jax.random.fold_in(key, t), logits) for step t from 0: Gumbel race in float32",
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
    Ok(Box::new(FoldIn {
        key: key(&INFO, seed)?,
        step: 0,
        categorical: Categorical::new(&INFO, params, batch)?,
    }))
}

struct FoldIn {
    key: Pair,
    step: u32,
    categorical: Categorical,
}

impl Replay for FoldIn {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        let key = threefry(self.key, [0, self.step]);
        self.step = self.step.wrapping_add(1);
        self.categorical.step(key, rows, watch, out)
    }
}
