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

use super::random::{SEEDS, State, bits};
use crate::Result;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Params, Replay, ReplayRow, Watch,
    shared::{
        gumbel,
        log::{self, Log},
        plan::Plan,
        row, uniform,
    },
};

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
        words: Vec::new(),
        scores: Vec::new(),
        sums: Vec::new(),
        log: Log::default(),
    }))
}

struct Mlx {
    factor: Option<f32>,
    state: State,
    batch: usize,
    words: Vec<u32>,
    scores: Vec<f32>,
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
        bits(self.state.next_key(), v * rows.len(), &mut self.words);
        for ((row, input), words) in rows.iter().enumerate().zip(self.words.chunks_exact(v)) {
            if input.finished {
                continue;
            }
            self.scores.clear();
            self.scores.extend_from_slice(input.logits);
            self.log.start(watch);
            scale(&mut self.scores, self.factor, INFO.name, row)?;
            if self.factor.is_some() {
                self.log.scores(|| "temperature".to_owned(), log::by_id(&self.scores));
            }
            let uniform = |i: usize| uniform::mlx_f32(words[i]);
            let (id, evidence) = gumbel::race(&self.scores, uniform, &mut self.sums, watch);
            out.push(Drawn { row, id, evidence, stages: self.log.take() });
        }
        Ok(())
    }
}

/// Multiplies by f32(1 / T); refuses scores that leave float32.
pub(in crate::engine) fn scale(
    scores: &mut [f32],
    factor: Option<f32>,
    engine: &'static str,
    at: usize,
) -> Result<()> {
    let Some(factor) = factor else {
        return Ok(());
    };
    scores.iter_mut().for_each(|x| *x *= factor);
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !max.is_finite() || scores.iter().any(|x| x.is_nan()) {
        return Err(row::overflow(engine, at));
    }
    Ok(())
}
