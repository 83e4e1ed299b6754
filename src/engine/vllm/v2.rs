//! vLLM's Model Runner V2: seeded Gumbel noise without a state.
//!
//! - Seeding: `SamplingParams.seed`, a 64-bit integer. None, and −1, which the front end turns into None, take a random
//!   seed for each request, which can't be replayed.
//! - Position: the index of the token that was fed to get these logits, counted from 0: the prompt's length − 1 for the
//!   first drawn token, then one more each step. There is no generator: a draw depends on logits, seed and position, rows
//!   don't influence each other, a resumed request keeps its positions.
//! - Noise: as in `noise`; which of the four a release uses is in [`EngineInfo::releases`](crate::engine::EngineInfo::releases).
//! - Uniform to token: argmax of x + noise, no softmax; the lowest id of the maximum.
//! - Filters, float32: penalties (repetition over prompt and output, frequency and presence over the output: as in
//!   `shared::filters`), temperature x / f32(T), min_p (x < max x + f32(ln f32(m)) is dropped), top_k (ties of the k-th
//!   stay), top_p (ascending running sum c of the softmax; dropped where c ≤ 1 − f32(p), the best stays): the sort path.
//!   On a GPU a kernel searches the same set by a pivot; a token at its edge may fall on the other side.
//! - Temperature below 1e-5 is greedy (argmax after the penalties), below 0.01 it is raised to 0.01, as the front end does.
//!
//! Roundings on a GPU (divisions, logarithms) move a score by about 2e-6; ids change only where two scores are as near.

use super::noise::Noise;
use crate::engine::shared::column::Column;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Evidence, Params, Replay, ReplayRow, Watch,
    shared::{
        address::{self, Address},
        edge,
        filters::{Filter, Filters},
        float,
        plan::{NOT_NEGATIVE, Plan},
        row,
    },
};
use crate::{Error, Result};
use std::sync::Arc;

const PARAMETERS: [&str; 9] = [
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "temperature",
    "min_p",
    "top_k",
    "top_p",
    "position",
    "row_seeds",
];
const ORDER: [&str; 5] = ["penalties", "temperature", "min_p", "top_k", "top_p"];
const SEEDS: &str = "a whole number from -2^63 to 2^63 - 1 but -1, which means none";
const RANDOM: &str = "vLLM takes a random seed for such a request, which can't be replayed";
const NOT_REPRODUCED: &str = "logit bias, bad words, min_tokens, watermarks, speculative decoding; the sets that the GPU's top-k/top-p kernels keep at the edge; vLLM before 0.24; requests without a seed (FlashInfer may draw them)";

macro_rules! info {
    ($info:ident, $name:literal, $version:literal, $method:literal, $noise:expr, $releases:expr) => {
        /// See the module.
        pub(in crate::engine) static $info: EngineInfo = EngineInfo {
            name: $name,
            version: $version,
            method: $method,
            reproduced: "any batch, each row by itself: seeds of rows, positions, penalties over prompt and output",
            not_reproduced: NOT_REPRODUCED,
            parameters: &PARAMETERS,
            order: &ORDER,
            reorders: false,
            seeds: SEEDS,
            batch: Batch::Addressed,
            float32_logits: true,
            defaults: Defaults::None,
            note: None,
            releases: $releases,
            build: |params, seed, batch| build(&$info, $noise, params, seed, batch),
        };
    };
}

info!(
    V2,
    "vllm-v2",
    "vLLM 0.24 - 0.30, Model Runner V2",
    "argmax of scores + Gumbel noise in float32 from Philox 4x32-10 of (seed, position, id)",
    Noise::Philox,
    &["vLLM 0.24 - 0.30, Model Runner V2"]
);
info!(
    V2_FP64,
    "vllm-v2-fp64",
    "vLLM 0.24 - 0.30, Model Runner V2, use_fp64_gumbel",
    "argmax of scores + Gumbel noise in float64 from Philox 4x32-10 of (seed, position, id)",
    Noise::Philox64,
    &[
        "vLLM 0.24 - 0.30, Model Runner V2, with use_fp64_gumbel",
        "vLLM 0.20.2, Model Runner V2 (its default)"
    ]
);
info!(
    V2_MURMUR3,
    "vllm-v2-murmur3",
    "vLLM 0.31 - 0.33, Model Runner V2",
    "argmax of scores + Gumbel noise in float32 from MurmurHash3 of (seed, position, id)",
    Noise::Murmur,
    &["vLLM 0.31 - 0.33, Model Runner V2"]
);
info!(
    V2_MURMUR3_FP64,
    "vllm-v2-murmur3-fp64",
    "vLLM 0.31 - 0.33, Model Runner V2, use_fp64_gumbel",
    "argmax of scores + Gumbel noise in float64 from MurmurHash3 of (seed, position, id)",
    Noise::Murmur64,
    &["vLLM 0.31 - 0.33, Model Runner V2, with use_fp64_gumbel"]
);

/// Below it, the front end makes a request greedy.
const GREEDY_BELOW: f64 = 1e-5;
/// To it, the front end raises what is not greedy.
const LEAST_TEMPERATURE: f64 = 0.01;

fn build(
    info: &'static EngineInfo,
    noise: Noise,
    params: &Params,
    seed: &str,
    batch: usize,
) -> Result<Box<dyn Replay>> {
    let (chain, greedy) = filters(info, params)?;
    Ok(Box::new(V2Replay {
        info,
        noise,
        filters: Filters::new(chain),
        greedy,
        rows: address::addresses(info, params, seed, batch, RANDOM)?,
        step: 0,
        scores: Vec::new(),
    }))
}

/// The filters that are on, and whether the draw is greedy.
fn filters(info: &'static EngineInfo, params: &Params) -> Result<(Vec<Filter>, bool)> {
    let plan = Plan::new(info, params)?;
    let temperature = plan.real("temperature", params.temperature, NOT_NEGATIVE)?;
    let greedy = temperature.is_some_and(|t| t < GREEDY_BELOW);
    let mut chain: Vec<Filter> = super::penalties(&plan)?.into_iter().collect();
    let min_p = plan.share("min_p", params.min_p, 0.0)?;
    let top_k = super::top_k(&plan)?;
    let top_p = plan.real("top_p", params.top_p, super::TOP_P)?.filter(|&p| p < 1.0);
    if !greedy {
        let temperature = temperature.map(|t| t.max(LEAST_TEMPERATURE) as f32);
        chain.extend(temperature.filter(|&t| t != 1.0).map(Filter::Temperature));
        chain.extend(min_p.map(|m| Filter::MinPScore(m as f32)));
        chain.extend(top_k.map(Filter::TopK));
        chain.extend(top_p.map(|p| Filter::TopP32(p as f32)));
    }
    Ok((chain, greedy))
}

/// A row's scores before the noise, by id, where `info` is one of these engines.
pub(in crate::engine) fn columns(
    info: &'static EngineInfo,
    params: &Params,
    row: &ReplayRow<'_>,
) -> Result<Option<(Noise, Vec<Column>)>> {
    let noises = [
        (&V2, Noise::Philox),
        (&V2_FP64, Noise::Philox64),
        (&V2_MURMUR3, Noise::Murmur),
        (&V2_MURMUR3_FP64, Noise::Murmur64),
    ];
    let Some((_, noise)) = noises.into_iter().find(|n| n.0.name == info.name) else { return Ok(None) };
    let (chain, greedy) = filters(info, params)?;
    if greedy {
        return Err(Error::engine(
            info.name,
            "temperature 0 is greedy: every seed and position draws the same",
        ));
    }
    row::check(info.name, std::slice::from_ref(row), 1)?;
    let mut filters = Filters::new(chain);
    filters.apply(info.name, 0, row, Watch::Ids)?;
    let columns =
        (0u32..).zip(&filters.scores).map(|(id, &x)| Column { column: id, id, score: f64::from(x) });
    Ok(Some((noise, columns.collect())))
}

struct V2Replay {
    info: &'static EngineInfo,
    noise: Noise,
    filters: Filters,
    greedy: bool,
    rows: Vec<Address>,
    /// Steps so far.
    step: u64,
    scores: Vec<f64>,
}

impl Replay for V2Replay {
    fn engine(&self) -> &'static EngineInfo {
        self.info
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        let name = self.info.name;
        row::check(name, rows, self.rows.len())?;
        let step = self.step;
        self.step += 1;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                continue;
            }
            self.filters.apply(name, row, input, watch)?;
            let (id, evidence) = if self.greedy {
                row::greedy(&self.filters.scores, watch)
            } else {
                let address = self.rows[row];
                let position = address.at(name, row, input, step)?;
                self.race(address.seed, position, watch)
            };
            out.push(Drawn { row, id, evidence, stages: self.filters.log.take() });
        }
        Ok(())
    }
}

impl V2Replay {
    fn race(&mut self, seed: i64, position: u64, watch: Watch) -> (u32, Option<Evidence>) {
        let noise = self.noise.at(seed, position);
        self.scores.clear();
        self.scores.extend(self.filters.scores.iter().map(|&x| f64::from(x)));
        let winner = address::race(&self.scores, |id| noise.at_most(id), |id, x| noise.score(id, x));
        let evidence = watch.evidence().then(|| {
            let score = |(id, &x): (u32, &f64)| if x == f64::NEG_INFINITY { x } else { noise.score(id, x) };
            let scores: Arc<[f64]> = (0..).zip(&self.scores).map(score).collect();
            let edge = self.filters.before_top_p.as_ref().map_or_else(Vec::new, |(before, p)| {
                let mut order: Vec<u32> = (0..before.len() as u32).collect();
                order.retain(|&id| before[id as usize] > f32::NEG_INFINITY);
                order.sort_by(|&a, &b| before[b as usize].total_cmp(&before[a as usize]));
                let weight = |id: u32| float::exp(f64::from(before[id as usize] - before[order[0] as usize]));
                let total: f64 = order.iter().map(|&id| weight(id)).sum();
                let shares = order.iter().map(|&id| (id, weight(id) / total));
                let kept = |id: u32| self.scores[id as usize] > f64::NEG_INFINITY;
                edge::beside(shares, f64::from(*p), kept, |id| {
                    noise.score(id, f64::from(before[id as usize]))
                })
            });
            let spacing = float::spacing(&self.filters.scores);
            let (edge, ranks) = (edge.into(), Arc::from([]));
            Evidence::Race { scores, ratios: false, winner, noisy: true, spacing, edge, ranks }
        });
        (winner, evidence)
    }
}
