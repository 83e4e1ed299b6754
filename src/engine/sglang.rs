//! SGLang 0.5.18 – 0.5.23 with `--enable-deterministic-inference` (sampling backend pytorch): seeded Gumbel noise without
//! a state.
//!
//! - Seeding: `sampling_seed`, a 64-bit integer; a request without one draws with 42. Without the flag the seed is
//!   ignored, and nothing can be replayed.
//! - Position: as in vLLM's V2 runner: the index of the token that was fed, the prompt's length − 1 for the first one.
//! - If every request of the batch has top_k 1 (temperature below 1e-6 sets it): argmax of the logits.
//! - Else p = softmax(x / f32(T)) in float32. If no request of the batch has top_k or top_p, column j is the token id
//!   and l = f32(ln p). Otherwise, for every request of the batch, with or without filters of its own (`filtered_batch`),
//!   column j is the rank (falling p, the lower id first among equal ones): p = 0 where j ≥ top_k, and where
//!   f32(c − p) > f32(top_p) with c the float32 running sum; l = ln p in float64. So a request draws other ids beside a
//!   filtered or greedy one.
//! - Noise: h = MurmurHash3 of (seed lo, seed hi, position lo, j); y = ln(h / (2³² − 1)), between −1.797e308 and −2⁻³²;
//!   noise = −ln(−y), float64. The highest l + noise wins, the lowest column on ties.
//!
//! min_p with a seed raises an assertion in SGLang. 0.5.10 and 0.5.15 lack the upper clamp: one hash in 2³² differs.

use crate::engine::shared::column::Column;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Evidence, Params, Ranked, Replay, ReplayRow, Watch,
    shared::{
        address::{self, Address},
        edge, filters, float,
        log::{self, Log},
        murmur,
        plan::{Allowed, NOT_NEGATIVE, Plan, saturate},
        row,
    },
};
use crate::kernel::bounds::minus_ln_at_most;
use crate::{Error, Result};
use std::sync::Arc;

/// See the module.
pub(super) static INFO: EngineInfo = EngineInfo {
    name: "sglang",
    version: "SGLang 0.5.18 - 0.5.23, --enable-deterministic-inference",
    method: "argmax of ln(probs) + Gumbel noise in float64 from MurmurHash3 of (seed, position, column); columns are ids, or ranks where the batch holds a filtered request",
    reproduced: "any batch, each row by itself, on both paths: filtered_batch says that the batch held a request with top_k, top_p or temperature 0",
    not_reproduced: "runs without --enable-deterministic-inference; min_p (SGLang fails with a seed); penalties and biases; SGLang 0.5.3 - 0.5.8; bfloat16 log-softmax of on-policy training; Ascend",
    parameters: &["temperature", "top_k", "top_p", "position", "row_seeds", "filtered_batch"],
    order: &["temperature", "top_k", "top_p"],
    reorders: false,
    seeds: "a whole number from -2^63 to 2^63 - 1 (a request without one draws with 42)",
    batch: Batch::Addressed,
    float32_logits: true,
    defaults: Defaults::None,
    note: None,
    releases: &[
        "SGLang 0.5.18 - 0.5.23, --enable-deterministic-inference",
        "SGLang 0.5.10, 0.5.15 (all but one hash value in 2^32)",
    ],
    build,
};

const TOP_P: Allowed = ("in (0, 1]", |v| v > 0.0 && v <= 1.0);
const NO_SEED: &str = "SGLang draws with 42 where a request has none: give 42";
/// Below it, a request gets top_k 1.
const GREEDY_BELOW: f64 = 1e-6;

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    Ok(Box::new(Sglang {
        rows: address::addresses(&INFO, params, seed, batch, NO_SEED)?,
        ..Sglang::new(params)?
    }))
}

/// A row's log-probabilities before the noise, by column.
pub(super) fn columns(params: &Params, row: &ReplayRow<'_>) -> Result<Vec<Column>> {
    let mut sglang = Sglang::new(params)?;
    if sglang.greedy {
        return Err(Error::engine(
            INFO.name,
            "temperature 0 is greedy: every seed and position draws the same",
        ));
    }
    row::check(INFO.name, std::slice::from_ref(row), 1)?;
    sglang.softmax(row.logits, 0)?;
    if sglang.ranked {
        sglang.rank();
    } else {
        sglang.order.extend(0..row.logits.len() as u32);
        sglang.log_probabilities();
    }
    let columns = (0u32..).zip(sglang.order.iter().zip(&sglang.columns));
    Ok(columns.map(|(column, (&id, &score))| Column { column, id, score }).collect())
}

struct Sglang {
    greedy: bool,
    temperature: f32,
    top_k: Option<usize>,
    top_p: Option<f32>,
    /// Columns are ranks.
    ranked: bool,
    rows: Vec<Address>,
    /// Steps so far.
    step: u64,
    scaled: Vec<f32>,
    probs: Vec<f32>,
    /// The id of each column, where columns are ranks.
    order: Vec<u32>,
    /// The log-probability of each column.
    columns: Vec<f64>,
    log: Log,
}

impl Replay for Sglang {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        row::check(INFO.name, rows, self.rows.len())?;
        let step = self.step;
        self.step += 1;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                continue;
            }
            self.log.start(watch);
            let (id, evidence) = if self.greedy {
                row::greedy(input.logits, watch)
            } else {
                let address = self.rows[row];
                let position = address.at(INFO.name, row, input, step)?;
                self.softmax(input.logits, row)?;
                let noise = Noise::at(address.seed, position);
                if self.ranked { self.by_rank(input.logits, noise, watch) } else { self.by_id(noise, watch) }
            };
            out.push(Drawn { row, id, evidence, stages: self.log.take() });
        }
        Ok(())
    }
}

impl Sglang {
    /// The settings, for a batch without rows.
    fn new(params: &Params) -> Result<Self> {
        let plan = Plan::new(&INFO, params)?;
        let temperature = plan.real("temperature", params.temperature, NOT_NEGATIVE)?.unwrap_or(1.0);
        let top_k = plan.whole("top_k", params.top_k, -1, "a whole number, at least 1 (0 and -1 are off)")?;
        let top_k = top_k.filter(|&k| k > 0).map(saturate);
        let top_p = plan.real("top_p", params.top_p, TOP_P)?.filter(|&p| p < 1.0);
        let greedy = temperature < GREEDY_BELOW || top_k == Some(1);
        let ranked = top_k.is_some() || top_p.is_some() || params.filtered_batch == Some(true);
        Ok(Sglang {
            greedy,
            temperature: temperature as f32,
            top_k,
            top_p: top_p.map(|p| p as f32),
            ranked,
            rows: Vec::new(),
            step: 0,
            scaled: Vec::new(),
            probs: Vec::new(),
            order: Vec::new(),
            columns: Vec::new(),
            log: Log::default(),
        })
    }

    /// Columns are ids.
    fn log_probabilities(&mut self) {
        self.columns.clear();
        self.columns.extend(self.probs.iter().map(|&p| f64::from(float::ln32(p))));
    }

    /// Columns are ranks.
    fn rank(&mut self) {
        let probs = &self.probs;
        self.order.clear();
        self.order.extend(0..probs.len() as u32);
        self.order.sort_by(|&a, &b| probs[b as usize].total_cmp(&probs[a as usize]));
        let mut sum = 0f32;
        self.columns.clear();
        self.columns.extend((0usize..).zip(&self.order).map(|(j, &id)| {
            let p = probs[id as usize];
            sum += p;
            let cut = self.top_k.is_some_and(|k| j >= k) || self.top_p.is_some_and(|most| sum - p > most);
            if cut { f64::NEG_INFINITY } else { float::ln(f64::from(p)) }
        }));
    }

    fn softmax(&mut self, logits: &[f32], at: usize) -> Result<()> {
        self.scaled.clear();
        self.scaled.extend(logits.iter().map(|&x| x / self.temperature));
        let max = self.scaled.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if !max.is_finite() || self.scaled.iter().any(|x| x.is_nan()) {
            return Err(row::overflow(INFO.name, at));
        }
        if self.temperature != 1.0 {
            let name = || format!("temperature={}", self.temperature);
            self.log.scores(name, log::by_id(&self.scaled));
        }
        filters::softmax(&self.scaled, &mut self.probs);
        Ok(())
    }

    fn by_id(&mut self, noise: Noise, watch: Watch) -> (u32, Option<Evidence>) {
        self.log_probabilities();
        let winner = address::race(&self.columns, |j| noise.at_most(j), |j, l| l + noise.of(j));
        let evidence = watch.evidence().then(|| {
            let scores = (0..).zip(&self.columns).map(|(j, &l)| noise.score(j, l)).collect();
            let spacing = float::spacing(&self.scaled);
            let (edge, floor, ranks) = (Arc::from([]), Arc::from([]), Arc::from([]));
            Evidence::Race { scores, ratios: false, winner, noisy: true, spacing, edge, floor, ranks }
        });
        (winner, evidence)
    }

    fn by_rank(&mut self, logits: &[f32], noise: Noise, watch: Watch) -> (u32, Option<Evidence>) {
        self.rank();
        let probs = &self.probs;
        let falling = || self.order.iter().map(|&id| (id, probs[id as usize]));
        let left = falling().zip(&self.columns).filter(|c| *c.1 > f64::NEG_INFINITY);
        let left = left.map(|((id, p), _)| (id, f64::from(p)));
        if let Some(k) = self.top_k {
            let best = falling().take(k).map(|(id, p)| (id, f64::from(p)));
            self.log.weights(|| format!("top_k={k}"), best, |w| w > 0.0);
        }
        if let Some(p) = self.top_p {
            self.log.weights(|| format!("top_p={p}"), left, |w| w > 0.0);
        }
        let column = address::race(&self.columns, |j| noise.at_most(j), |j, l| l + noise.of(j));
        let winner = self.order[column as usize];
        let evidence = watch.evidence().then(|| self.ranked_evidence(logits, noise, winner));
        (winner, evidence)
    }

    /// What decided a race by rank, after it.
    fn ranked_evidence(&self, logits: &[f32], noise: Noise, winner: u32) -> Evidence {
        let probs = &self.probs;
        let ln_p = |id: u32| float::ln(f64::from(probs[id as usize]));
        let ranks = || (0u32..).zip(self.order.iter().copied());
        let mut scores = vec![f64::NEG_INFINITY; probs.len()];
        let mut rank = vec![0u32; probs.len()];
        for ((j, id), &l) in ranks().zip(&self.columns) {
            scores[id as usize] = noise.score(j, l);
            rank[id as usize] = j;
        }
        let kept = |id: u32| scores[id as usize] > f64::NEG_INFINITY;
        let score = |id: u32| noise.score(rank[id as usize], ln_p(id));
        let edge = self.top_p.map_or_else(Vec::new, |p| {
            let shares = ranks().map(|(_, id)| (id, f64::from(probs[id as usize])));
            edge::beside(shares.take(self.top_k.unwrap_or(usize::MAX)), f64::from(p), kept, score)
        });
        // between the last rank that top-k keeps and the next
        let at = |rank: usize| self.order.get(rank).copied().map(ln_p);
        let floor = self.top_k.and_then(|k| Some(edge::Floor::between(at(k - 1)?, at(k)?)));
        let floor = edge::floor(ranks().map(|(_, id)| (id, ln_p(id), kept(id), score(id))), floor.as_slice());
        let of = |(j, id): (u32, u32)| Ranked {
            id,
            logit: logits[id as usize],
            ln_p: ln_p(id),
            noise: noise.of(j),
        };
        Evidence::Race {
            ranks: ranks().take_while(|r| kept(r.1)).map(of).collect(),
            scores: scores.into(),
            ratios: false,
            winner,
            noisy: true,
            spacing: float::spacing(&self.scaled),
            edge: edge.into(),
            floor: floor.into(),
        }
    }
}

/// The noise of a row's columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    /// The hash's state before the column.
    state: u32,
}

impl Noise {
    pub(super) fn at(seed: i64, position: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32, position as u32];
        Noise { state: words.into_iter().fold(0, murmur::mix) }
    }

    fn hash(self, column: u32) -> u32 {
        murmur::finish(murmur::mix(self.state, column))
    }

    fn of(self, column: u32) -> f64 {
        let y = float::ln(f64::from(self.hash(column)) / f64::from(u32::MAX));
        -float::ln(-y.clamp(-1.797e308, -2f64.powi(-32)))
    }

    pub(super) fn score(self, column: u32, l: f64) -> f64 {
        if l == f64::NEG_INFINITY { l } else { l + self.of(column) }
    }

    /// −ln y ≤ −ln(1 − u) for y = −ln u, and one unit of the hash is 2⁻³².
    pub(super) fn at_most(self, column: u32) -> f64 {
        minus_ln_at_most(f64::from(u32::MAX - self.hash(column)).max(1.0) / f64::from(u32::MAX))
    }
}
