//! The scores of a row, made where they are looked at: most draws need few of them.

use super::float;
use crate::kernel::{self, SPAN, Scale};

/// A row under a temperature, or what filters have left of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Scores<'a> {
    pub(in crate::engine) values: &'a [f32],
    pub(in crate::engine) scale: Scale,
}

/// Working space for the exponentials of a span.
pub(in crate::engine) type Space = ([f32; SPAN], [f64; SPAN]);

impl Scores<'_> {
    /// The score in the place of a value.
    pub(in crate::engine) fn of(&self, value: f32) -> f32 {
        self.scale.of(value)
    }

    /// The largest score: that of the largest value.
    pub(in crate::engine) fn max(&self) -> f32 {
        self.of(kernel::max(self.values))
    }

    /// exp(score − max) of up to [`SPAN`] of the values, each step in float32.
    pub(in crate::engine) fn exp_some(&self, values: &[f32], max: f32, space: &mut Space, out: &mut [f32]) {
        let (less, doubles) = space;
        let less = &mut less[..values.len().min(SPAN)];
        kernel::scaled(values, self.scale, max, less);
        float::exp32_into(less, doubles, out);
    }

    /// exp(score − max) of every token, each step in float32.
    pub(in crate::engine) fn exp(&self, max: f32, out: &mut Vec<f32>) {
        // not cleared: all of it is replaced
        out.resize(self.values.len(), 0.0);
        let mut space = ([0.0; SPAN], [0.0; SPAN]);
        for (values, out) in self.values.chunks(SPAN).zip(out.chunks_mut(SPAN)) {
            self.exp_some(values, max, &mut space, out);
        }
    }
}

/// The division by a temperature, if all values can be divided alike: a filter looks at what 0 and infinity make of some.
pub(in crate::engine) fn over(temperature: f32) -> Option<Scale> {
    (temperature.is_normal() && temperature > 0.0).then_some(Scale::Over(temperature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_scores() {
        let values: Vec<f32> = (0..1000).map(|i| (i * 37 % 101) as f32 * 0.3).collect();
        for scale in [Scale::One, Scale::Over(0.7), Scale::Times(1.3)] {
            let scores = Scores { values: &values, scale };
            let (max, mut out) = (scores.max(), vec![1.0]);
            scores.exp(max, &mut out);
            let each: Vec<f32> = values.iter().map(|&x| float::exp32(scores.of(x) - max)).collect();
            assert_eq!(out, each);
        }
    }
}
