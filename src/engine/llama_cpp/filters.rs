//! llama.cpp's samplers without memory, in float32, on the candidates in their current order.

use super::candidates::Candidates;
use crate::engine::shared::{float, uniform};
use crate::kernel::Mt;

/// A threshold, and how many candidates a truncation keeps at least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    pub(super) p: f32,
    pub(super) min_keep: usize,
}

/// Added in vocabulary order, where each id sits at its own position; elsewhere only the first entry for an id counts.
pub(super) fn logit_bias(c: &mut Candidates, bias: &[(u32, f32)]) {
    let mut elsewhere = Vec::new();
    for &(id, b) in bias {
        match c.data.get_mut(id as usize) {
            Some(at) if at.id == id => at.logit += b,
            _ => elsewhere.push((id, b)),
        }
    }
    if elsewhere.is_empty() {
        return;
    }
    for candidate in &mut c.data {
        if let Some((_, b)) = elsewhere.iter().find(|(id, _)| *id == candidate.id) {
            candidate.logit += b;
        }
    }
}

/// l / T; T ≤ 0: all but the first largest get −∞.
pub(super) fn temperature(c: &mut Candidates, t: f32) {
    if t > 0.0 {
        c.data.iter_mut().for_each(|x| x.logit /= t);
        return;
    }
    let mut best = 0;
    for i in 1..c.data.len() {
        if c.data[i].logit > c.data[best].logit {
            best = i;
        }
    }
    for (i, x) in c.data.iter_mut().enumerate() {
        if i != best {
            x.logit = f32::NEG_INFINITY;
        }
    }
}

/// Temperature between T − delta and T + delta, by the entropy's share of ln n to the power `exponent`.
pub(super) fn temperature_ext(c: &mut Candidates, t: f32, delta: f32, exponent: f32) {
    if delta <= 0.0 {
        if t != 1.0 {
            temperature(c, t);
        }
        return;
    }
    if c.data.len() <= 1 {
        return;
    }
    c.sort();
    c.softmax();
    let mut entropy = 0f32;
    for x in c.data.iter().filter(|x| x.p > 0.0) {
        entropy -= x.p * float::ln32(x.p);
    }
    let most = -float::ln32(1.0 / c.data.len() as f32);
    let low = (t - delta).max(0.0);
    let high = t + delta;
    let share = float::pow32(entropy / most, exponent);
    temperature(c, low + (high - low) * share);
}

/// The min(k, n) best, sorted; k ≤ 0: nothing.
pub(super) fn top_k(c: &mut Candidates, k: usize) {
    if k > 0 {
        c.keep_best(k);
    }
}

/// Sorted, the shortest prefix with Σ p ≥ P and `min_keep` candidates; P ≥ 1: nothing, not even sorting. The softmax is
/// taken in the old order.
pub(super) fn top_p(c: &mut Candidates, cut: Cut) {
    if cut.p >= 1.0 {
        return;
    }
    c.softmax();
    c.sort();
    let mut sum = 0f32;
    let mut kept = 0;
    let last = c.data.iter().position(|x| {
        sum += x.p;
        kept += 1;
        sum >= cut.p && kept >= cut.min_keep
    });
    if let Some(last) = last {
        c.data.truncate(last + 1);
    }
}

/// l ≥ max l + ln P stay, in their order. If none does (P > 1) or fewer than `min_keep`: sorted, the best one, and then
/// all within the bound or the first `min_keep`.
pub(super) fn min_p(c: &mut Candidates, cut: Cut) {
    if cut.p <= 0.0 {
        return;
    }
    let bound = c.max() + float::ln32(cut.p);
    let within = c.data.iter().filter(|x| x.logit >= bound).count();
    if within >= cut.min_keep.max(1) {
        c.data.retain(|x| x.logit >= bound);
    } else {
        c.keep_best(within.max(cut.min_keep).max(1));
    }
}

/// The shortest prefix by rising |−ln p − H| with Σ p > P and `min_keep` candidates, in that order, flagged unsorted;
/// P ≥ 1: nothing. False, and nothing cut, if a probability is 0: the engine's entropy is then NaN.
pub(super) fn typical(c: &mut Candidates, cut: Cut) -> bool {
    if cut.p >= 1.0 {
        return true;
    }
    c.sort();
    c.softmax();
    if c.data.iter().any(|x| x.p == 0.0) {
        return false;
    }
    let mut entropy = 0f32;
    for x in &c.data {
        entropy += -x.p * float::ln32(x.p);
    }
    let distance = |p: f32| (-float::ln32(p) - entropy).abs();
    let all = c.data.iter().enumerate();
    let mut by_distance: Vec<(f32, usize)> = all.map(|(i, x)| (distance(x.p), i)).collect();
    by_distance.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sum = 0f32;
    let mut kept = 0;
    let last = by_distance.iter().position(|&(_, i)| {
        sum += c.data[i].p;
        kept += 1;
        sum > cut.p && kept >= cut.min_keep
    });
    by_distance.truncate(last.map_or(usize::MAX, |l| l + 1));
    c.data = by_distance.iter().map(|&(_, i)| c.data[i]).collect();
    c.sorted = false;
    true
}

/// l < max − n · sd get −∞, with mean and population deviation over the logits that are not −∞; n ≤ 0: nothing.
pub(super) fn top_n_sigma(c: &mut Candidates, n: f32) {
    if n <= 0.0 || c.data.len() <= 1 {
        return;
    }
    let mut sum = 0f32;
    let mut count = 0usize;
    let finite = |l: f32| l > f32::NEG_INFINITY;
    for x in c.data.iter().filter(|x| finite(x.logit)) {
        sum += x.logit;
        count += 1;
    }
    let mean = sum / count as f32;
    let mut squares = 0f32;
    for x in c.data.iter().filter(|x| finite(x.logit)) {
        let d = x.logit - mean;
        squares = (f64::from(squares) + f64::from(d) * f64::from(d)) as f32;
    }
    let deviation = (squares / count as f32).sqrt();
    let bound = c.max() - n * deviation;
    for x in c.data.iter_mut().filter(|x| x.logit < bound) {
        x.logit = f32::NEG_INFINITY;
    }
}

/// With the chance `probability`, sorted, all but the least probable of those with p ≥ threshold (`cut.p`) are removed,
/// if `min_keep` are left. Off, and then drawing nothing, for a probability ≤ 0, a threshold > 0.5, or fewer than two
/// candidates.
pub(super) fn xtc(c: &mut Candidates, probability: f32, cut: Cut, mt: &mut Mt) {
    if probability <= 0.0 || cut.p > 0.5 || c.data.len() < 2 {
        return;
    }
    if uniform::libstdcxx_f32(mt) > probability {
        return;
    }
    c.sort();
    c.softmax();
    let above = c.data.iter().take_while(|x| x.p >= cut.p).count();
    if above >= 2 && c.data.len() - (above - 1) >= cut.min_keep {
        c.data.drain(..above - 1);
    }
}
