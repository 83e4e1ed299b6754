//! llama.cpp's repetition, frequency and presence penalties over the last ids, prompt included.

use super::candidates::Candidates;
use std::collections::HashMap;

/// The settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Penalties {
    /// How many of the last ids count.
    pub(super) last_n: usize,
    pub(super) repeat: f32,
    pub(super) frequency: f32,
    pub(super) presence: f32,
}

impl Penalties {
    /// Whether the sampler does anything at all.
    pub(super) fn acts(&self) -> bool {
        let neutral = self.repeat == 1.0 && self.frequency == 0.0 && self.presence == 0.0;
        self.last_n > 0 && !neutral
    }

    /// For an id that occurs c > 0 times: l ≤ 0 → l · repeat, else l / repeat; then l −= c · frequency + presence.
    pub(super) fn apply(&self, c: &mut Candidates, history: &[u32]) {
        if !self.acts() {
            return;
        }
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for &id in &history[history.len().saturating_sub(self.last_n)..] {
            *counts.entry(id).or_default() += 1;
        }
        for x in &mut c.data {
            let Some(&count) = counts.get(&x.id) else {
                continue;
            };
            if x.logit <= 0.0 {
                x.logit *= self.repeat;
            } else {
                x.logit /= self.repeat;
            }
            x.logit -= count as f32 * self.frequency + self.presence;
        }
        c.sorted = false;
    }
}
