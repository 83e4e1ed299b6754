//! Doubles that become floats.

use crate::kernel::simd::{Isa, Kernel, run};

/// Rounds every number to f32, as far as both are long; true if any is so near to the middle between two f32 (less than `near` of its
/// last places, 1 to 2^27) that one a little larger or smaller might be rounded the other way, or becomes a denormal f32: see [`is_unsure`].
///
/// ```
/// use tokpick::kernel::narrow;
/// let (mut out, middle) = ([0.0; 2], 1.0 + 2f64.powi(-24));
/// assert!(!narrow(&[0.1, 3.0], 16, &mut out));
/// assert_eq!(out, [0.1, 3.0]);
/// assert!(narrow(&[0.1, middle + f64::EPSILON], 16, &mut out) && narrow(&[1e-39], 16, &mut out));
/// ```
pub fn narrow(values: &[f64], near: u64, out: &mut [f32]) -> bool {
    run(Narrow { values, near: near.clamp(1, 1 << 27), out })
}

/// What [`narrow`] says of one number.
#[inline(always)]
pub fn is_unsure(x: f64, near: u64) -> bool {
    /// What a double has more than a float.
    const REST: u64 = (1 << 29) - 1;
    /// Half of what is rounded to 0: 2^-151.
    const NOTHING: f64 = f64::from_bits((1023 - 151) << 52);
    // how far above the lowest place that is too near, and beyond the highest one where it wraps
    let above = (x.to_bits() & REST).wrapping_sub(REST / 2 + 2 - near);
    (above < 2 * near - 1) | ((x >= NOTHING) & (x < f64::from(f32::MIN_POSITIVE)))
}

struct Narrow<'a> {
    values: &'a [f64],
    near: u64,
    out: &'a mut [f32],
}

impl Kernel for Narrow<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> bool {
        let mut unsure = 0;
        for (out, &x) in self.out.iter_mut().zip(self.values) {
            unsure |= u64::from(is_unsure(x, self.near));
            *out = x as f32;
        }
        unsure != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Simd, with_simd};

    #[test]
    fn denormals_are_unsure_and_nothing_is_not() {
        let two_to = |n| 2f64.powi(n);
        for (x, unsure) in [
            (0.0, false),
            (two_to(-152), false),
            (1.5 * two_to(-150), true),
            (two_to(-127), true),
            (two_to(-126), false),
        ] {
            assert_eq!(is_unsure(x, 16), unsure, "{x:e}");
        }
    }

    #[test]
    fn every_place_near_the_middle_is_found() {
        let middle = (1.0 + 2f64.powi(-24)).to_bits();
        for simd in Simd::ALL {
            for near in [1, 16] {
                for off in -20i64..=20 {
                    let x = f64::from_bits(middle.wrapping_add_signed(off));
                    let mut out = [0.0; 9];
                    let found = with_simd(simd, || {
                        narrow(&[0.5, 2.0, 0.0, 1.0, 1.5, 0.1, 7.0, 0.3, x], near, &mut out)
                    });
                    assert_eq!(found, off.unsigned_abs() < near, "{simd:?} {near} {off}");
                    assert_eq!(out[8], x as f32);
                }
            }
        }
    }
}
