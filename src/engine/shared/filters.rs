//! The filters of engines that are written in torch (and of JAX scripts that do the same), in float32.
//!
//! Each works on the scores that the one before has left, and removes by −∞.
//!
//! - temperature: x / f32(T), unless T = 1.
//! - top_k: removed where x < the k-th largest; ties with it stay.
//! - top_p: ascending sort, running sum c of the softmax; removed where c ≤ f32(1 − p); the best one stays. Which of
//!   several equal scores at the cut stay, torch's sort leaves open: here the higher ids. `torch.cumsum` adds in float64 and
//!   stores float32.
//! - min_p: removed where p < f32(m) · max p.
//! - typical_p: H the entropy, d = |−ln p − H|; rising d, c = running sum of p; with n the number of c < mass, removed
//!   where d > the n-th d.
//! - repetition_penalty (transformers): every id of the context once, x < 0 → x · r, else x / r.
//! - penalties (vLLM): ids of prompt and output, x > 0 → x · (1 / r), else x · r; then, for generated ids,
//!   x − frequency · count − presence.
//!
//! softmax(x) = exp(x − max) · f32(1 / S), S the float32 sum that torch's AVX-512 kernel takes: sixteen lanes, added in
//! halves; from left to right for fewer than sixteen tokens. (With AVX2 it takes eight lanes. At V = 32000 one ulp of S
//! changes one id in a thousand of `torch-multinomial` with replacement; the races hardly notice.)

use super::{
    edge::Floor,
    float,
    log::{self, Log},
    plan::Plan,
    row,
    scores::{self, Scores},
};
use crate::Result;
use crate::engine::{ReplayRow, Watch};
use crate::kernel::{self, Scale};
use std::cmp::Ordering;
use std::fmt;

/// One filter with its setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) enum Filter {
    Repetition(f32),
    Penalties {
        repetition: f32,
        frequency: f32,
        presence: f32,
    },
    Temperature(f32),
    TopK(usize),
    TopP(f64),
    /// 1 − f32(p), subtracted in float32 (vLLM V2); p is kept for display.
    TopP32(f32),
    MinP(f32),
    /// Min-p on scores: removed where x < max x + f32(ln m) (vLLM V2).
    MinPScore(f32),
    Typical(f32),
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Repetition(r) => write!(f, "repetition_penalty={r}"),
            Filter::Penalties { .. } => write!(f, "penalties"),
            Filter::Temperature(t) => write!(f, "temperature={t}"),
            Filter::TopK(k) => write!(f, "top_k={k}"),
            Filter::TopP(p) => write!(f, "top_p={p}"),
            Filter::TopP32(p) => write!(f, "top_p={p}"),
            Filter::MinP(m) | Filter::MinPScore(m) => write!(f, "min_p={m}"),
            Filter::Typical(p) => write!(f, "typical_p={p}"),
        }
    }
}

/// The filters that plain scripts have: temperature, top_k, top_p.
pub(in crate::engine) const PLAIN: [&str; 3] = ["temperature", "top_k", "top_p"];

/// [`PLAIN`] as they are set in `plan`.
pub(in crate::engine) fn plain(plan: &Plan<'_>) -> Result<Vec<(&'static str, Filter)>> {
    let mut filters = Vec::new();
    if let Some(t) = plan.temperature()? {
        filters.push(("temperature", Filter::Temperature(t as f32)));
    }
    if let Some(k) = plan.top_k()? {
        filters.push(("top_k", Filter::TopK(k)));
    }
    if let Some(p) = plan.share("top_p", plan.params.top_p, 1.0)? {
        filters.push(("top_p", Filter::TopP(p)));
    }
    Ok(filters)
}

/// A chain of filters with its working space.
#[derive(Debug, Default)]
pub(in crate::engine) struct Filters {
    chain: Vec<Filter>,
    /// The scores of the row at hand.
    pub(in crate::engine) scores: Vec<f32>,
    /// Their softmax, where it was asked for.
    pub(in crate::engine) probs: Vec<f32>,
    /// Before top_p has cut them: the scores of the row at hand, and p; kept where evidence is.
    pub(in crate::engine) before_top_p: Option<(Vec<f32>, f32)>,
    /// The thresholds of its truncations by score, and the scores before the first of them; kept where evidence is.
    pub(in crate::engine) floors: Vec<Floor>,
    pub(in crate::engine) before_floors: Vec<f32>,
    /// What each filter of the row at hand left.
    pub(in crate::engine) log: Log,
    sorted: Vec<f32>,
    order: Vec<u32>,
    maxima: Vec<f32>,
}

impl Filters {
    pub(in crate::engine) fn new(chain: Vec<Filter>) -> Self {
        Self { chain, ..Self::default() }
    }

    /// Filters a row into `scores`.
    pub(in crate::engine) fn apply(
        &mut self,
        engine: &'static str,
        at: usize,
        input: &ReplayRow<'_>,
        watch: Watch,
    ) -> Result<()> {
        self.log.start(watch);
        self.before_top_p = None;
        self.floors.clear();
        self.scores.clear();
        self.scores.extend_from_slice(input.logits);
        for i in 0..self.chain.len() {
            match self.chain[i] {
                Filter::Repetition(r) => repetition(&mut self.scores, input.history, r),
                Filter::Penalties { repetition, frequency, presence } => {
                    penalties(&mut self.scores, input, repetition, frequency, presence)
                }
                Filter::Temperature(t) => self.scores.iter_mut().for_each(|x| *x /= t),
                Filter::TopK(k) => {
                    self.keep_before_floors(watch);
                    let kth = self.top_k(k);
                    if let Some(kth) = kth.filter(|_| watch.evidence()) {
                        let next = self
                            .before_floors
                            .iter()
                            .copied()
                            .filter(|&x| x < kth)
                            .fold(f32::NEG_INFINITY, f32::max);
                        self.floors.push(Floor::between(kth.into(), next.into()));
                    }
                }
                Filter::TopP(p) => self.top_p((1.0 - p) as f32),
                Filter::TopP32(p) => {
                    self.before_top_p = watch.evidence().then(|| (self.scores.clone(), p));
                    self.top_p(1.0 - p);
                }
                Filter::MinP(m) => self.min_p(m),
                Filter::MinPScore(m) => {
                    let max = self.scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let least = max + float::ln32(m);
                    self.keep_before_floors(watch);
                    if watch.evidence() {
                        self.floors.push(Floor::at(least.into()));
                    }
                    remove(&mut self.scores, |x| x < least);
                }
                Filter::Typical(mass) => self.typical(mass),
            }
            // A NaN compares as neither, and is an overflow too.
            if !kernel::max(&self.scores).is_finite() || kernel::first_invalid(&self.scores).is_some() {
                return Err(row::overflow(engine, at));
            }
            self.log.scores(|| self.chain[i].to_string(), log::by_id(&self.scores));
        }
        Ok(())
    }

    /// The scores of a row that nobody watches, and the largest values of its spans: of the row itself where only a temperature filters it,
    /// else filtered into `scores`.
    pub(in crate::engine) fn scored<'a>(
        &'a mut self,
        engine: &'static str,
        at: usize,
        input: &ReplayRow<'a>,
    ) -> Result<(Scores<'a>, &'a [f32])> {
        let scale = match self.chain[..] {
            [] => Some(Scale::One),
            [Filter::Temperature(t)] => scores::over(t),
            _ => None,
        };
        let scores = match scale {
            Some(scale) => Scores { values: input.logits, scale },
            None => {
                self.apply(engine, at, input, Watch::Ids)?;
                Scores { values: &self.scores, scale: Scale::One }
            }
        };
        let max = kernel::scan(scores.values, &mut self.maxima).max;
        if !scores.of(max).is_finite() {
            return Err(row::overflow(engine, at));
        }
        Ok((scores, &self.maxima))
    }

    /// Filters a row, and leaves its softmax in `probs`.
    pub(in crate::engine) fn probabilities(
        &mut self,
        engine: &'static str,
        at: usize,
        input: &ReplayRow<'_>,
        watch: Watch,
    ) -> Result<()> {
        self.apply(engine, at, input, watch)?;
        self.softmax();
        Ok(())
    }

    fn softmax(&mut self) {
        softmax(&self.scores, &mut self.probs);
    }

    fn keep_before_floors(&mut self, watch: Watch) {
        if watch.evidence() && self.floors.is_empty() {
            self.before_floors.clone_from(&self.scores);
        }
    }

    /// The least score that is kept, where something is cut.
    fn top_k(&mut self, k: usize) -> Option<f32> {
        if k == 0 || k >= self.scores.len() {
            return None;
        }
        self.probs.clear();
        self.probs.extend_from_slice(&self.scores);
        let (_, kth, _) = self.probs.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
        let kth = *kth;
        remove(&mut self.scores, |x| x < kth);
        Some(kth)
    }

    fn top_p(&mut self, rest: f32) {
        self.sort_kept(float::rising);
        // torch sorts the masked ones to the front.
        let masked = self.scores.len() - self.order.len();
        self.sorted.clear();
        self.sorted.resize(masked, f32::NEG_INFINITY);
        let kept = self.order.iter().map(|&i| self.scores[i as usize]);
        self.sorted.extend(kept);
        softmax(&self.sorted, &mut self.probs);
        self.order.pop();
        let mut sum = 0f64;
        for (&i, &p) in self.order.iter().zip(&self.probs[masked..]) {
            sum += f64::from(p);
            if sum as f32 > rest {
                break;
            }
            self.scores[i as usize] = f32::NEG_INFINITY;
        }
    }

    /// The ids that are not masked into `order`, by their scores, equal ones by id.
    fn sort_kept(&mut self, by: impl Fn(f32, f32) -> Ordering) {
        let scores = &self.scores;
        let ids = 0..scores.len() as u32;
        self.order.clear();
        self.order.extend(ids.filter(|&i| scores[i as usize] > f32::NEG_INFINITY));
        self.order.sort_by(|&a, &b| by(scores[a as usize], scores[b as usize]));
    }

    fn min_p(&mut self, m: f32) {
        self.softmax();
        let max = self.probs.iter().copied().fold(0.0, f32::max);
        for (x, &p) in self.scores.iter_mut().zip(&self.probs) {
            if p < m * max {
                *x = f32::NEG_INFINITY;
            }
        }
    }

    fn typical(&mut self, mass: f32) {
        self.softmax();
        let max = self.scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = (self.scores.iter()).map(|&x| f64::from(float::exp32(x - max))).sum();
        let ln_sum = float::ln32(sum as f32);
        let surprise = |x: f32| -((x - max) - ln_sum);
        let entropy: f64 = (self.scores.iter())
            .filter(|&&x| x > f32::NEG_INFINITY)
            .map(|&x| f64::from(surprise(x) * float::exp32(-surprise(x))))
            .sum();
        let entropy = entropy as f32;
        let distance = |x: f32| (surprise(x) - entropy).abs();
        self.sort_kept(|a, b| distance(a).total_cmp(&distance(b)));
        let scores = &self.scores;
        let mut sum = 0f64;
        let last = self.order.iter().find(|&&i| {
            sum += f64::from(self.probs[i as usize]);
            sum as f32 >= mass
        });
        if let Some(&last) = last {
            let bound = distance(scores[last as usize]);
            remove(&mut self.scores, |x| distance(x) > bound);
        }
    }
}

/// torch's softmax.
pub(in crate::engine) fn softmax(scores: &[f32], probs: &mut Vec<f32>) {
    let scores = Scores { values: scores, scale: Scale::One };
    scores.exp(scores.max(), probs);
    let scale = 1.0 / avx512_sum(probs);
    probs.iter_mut().for_each(|p| *p *= scale);
}

/// The sum in the order of torch's AVX-512 kernel.
fn avx512_sum(values: &[f32]) -> f32 {
    if values.len() < 16 {
        return values.iter().fold(0.0, |s, x| s + x);
    }
    let mut lanes = [0f32; 16];
    for block in values.chunks(16) {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane += x;
        }
    }
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

fn remove(scores: &mut [f32], goes: impl Fn(f32) -> bool) {
    for x in scores {
        if goes(*x) {
            *x = f32::NEG_INFINITY;
        }
    }
}

/// Every id once, with how often it occurs. The history was checked against the vocabulary.
fn counts(history: &[u32]) -> Vec<(u32, usize)> {
    let mut ids = history.to_vec();
    ids.sort_unstable();
    let groups = ids.chunk_by(|a, b| a == b);
    groups.map(|g| (g[0], g.len())).collect()
}

fn repetition(scores: &mut [f32], history: &[u32], r: f32) {
    for (id, _) in counts(history) {
        let x = &mut scores[id as usize];
        *x = if *x < 0.0 { *x * r } else { *x / r };
    }
}

fn penalties(scores: &mut [f32], row: &ReplayRow<'_>, repetition: f32, frequency: f32, presence: f32) {
    for (id, _) in counts(row.history) {
        let x = &mut scores[id as usize];
        *x *= if *x > 0.0 { 1.0 / repetition } else { repetition };
    }
    let generated = row.history.get(row.prompt_len..).unwrap_or(&[]);
    for (id, count) in counts(generated) {
        let x = &mut scores[id as usize];
        *x -= frequency * count as f32;
        *x -= presence;
    }
}

#[cfg(test)]
mod tests;
