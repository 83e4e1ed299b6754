//! candle-transformers 0.11.1 (rand 0.9.5, rustc 1.95.0, x86-64 with AVX2): `LogitsProcessor::from_sampling`, one
//! `sample` per step.
//!
//! - Seeding: `StdRng::seed_from_u64(z)`, which is ChaCha with 12 rounds. Eight key words by a PCG32 step each:
//!   z = z · 6364136223846793005 + 11634580027462260723 (mod 2⁶⁴), x = u32(((z >> 18) xor z) >> 27), key word = x rotated
//!   right by z >> 59. 64-bit block counter from 0, stream 0.
//! - Words to uniform: v = the float of the upper 23 bits of one word in \[1, 2), less 1.
//! - Uniform to token: `WeightedIndex<f32>`: running sums c in float32 from left to right, target = f32(v · total), id =
//!   number of c but the last that are ≤ target.
//! - Consumption: one word a step; argmax draws nothing.
//! - Probabilities (float32): y = x · f32(1 / T); e = expf(y − max y); the sum S as AVX2 does it: four accumulators of
//!   eight lanes over blocks of 32, (a₀ + a₁) + (a₂ + a₃), upper four lanes added to the lower, (v₀ + v₁) + (v₂ + v₃),
//!   then the remaining elements one by one; p = e / S.
//! - Truncation: top_p (0 < p < 1): walking through a stable sort by falling probability, a token is set to 0 if the
//!   float32 sum of the kept ones is already ≥ p; draw over all V with the zeros. top_k (k < V): the k best in the order
//!   in which `select_nth_unstable_by` of Rust's standard library leaves them, not renormalised; draw over that list.
//!   Both: the list, and top_p on it unless p ≤ 0 or p ≥ its sum, with the unrenormalised probabilities.
//! - Temperature below 1e-7 is argmax.
//!
//! The order of the list is the standard library's with which tokpick was compiled; it may change with its version.

use crate::Result;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Evidence, Params, Replay, ReplayRow, Watch,
    shared::{
        log::{self, Log},
        plan::{FINITE, NOT_NEGATIVE, Plan, saturate},
        row,
        scores::Scores,
        seed, uniform,
    },
};
use crate::kernel::{self, Scale};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};

/// See the module.
pub(super) static INFO: EngineInfo = EngineInfo {
    name: "candle",
    version: "candle-transformers 0.11.1, rand 0.9.5, rustc 1.95.0, x86-64 with AVX2",
    method: "LogitsProcessor::from_sampling(seed, sampling), one sample() per step: WeightedIndex<f32> over ChaCha12",
    reproduced: "all, top_k, top_p, top_k and top_p, argmax; of several sequences, each is a run of its own",
    not_reproduced: "softmax sums of processors without AVX2; GPU backends; apply_repeat_penalty",
    parameters: &ORDER,
    order: &ORDER,
    reorders: false,
    seeds: "a whole number from 0 to 2^64 - 1",
    batch: Batch::EachRow,
    float32_logits: true,
    defaults: Defaults::None,
    note: None,
    releases: &["candle-transformers 0.11"],
    build,
};

const ORDER: [&str; 3] = ["temperature", "top_k", "top_p"];

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let plan = Plan::new(&INFO, params)?;
    let temperature = plan.real("temperature", params.temperature, NOT_NEGATIVE)?;
    let temperature = temperature.unwrap_or(1.0);
    let top_k =
        plan.whole("top_k", params.top_k, 1, "a whole number, at least 1 (candle fails at 0; leave it out)")?;
    let z = seed::whole(&INFO, seed, 0, i128::from(u64::MAX))? as u64;
    Ok(Box::new(Candle {
        factor: (temperature >= 1e-7).then(|| (1.0 / temperature) as f32),
        top_k: top_k.map(saturate),
        top_p: plan.real("top_p", params.top_p, FINITE)?,
        rngs: vec![std_rng(z); batch],
        probs: Vec::new(),
        order: Vec::new(),
        listed: Vec::new(),
        starts: Vec::new(),
        log: Log::default(),
    }))
}

/// `StdRng::seed_from_u64` of rand 0.9.
fn std_rng(mut z: u64) -> ChaCha12Rng {
    let mut key = [0u8; 32];
    for word in key.chunks_exact_mut(4) {
        z = z.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(11_634_580_027_462_260_723);
        let x = (((z >> 18) ^ z) >> 27) as u32;
        word.copy_from_slice(&x.rotate_right((z >> 59) as u32).to_le_bytes());
    }
    ChaCha12Rng::from_seed(key)
}

struct Candle {
    /// f32(1 / T); `None` is argmax.
    factor: Option<f32>,
    top_k: Option<usize>,
    top_p: Option<f64>,
    rngs: Vec<ChaCha12Rng>,
    probs: Vec<f32>,
    /// Ids, as wide as candle's: the standard library's selection depends on the element's size.
    order: Vec<usize>,
    /// Exponentials, or the weights of a list, to take the place of `probs`.
    listed: Vec<f32>,
    /// Running sums of spans of `probs`.
    starts: Vec<f32>,
    log: Log,
}

impl Replay for Candle {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        row::check(INFO.name, rows, self.rngs.len())?;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                continue;
            }
            self.log.start(watch);
            let (id, evidence) = match self.factor {
                None => row::greedy(input.logits, watch),
                Some(factor) => {
                    self.softmax(input.logits, factor, row)?;
                    if factor != 1.0 {
                        self.log.weights(|| "temperature".to_owned(), log::by_id(&self.probs), |_| true);
                    }
                    self.truncate();
                    let v = uniform::mantissa_f32(self.rngs[row].next_u32());
                    self.weighted_index(v, watch)
                }
            };
            out.push(Drawn { row, id, evidence, stages: self.log.take() });
        }
        Ok(())
    }
}

impl Candle {
    fn softmax(&mut self, logits: &[f32], factor: f32, at: usize) -> Result<()> {
        let scores = Scores { values: logits, scale: Scale::Times(factor) };
        let max = scores.max();
        // 0 times infinity is no number
        if !max.is_finite() || (factor == 0.0 && logits.contains(&f32::NEG_INFINITY)) {
            return Err(row::overflow(INFO.name, at));
        }
        scores.exp(max, &mut self.listed);
        let sum = avx2_sum(&self.listed);
        self.probs.resize(logits.len(), 0.0);
        kernel::scaled(&self.listed, Scale::Over(sum), 0.0, &mut self.probs);
        Ok(())
    }

    /// Leaves the weights to draw from in `probs`, and their ids in `order` where these are not all.
    fn truncate(&mut self) {
        let v = self.probs.len();
        self.order.clear();
        match self.top_k.filter(|&k| k < v) {
            Some(k) => {
                let probs = &self.probs;
                self.order.extend(0..v);
                self.order.select_nth_unstable_by(k, |&i, &j| probs[j].total_cmp(&probs[i]));
                self.order.truncate(k);
                self.listed.clear();
                self.listed.extend(self.order.iter().map(|&i| probs[i]));
                std::mem::swap(&mut self.probs, &mut self.listed);
                self.log.weights(|| format!("top_k={k}"), listed_by(&self.order, &self.probs), |_| true);
                let sum: f32 = self.probs.iter().sum();
                if let Some(p) = self.top_p.map(|p| p as f32)
                    && p > 0.0
                    && p < sum
                {
                    top_p(&mut self.probs, p);
                    self.log.weights(
                        || format!("top_p={p}"),
                        listed_by(&self.order, &self.probs),
                        |w| w > 0.0,
                    );
                }
            }
            None => {
                if let Some(p) = self.top_p.filter(|&p| p > 0.0 && p < 1.0) {
                    top_p(&mut self.probs, p as f32);
                    self.log.weights(|| format!("top_p={p}"), log::by_id(&self.probs), |w| w > 0.0);
                }
            }
        }
    }

    fn weighted_index(&mut self, v: f32, watch: Watch) -> (u32, Option<Evidence>) {
        let sum = kernel::sums_in_order(&self.probs, &mut self.starts);
        let target = v * sum;
        let last = self.probs.len().saturating_sub(1);
        let at = kernel::first_passed(&self.probs, &self.starts, |c| c > target).min(last);
        let id = |at: usize| self.order.get(at).map_or(at as u32, |&id| id as u32);
        let evidence = watch.evidence().then(|| Evidence::Interval {
            uniform: f64::from(target) / f64::from(sum),
            ids: (0..self.probs.len()).map(id).collect(),
            upper: uniform::running(&self.probs).map(|c| f64::from(c) / f64::from(sum)).collect(),
            winner: id(at),
        });
        (id(at), evidence)
    }
}

/// The listed weights with their ids.
fn listed_by<'a>(order: &'a [usize], weights: &'a [f32]) -> impl Iterator<Item = (u32, f64)> + 'a {
    order.iter().map(|&id| id as u32).zip(weights.iter().map(|&w| f64::from(w)))
}

/// Sets what lies beyond the mass `p` to 0.
fn top_p(weights: &mut [f32], p: f32) {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&i, &j| weights[j].total_cmp(&weights[i]));
    let mut sum = 0f32;
    for i in order {
        if sum >= p {
            weights[i] = 0.0;
        } else {
            sum += weights[i];
        }
    }
}

/// The sum in the order of candle's AVX2 kernel.
fn avx2_sum(values: &[f32]) -> f32 {
    let blocks = values.chunks_exact(32);
    let rest = blocks.remainder();
    let mut lanes = [0f32; 32];
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane += x;
        }
    }
    let a = |j: usize, i: usize| lanes[8 * j + i];
    let eight = |i: usize| (a(0, i) + a(1, i)) + (a(2, i) + a(3, i));
    let four = |i: usize| eight(i) + eight(i + 4);
    let sum = (four(0) + four(1)) + (four(2) + four(3));
    rest.iter().fold(sum, |s, x| s + x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_order() {
        // 2^24 swallows a single 1, but not a pair that was added first.
        let mut values = [0f32; 33];
        (values[0], values[8], values[16]) = (16_777_216.0, 1.0, 1.0);
        assert_eq!(avx2_sum(&values), 16_777_216.0);
        (values[8], values[24]) = (0.0, 1.0);
        assert_eq!(avx2_sum(&values), 16_777_218.0);
        values[32] = 2.0;
        assert_eq!(avx2_sum(&values), 16_777_220.0);
    }

    #[test]
    fn top_p_keeps_the_one_that_reaches_it() {
        let mut weights = [0.2, 0.5, 0.3];
        top_p(&mut weights, 0.6);
        assert_eq!(weights, [0.0, 0.5, 0.3]);
        top_p(&mut weights, 0.5);
        assert_eq!(weights, [0.0, 0.5, 0.0]);
    }
}
