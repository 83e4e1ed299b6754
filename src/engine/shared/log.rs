//! What each filter of a row left, kept for those who watch.

use super::float;
use crate::draw::Filtered;
use crate::engine::Watch;

/// The stages of the row at hand; empty unless they are watched.
#[derive(Debug, Default)]
pub(in crate::engine) struct Log {
    on: bool,
    stages: Vec<Filtered>,
}

impl Log {
    /// Begins a row.
    pub(in crate::engine) fn start(&mut self, watch: Watch) {
        self.on = watch.stages();
        self.stages.clear();
    }

    /// The stages of the row, which is over.
    pub(in crate::engine) fn take(&mut self) -> Vec<Filtered> {
        std::mem::take(&mut self.stages)
    }

    /// A filter has left these scores, by id; those of −∞ are removed.
    pub(in crate::engine) fn scores(
        &mut self,
        name: impl FnOnce() -> String,
        scores: impl Iterator<Item = (u32, f64)>,
    ) {
        if !self.on {
            return;
        }
        let left: Vec<(u32, f64)> = scores.filter(|s| s.1 > f64::NEG_INFINITY).collect();
        let max = left.iter().fold(f64::NEG_INFINITY, |max, s| max.max(s.1));
        self.weights(name, left.into_iter().map(|(id, s)| (id, float::exp(s - max))), |_| true);
    }

    /// A filter has left these weights, by id.
    pub(in crate::engine) fn weights(
        &mut self,
        name: impl FnOnce() -> String,
        weights: impl Iterator<Item = (u32, f64)>,
        stays: impl Fn(f64) -> bool,
    ) {
        if !self.on {
            return;
        }
        let mut left: Vec<(u32, f64)> = weights.filter(|w| stays(w.1)).collect();
        left.sort_unstable_by_key(|w| w.0);
        let sum: f64 = left.iter().map(|w| w.1).sum();
        left.iter_mut().for_each(|w| w.1 /= sum);
        self.stages.push(Filtered { name: name(), left });
    }
}

/// Scores by id, widened.
pub(in crate::engine) fn by_id(scores: &[f32]) -> impl Iterator<Item = (u32, f64)> {
    scores.iter().enumerate().map(|(id, &x)| (id as u32, f64::from(x)))
}
