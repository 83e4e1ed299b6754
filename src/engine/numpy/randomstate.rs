//! NumPy 2.4.6, legacy: `RandomState(seed).choice(V, p=p)`, also `numpy.random.seed(seed)` and `numpy.random.choice`.
//!
//! - Seeding: MT19937, `init_genrand` for a number below 2³², `init_by_array` for a list of such.
//! - Words to uniform: 27 bits of one word and 26 of the next.
//! - Uniform to token: inverse CDF in float64, as in `choice`.
//! - Consumption: two words a draw, row 0 first. A script knows no end of sequence, so finished rows consume too.
//! - Temperature and truncation: float64, temperature, top_k, top_p, as in `choice`.

use super::choice::{self, Choice};
use crate::Result;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Params, Replay, ReplayRow, Watch,
    shared::{plan::Plan, seed, uniform},
};
use crate::kernel::Mt;

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "numpy-randomstate",
    version: "numpy 2.4.6",
    method: "numpy.random.RandomState(seed).choice(V, p=p): inverse CDF in float64 over MT19937",
    reproduced: "one sequence, or a batch drawn row after row; seeds that are numbers or lists",
    not_reproduced: "choice of several ids in one call; a uniform within 3e-15 of a boundary (NumPy's exponentials depend on the processor)",
    parameters: &choice::ORDER,
    order: &choice::ORDER,
    reorders: true,
    seeds: "a whole number from 0 to 2^32 - 1, or a list of them (1,2,3 or [1, 2, 3])",
    batch: Batch::Shared,
    float32_logits: true,
    defaults: Defaults::None,
    note: None,
    releases: &["NumPy 2.4 scripts, legacy generator"],
    build,
};

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let filters = choice::filters(&Plan::new(&INFO, params)?)?;
    Ok(Box::new(RandomState { choice: Choice::new(INFO.name, batch, filters), mt: generator(seed)? }))
}

fn generator(seed: &str) -> Result<Mt> {
    let word = |s: &str| Ok(seed::whole(&INFO, s, 0, i128::from(u32::MAX))? as u32);
    Ok(match seed::list(seed) {
        None => Mt::new(word(seed)?),
        Some(entries) => {
            let key: Result<Vec<u32>> = entries.map(word).collect();
            Mt::of_key(&key?)
        }
    })
}

struct RandomState {
    choice: Choice,
    mt: Mt,
}

impl Replay for RandomState {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        let mt = &mut self.mt;
        self.choice.step(rows, watch, || uniform::random_state_f64(mt), out)
    }
}
