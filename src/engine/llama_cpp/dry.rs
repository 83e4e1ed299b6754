//! llama.cpp's DRY: penalises the id that would continue a repetition of what was just said.

use super::candidates::Candidates;
use crate::engine::shared::float;
use std::collections::HashMap;

/// ln of the largest float32, as the engine writes it.
const LN_MAX: f64 = 88.722_84_f32 as f64;

/// The settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dry {
    pub(super) multiplier: f32,
    pub(super) base: f32,
    pub(super) allowed_length: usize,
    /// How many of the last ids count.
    pub(super) last_n: usize,
    /// Sequences that a repetition does not reach across.
    pub(super) breakers: Vec<Vec<u32>>,
}

impl Dry {
    /// For each candidate that would lengthen a repetition of r ≥ allowed_length ids:
    /// l −= multiplier · base^(r − allowed_length).
    pub(super) fn apply(&self, c: &mut Candidates, history: &[u32]) {
        if self.multiplier == 0.0 || self.base < 1.0 || self.last_n == 0 {
            return;
        }
        let window = &history[history.len().saturating_sub(self.last_n)..];
        if window.len() <= self.allowed_length {
            return;
        }
        let limit = self.limit(window);
        if limit < self.allowed_length {
            return;
        }
        let repeated = self.repeated(window, limit);
        for x in &mut c.data {
            if let Some(&r) = repeated.get(&x.id) {
                x.logit -= self.penalty(r);
            }
        }
        c.sorted = false;
    }

    /// How far back a repetition may reach: to the last breaker.
    fn limit(&self, window: &[u32]) -> usize {
        let n = window.len();
        for i in 0..n {
            let at = &window[n - 1 - i..];
            let longest = (self.breakers.iter())
                .filter(|b| !b.is_empty() && at.starts_with(b))
                .map(|b| b.len() - 1)
                .max();
            if let Some(tail) = longest {
                return i - tail;
            }
        }
        n
    }

    /// The length of the repetition that each id would continue.
    fn repeated(&self, window: &[u32], limit: usize) -> HashMap<u32, usize> {
        let mut lengths: HashMap<u32, usize> = HashMap::new();
        let suffixes = common_suffixes(window);
        for (end, k) in suffixes.iter().enumerate().take(window.len() - 1) {
            let k = (*k).min(limit);
            let next = window[end + 1];
            if k >= self.allowed_length && !self.breakers.iter().any(|b| *b == [next]) {
                let r = lengths.entry(next).or_default();
                *r = k.max(*r);
            }
        }
        lengths
    }

    fn penalty(&self, length: usize) -> f32 {
        let mut exponent = (length - self.allowed_length) as f64;
        let base = f64::from(self.base);
        if self.base > 1.000_001 {
            let most = (LN_MAX / float::ln(base)).floor();
            if most > 0.0 {
                exponent = exponent.min(most);
            }
        }
        (f64::from(self.multiplier) * float::pow(base, exponent)) as f32
    }
}

/// For each end, the length of the longest common suffix of `w[..=end]` and `w`: the Z-function of the reversed window.
fn common_suffixes(w: &[u32]) -> Vec<usize> {
    let n = w.len();
    let back = |i: usize| w[n - 1 - i];
    let mut z = vec![0; n];
    let (mut left, mut right) = (0, 0);
    for i in 1..n {
        let mut k = if i < right { z[i - left].min(right - i) } else { 0 };
        while i + k < n && back(k) == back(i + k) {
            k += 1;
        }
        z[i] = k;
        if i + k > right {
            (left, right) = (i, i + k);
        }
    }
    if let Some(whole) = z.first_mut() {
        *whole = n;
    }
    z.reverse();
    z
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn suffixes_are_those_found_by_comparing(w in prop::collection::vec(0u32..3, 1..40)) {
            let naive: Vec<usize> = (0..w.len())
                .map(|e| (0..=e).take_while(|&k| w[e - k] == w[w.len() - 1 - k]).count())
                .collect();
            prop_assert_eq!(common_suffixes(&w), naive);
        }
    }
}
