//! A row under a temperature, in `f32`.

use crate::kernel::simd::isa::make_and_sum;
use crate::kernel::simd::{Isa, Kernel, run};

/// What every value of a row is replaced by. All of them rise with the value.
///
/// ```
/// use tokpick::kernel::Scale;
/// assert_eq!([Scale::One, Scale::Over(0.5), Scale::Times(0.5)].map(|scale| scale.of(3.0)), [3.0, 6.0, 1.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// The value itself.
    One,
    /// x / t, rounded to `f32`; t is positive and finite.
    Over(f32),
    /// x · f, rounded to `f32`; f is positive and finite.
    Times(f32),
}

impl Scale {
    /// The number in the place of `x`.
    #[inline(always)]
    pub fn of(self, x: f32) -> f32 {
        match self {
            Scale::One => x,
            Scale::Over(t) => x / t,
            Scale::Times(f) => x * f,
        }
    }
}

/// The scaled values less a number, as far as both are long, each operation rounded to `f32`.
///
/// ```
/// use tokpick::kernel::{Scale, scaled};
/// let mut out = [0.0; 2];
/// scaled(&[1.0, 2.0], Scale::Over(0.5), 4.0, &mut out);
/// assert_eq!(out, [-2.0, 0.0]);
/// ```
pub fn scaled(values: &[f32], scale: Scale, less: f32, out: &mut [f32]) {
    run(Scaled { values, scale, less, out });
}

struct Scaled<'a> {
    values: &'a [f32],
    scale: Scale,
    less: f32,
    out: &'a mut [f32],
}

impl Kernel for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        let n = self.values.len().min(self.out.len());
        let (values, out) = (&self.values[..n], &mut self.out[..n]);
        match self.scale {
            Scale::One => {
                for i in 0..n {
                    out[i] = values[i] - self.less;
                }
            }
            Scale::Over(t) => {
                for i in 0..n {
                    out[i] = values[i] / t - self.less;
                }
            }
            Scale::Times(f) => {
                for i in 0..n {
                    out[i] = values[i] * f - self.less;
                }
            }
        }
    }
}

/// The values in `f64`, as far as both are long, and their sum in some order.
///
/// ```
/// let mut out = [0.0; 2];
/// assert_eq!(tokpick::kernel::widened(&[0.5, 2.0], &mut out), 2.5);
/// assert_eq!(out, [0.5, 2.0]);
/// ```
pub fn widened(values: &[f32], out: &mut [f64]) -> f64 {
    run(Widened { values, out })
}

struct Widened<'a> {
    values: &'a [f32],
    out: &'a mut [f64],
}

impl Kernel for Widened<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> f64 {
        make_and_sum(self.values, self.out, f64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Simd, with_simd};

    #[test]
    fn every_value_is_scaled_as_one() {
        let values: Vec<f32> = (0..99).map(|i| i as f32 * 0.37 - 20.0).chain([f32::NEG_INFINITY]).collect();
        for scale in [Scale::One, Scale::Over(0.7), Scale::Times(1.0 / 0.7)] {
            for simd in Simd::ALL {
                let mut out = [0.0; 100];
                with_simd(simd, || scaled(&values, scale, 1.3, &mut out));
                let expected: Vec<f32> = values.iter().map(|&x| scale.of(x) - 1.3).collect();
                assert_eq!(out, expected[..], "{scale:?} {simd:?}");
            }
        }
    }
}
