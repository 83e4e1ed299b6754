//! MLX 0.32.4 on the CPU: `mx.random.categorical(logits * (1 / T))`.
//!
//! - Seeding: `mx.random.seed(z)` is the Threefry key (z div 2³², z mod 2³²). A call without a key takes the next one:
//!   of n = bits(state, 4), (n₀, n₁) becomes the state and (n₂, n₃) the key.
//! - Words to uniform: min(f32(f32(word) / 2³²), 1 − 2⁻²⁴); 0 is possible. One word for each element of the array,
//!   row-major over the batch; the words of `bits` come in pairs half an array apart, so a row depends on its batch.
//! - Uniform to token: argmax of x + g with g = −ln(−ln U), each step in float32; the lowest index on ties.
//! - Consumption: one key a step. Finished rows keep their place in the batch.
//! - Temperature: multiplied by f32(1 / T); nothing else.
//! - Arrays: \[V] for one row, \[B, V] for B > 1. A single row as \[1, V] draws another id: that is `mlx-lm`.

use super::random::{Bits, SEEDS, State};
use crate::Result;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Params, Replay, ReplayRow, Watch,
    shared::{gumbel, log::Log, plan::Plan, row, scores::Scores, uniform},
};
use crate::kernel::{self, Scale};

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "mlx",
    version: "mlx 0.32.4, CPU",
    method: "mx.random.seed(seed); mx.random.categorical(logits * (1/T)) once per step: Gumbel race in float32",
    reproduced: "logits [V], or a batch [B, V] of more than one row",
    not_reproduced: "the Metal backend; [1, V] (see mlx-lm); half types",
    parameters: &["temperature"],
    order: &["temperature"],
    reorders: false,
    seeds: SEEDS,
    batch: Batch::Shared,
    float32_logits: false,
    defaults: Defaults::None,
    note: None,
    releases: &["MLX 0.32, CPU"],
    build,
};

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let plan = Plan::new(&INFO, params)?;
    let temperature = plan.temperature()?;
    Ok(Box::new(Mlx {
        factor: temperature.map(|t| (1.0 / t) as f32),
        state: State::new(&INFO, seed)?,
        batch,
        maxima: Vec::new(),
        sums: Vec::new(),
        log: Log::default(),
    }))
}

struct Mlx {
    factor: Option<f32>,
    state: State,
    batch: usize,
    maxima: Vec<f32>,
    sums: Vec<f32>,
    log: Log,
}

impl Replay for Mlx {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        let v = row::check(INFO.name, rows, self.batch)?;
        let bits = Bits { key: self.state.next_key(), n: v * rows.len() };
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                continue;
            }
            self.log.start(watch);
            let scale = self.factor.map_or(Scale::One, Scale::Times);
            let scores = Scores { values: input.logits, scale };
            let max = kernel::scan(input.logits, &mut self.maxima).max;
            // 0 times infinity is no number
            let lost = scale == Scale::Times(0.0) && input.logits.contains(&f32::NEG_INFINITY);
            if lost || !scores.of(max).is_finite() {
                return Err(row::overflow(INFO.name, row));
            }
            if self.factor.is_some() {
                let each = (0..).zip(input.logits).map(|(id, &x)| (id, f64::from(scores.of(x))));
                self.log.scores(|| "temperature".to_owned(), each);
            }
            let words = Noise { bits, first: row * v };
            let (id, evidence) = gumbel::race(scores, &self.maxima, &words, &mut self.sums, watch);
            out.push(Drawn { row, id, evidence, stages: self.log.take() });
        }
        Ok(())
    }
}

/// The words of a row whose element 0 is number `first` of the batch's.
struct Noise {
    bits: Bits,
    first: usize,
}

impl gumbel::Words for Noise {
    fn fill(&self, first: usize, out: &mut [u32]) -> u32 {
        self.bits.fill(self.first + first, out)
    }

    fn uniform(&self, word: u32) -> f32 {
        uniform::mlx_f32(word)
    }
}
