//! Servers whose arithmetic is not the replay's: what an audit must not take for a fault.
//!
//! Nothing here is shared with the replays but the noise, which is read off a replay of a row without preferences. Roundings are
//! those of a GPU, drawn at random: divisions off by up to two float32 spacings, logarithms and exponentials, too; a top-p that is searched, not
//! sorted, with its edge off by up to 2e-4 of the mass.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokpick::check::{Tolerance, Verification, VerifyOptions, verify};
use tokpick::engine::{EngineDraw, Evidence, Params, ReplayRow, Watch, build};
use tokpick::processor::Chain;
use tokpick::sampler::Job;
use tokpick::source::Steps;

/// What a server was told, and the rows that its model gives.
#[derive(Clone)]
pub struct Setting {
    pub name: &'static str,
    pub engine: &'static str,
    pub params: Params,
    pub vocabulary: usize,
    /// Standard deviation and mean of the logits.
    pub logits: (f32, f32),
    /// Every step has the same row, with much of its mass at the edge of top-p.
    pub lumps: bool,
}

/// How far the server is from the replay.
#[derive(Clone, Copy)]
pub struct Errors {
    /// Float32 spacings of divisions, exponentials and logarithms.
    pub spacings: f64,
    /// Added to each score, uniform up to this, both ways.
    pub score: f64,
    /// The edge of top-p, as a share of the mass, uniform up to this, both ways.
    pub cut: f64,
    /// Standard deviation of noise on the logits.
    pub logits: f64,
}

/// Those of a GPU.
pub const GPU: Errors = Errors { spacings: 2.0, score: 0.0, cut: 2e-4, logits: 0.0 };

/// A run: rows, where they were drawn, and what a server drew.
pub struct Served {
    pub rows: Vec<f32>,
    pub seed: i64,
    pub position: u64,
    pub ids: Vec<u32>,
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A float32 that is off by up to `most` spacings.
fn off(x: f32, most: f64, rng: &mut ChaCha8Rng) -> f32 {
    if x == 0.0 || !x.is_finite() || most == 0.0 {
        return x;
    }
    let by = (rng.random::<f64>() * 2.0 - 1.0) * (most + 0.5);
    x + (by.round() as f32) * (x.abs().next_up() - x.abs())
}

impl Setting {
    fn rows(&self, steps: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let (sd, mean) = self.logits;
        let mut row = || (0..self.vocabulary).map(|_| mean + sd * normal(rng) as f32).collect::<Vec<f32>>();
        if !self.lumps {
            return (0..steps).flat_map(|_| row()).collect();
        }
        // shares 0.4, 0.3, 0.2, 0.06, 0.04 of four-decimal logits
        let row = [-0.9163f32, -1.204, -1.6094, -2.8134, -3.2189];
        (0..steps).flat_map(|_| row).collect()
    }

    /// The noise of every column at an address.
    fn noise(&self, seed: i64, position: u64, v: usize) -> Vec<f64> {
        let params = Params { position: Some(position.to_string()), ..Params::default() };
        let mut replay = build(self.engine, &params, &seed.to_string(), 1).unwrap();
        let (row, mut drawn) = (vec![0f32; v], Vec::new());
        let row = ReplayRow { logits: &row, history: &[], prompt_len: 0, finished: false };
        replay.step(&[row], Watch::Evidence, &mut drawn).unwrap();
        let Some(Evidence::Race { scores, .. }) = drawn.remove(0).evidence else { unreachable!("a race") };
        let level =
            if self.engine == "sglang" { f64::from(((1.0 / v as f32) as f64).ln() as f32) } else { 0.0 };
        scores.iter().map(|s| s - level).collect()
    }

    /// Runs a server with these errors.
    pub fn serve(&self, steps: usize, errors: &Errors, rng: &mut ChaCha8Rng) -> Served {
        let rows = self.rows(steps, rng);
        let (seed, position) = (rng.random::<u32>() as i64 - (1 << 30), u64::from(rng.random::<u16>()));
        // −1 means none to vLLM
        let seed = if seed == -1 { 7 } else { seed };
        let mut ids: Vec<u32> = Vec::with_capacity(steps);
        let v = rows.len() / steps;
        for (step, row) in rows.chunks(v).enumerate() {
            let row: Vec<f32> = row.iter().map(|x| x + (errors.logits * normal(rng)) as f32).collect();
            let noise = self.noise(seed, position + step as u64, v);
            let id = match self.engine {
                "sglang" => self.sglang(&row, &noise, errors, rng),
                _ => self.vllm(&row, &ids, &noise, errors, rng),
            };
            ids.push(id);
        }
        Served { rows, seed, position, ids }
    }

    fn vllm(&self, row: &[f32], output: &[u32], noise: &[f64], e: &Errors, rng: &mut ChaCha8Rng) -> u32 {
        let p = &self.params;
        let mut x = row.to_vec();
        for (id, x) in (0u32..).zip(&mut x) {
            let count = output.iter().filter(|&&o| o == id).count();
            if count > 0 {
                let r = p.repetition_penalty.unwrap_or(1.0) as f32;
                *x *= if *x > 0.0 { off(1.0 / r, e.spacings, rng) } else { r };
                *x -= p.frequency_penalty.unwrap_or(0.0) as f32 * count as f32;
                *x -= p.presence_penalty.unwrap_or(0.0) as f32;
            }
        }
        if let Some(t) = p.temperature {
            x.iter_mut().for_each(|x| *x = off(*x / t as f32, e.spacings, rng));
        }
        let best = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let least = p.min_p.map_or(f32::NEG_INFINITY, |m| best + off((m as f32).ln(), 1.0, rng));
        let mut order: Vec<usize> = (0..x.len()).filter(|&i| x[i] >= least).collect();
        order.sort_by(|&a, &b| x[b].total_cmp(&x[a]));
        if let Some(k) = p.top_k {
            let last = x[order[(k as usize).min(order.len()) - 1]];
            order.retain(|&i| x[i] >= last);
        }
        if let Some(top_p) = p.top_p {
            self.cut(&mut order, |i| f64::from(x[i] - best).exp(), top_p, e.cut, rng);
        }
        let single = !self.engine.ends_with("fp64");
        let score = |i: usize, rng: &mut ChaCha8Rng| {
            let error = e.score * (rng.random::<f64>() * 2.0 - 1.0);
            if !single {
                return f64::from(x[i]) + noise[i] + error;
            }
            // both logarithms err: the inner one relatively, which the outer one makes absolute
            let inner = e.spacings * 1.2e-7 * (rng.random::<f64>() * 2.0 - 1.0);
            let noise = off((noise[i] + inner) as f32, e.spacings, rng);
            f64::from(x[i] + noise) + error
        };
        winner(&order, rng, score) as u32
    }

    fn sglang(&self, row: &[f32], noise: &[f64], e: &Errors, rng: &mut ChaCha8Rng) -> u32 {
        let p = &self.params;
        let t = p.temperature.unwrap_or(1.0) as f32;
        // equal logits give equal probabilities in any arithmetic
        let mut seen = std::collections::HashMap::new();
        let x: Vec<f32> = row
            .iter()
            .map(|&x| {
                *seen
                    .entry(x.to_bits())
                    .or_insert_with(|| off(x / t, if t == 1.0 { 0.0 } else { e.spacings }, rng))
            })
            .collect();
        let best = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        seen.clear();
        let w: Vec<f32> = x
            .iter()
            .map(|&x| *seen.entry(x.to_bits()).or_insert_with(|| off((x - best).exp(), e.spacings, rng)))
            .collect();
        let sum = off(w.iter().map(|&w| f64::from(w)).sum::<f64>() as f32, 8.0, rng);
        let probs: Vec<f32> = w.iter().map(|w| w / sum).collect();
        let ranked = p.top_k.is_some() || p.top_p.is_some() || p.filtered_batch == Some(true);
        let error = |rng: &mut ChaCha8Rng| e.score * (rng.random::<f64>() * 2.0 - 1.0);
        let all: Vec<usize> = (0..probs.len()).collect();
        if !ranked {
            let score = |i: usize, rng: &mut ChaCha8Rng| {
                f64::from(off(f64::from(probs[i]).ln() as f32, e.spacings, rng)) + noise[i] + error(rng)
            };
            return winner(&all, rng, score) as u32;
        }
        let mut order = all;
        order.sort_by(|&a, &b| probs[b].total_cmp(&probs[a]));
        let rank: Vec<usize> = {
            let mut rank = vec![0; order.len()];
            order.iter().enumerate().for_each(|(j, &i)| rank[i] = j);
            rank
        };
        order.truncate(p.top_k.map_or(order.len(), |k| k as usize));
        if let Some(top_p) = p.top_p {
            // shares of the whole mass, top-k not deducted; a running sum in float32 errs less than a search
            let (mut above, edge) = (0f64, top_p + e.cut.min(1e-5) * (rng.random::<f64>() * 2.0 - 1.0));
            let kept = order.iter().take_while(|&&i| {
                let keep = above <= edge;
                above += f64::from(probs[i]);
                keep
            });
            let kept = kept.count();
            order.truncate(kept);
        }
        let score = |i: usize, rng: &mut ChaCha8Rng| f64::from(probs[i]).ln() + noise[rank[i]] + error(rng);
        winner(&order, rng, score) as u32
    }

    fn cut(
        &self,
        order: &mut Vec<usize>,
        weight: impl Fn(usize) -> f64,
        p: f64,
        by: f64,
        rng: &mut ChaCha8Rng,
    ) {
        let total: f64 = order.iter().map(|&i| weight(i)).sum();
        let edge = p + by * (rng.random::<f64>() * 2.0 - 1.0);
        let mut above = 0.0;
        let kept = order.iter().take_while(|&&i| {
            let keep = above / total < edge;
            above += weight(i);
            keep
        });
        let kept = kept.count().max(1);
        order.truncate(kept);
    }

    /// What `verify` says to a run, under this engine and these parameters.
    pub fn audit(&self, served: &Served, tolerance: Tolerance, logit_noise: f64) -> Verification {
        let params = Params { position: Some(served.position.to_string()), ..self.params.clone() };
        let mut draw =
            EngineDraw::new(self.engine, &params, &served.seed.to_string(), 1, 1).unwrap().watching();
        let steps = served.ids.len();
        let v = served.rows.len() / steps;
        let mut source = Steps::new("rows", &[steps, v], None, served.rows.clone()).unwrap();
        let options = VerifyOptions {
            logit_noise,
            temperature: self.params.temperature.unwrap_or(1.0),
            tolerance: Some(tolerance),
            ..VerifyOptions::default()
        };
        let chain = Chain::default();
        verify(&mut source, &Job::new(&chain), &mut draw, 1, std::slice::from_ref(&served.ids), &options)
            .unwrap()
    }
}

/// The place with the highest score, the lowest on ties.
fn winner(order: &[usize], rng: &mut ChaCha8Rng, score: impl Fn(usize, &mut ChaCha8Rng) -> f64) -> usize {
    let mut best = (f64::NEG_INFINITY, usize::MAX);
    for &i in order {
        let s = score(i, rng);
        if s > best.0 || (s == best.0 && i < best.1) {
            best = (s, i);
        }
    }
    best.1
}

/// The generator of run `n` of a setting.
pub fn generator(setting: &str, n: u64) -> ChaCha8Rng {
    let salt = setting.bytes().fold(0u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
    ChaCha8Rng::seed_from_u64(salt ^ (n << 20))
}

/// All engines with penalties, cold and hot, with filters, and the rows on which arithmetic matters most.
pub fn settings() -> Vec<Setting> {
    let plain = |name, engine, params| Setting {
        name,
        engine,
        params,
        vocabulary: 300,
        logits: (3.0, 0.0),
        lumps: false,
    };
    let p =
        |temperature, top_k, top_p, min_p| Params { temperature, top_k, top_p, min_p, ..Params::default() };
    let mut all = vec![
        plain("plain", "vllm-v2", p(Some(0.8), None, None, None)),
        plain("top-k, top-p", "vllm-v2", p(Some(1.2), Some(50), Some(0.95), None)),
        plain("float64 noise, top-p", "vllm-v2-fp64", p(Some(0.7), None, Some(0.9), None)),
        plain("MurmurHash3, min-p", "vllm-v2-murmur3", p(Some(1.0), None, None, Some(0.05))),
        plain("MurmurHash3, float64 noise", "vllm-v2-murmur3-fp64", p(Some(0.8), Some(20), Some(0.8), None)),
        plain("by id", "sglang", p(Some(0.8), None, None, None)),
        plain("by rank", "sglang", p(Some(0.8), Some(100), Some(0.95), None)),
        plain(
            "by rank, no filter",
            "sglang",
            Params { filtered_batch: Some(true), ..p(Some(1.5), None, None, None) },
        ),
        Setting {
            logits: (30.0, 300.0),
            ..plain("cold, large logits", "vllm-v2", p(Some(0.1), None, None, None))
        },
        Setting {
            logits: (0.5, 500.0),
            ..plain("large logits, by id", "sglang", p(Some(0.7), None, None, None))
        },
        Setting { lumps: true, ..plain("lumps at the edge", "vllm-v2", p(Some(1.0), None, Some(0.9), None)) },
    ];
    let penalties = Params {
        repetition_penalty: Some(1.2),
        frequency_penalty: Some(0.3),
        presence_penalty: Some(0.5),
        ..p(Some(0.9), None, Some(0.95), None)
    };
    all.push(plain("penalties", "vllm-v2-murmur3", penalties));
    all
}
