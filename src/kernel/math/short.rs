//! The exponential in `f64`, as far as `f32` needs it.

use super::exp_ln::{LOG2_E, ROUND};
use super::narrow::is_unsure;
use crate::kernel::simd::isa::make_and_sum;
use crate::kernel::simd::{Isa, Kernel, run};

/// e^r on |r| ≤ ½ ln 2, highest power first: minimax polynomial with relative error 7.8e-13 (Remez).
const COEFFICIENTS: [f64; 9] = [
    2.472_719_690_601_501e-5,
    1.991_543_657_215_96e-4,
    1.388_917_876_944_544_5e-3,
    8.333_267_006_014_045e-3,
    4.166_666_421_853_274e-2,
    0.166_666_668_855_752_2,
    0.500_000_000_061_872_7,
    0.999_999_999_980_608,
    0.999_999_999_999_762_1,
];

/// What [`exp_short`] may be wrong by, relatively: the bound of its polynomial is 7.8e-13, and roundings add some 1e-15.
pub const EXP_SHORT: f64 = 1e-12;
/// The same in last places of an `f64`, with room: doubles so near to the middle between two `f32` may be rounded the other way.
const NEAR: u64 = 1 << 14;

/// e^x within 1e-12 of it (relative) for |x| ≤ 200; beyond, e^±200. NaN is NaN.
///
/// ```
/// assert!((tokpick::kernel::exp_short(1.0) - std::f64::consts::E).abs() < 3e-12);
/// ```
#[inline(always)]
pub fn exp_short(x: f64) -> f64 {
    // in this order NaN stays
    let x = if -200.0 > x { -200.0 } else { x };
    let x = if 200.0 < x { 200.0 } else { x };
    let t = x.mul_add(LOG2_E, ROUND);
    let r = (t - ROUND).mul_add(-std::f64::consts::LN_2, x);
    let [first, rest @ ..] = COEFFICIENTS;
    let mut p = first;
    for c in rest {
        p = p.mul_add(r, c);
    }
    f64::from_bits(p.to_bits().wrapping_add(t.to_bits() << 52))
}

/// e^x of each number as `f32`, and in `doubles` what was rounded, as far as all three are long; true if one of them is unsure
/// ([`is_exp32_unsure`]): the exponential itself may round the other way.
///
/// ```
/// let (mut doubles, mut out) = ([0.0; 2], [7.0; 2]);
/// assert!(!tokpick::kernel::exp32s(&[0.0, f32::NEG_INFINITY], &mut doubles, &mut out));
/// assert_eq!(out, [1.0, 0.0]);
/// ```
pub fn exp32s(values: &[f32], doubles: &mut [f64], out: &mut [f32]) -> bool {
    run(Exp32s { values, doubles, out })
}

/// Whether a double of [`exp32s`] is too near to the middle between two `f32` to tell how the exponential itself is rounded; denormals are.
///
/// ```
/// use tokpick::kernel::is_exp32_unsure;
/// assert!(!is_exp32_unsure(1.0));
/// assert!(is_exp32_unsure(1.0 + f64::from(f32::EPSILON) / 2.0));
/// ```
pub fn is_exp32_unsure(double: f64) -> bool {
    is_unsure(double, NEAR)
}

struct Exp32s<'a> {
    values: &'a [f32],
    doubles: &'a mut [f64],
    out: &'a mut [f32],
}

impl Kernel for Exp32s<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> bool {
        let n = self.values.len().min(self.doubles.len()).min(self.out.len());
        let (values, doubles, out) = (&self.values[..n], &mut self.doubles[..n], &mut self.out[..n]);
        let mut unsure = 0;
        for i in 0..n {
            let e = exp_short(f64::from(values[i]));
            unsure |= u64::from(is_unsure(e, NEAR));
            doubles[i] = e;
            out[i] = e as f32;
        }
        unsure != 0
    }
}

/// e^(x · scale − less) of each number within [`EXP_SHORT`], as far as both are long, and their sum in some order.
///
/// ```
/// let mut out = [0.0; 2];
/// let sum = tokpick::kernel::exps(&[1.0, f32::NEG_INFINITY], 2.0, 2.0, &mut out);
/// assert!((sum - 1.0).abs() < 1e-11 && out[1] < 1e-80);
/// ```
pub fn exps(values: &[f32], scale: f64, less: f64, out: &mut [f64]) -> f64 {
    run(Exps { values, scale, less, out })
}

struct Exps<'a> {
    values: &'a [f32],
    scale: f64,
    less: f64,
    out: &'a mut [f64],
}

impl Kernel for Exps<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> f64 {
        make_and_sum(
            self.values,
            self.out,
            #[inline(always)]
            |x| exp_short(f64::from(x) * self.scale - self.less),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Simd, with_simd};

    #[test]
    fn is_as_near_as_it_says() {
        let even = (-1_999_990..=1_999_990).map(|i| f64::from(i) * 1e-4);
        let small = (0..900).flat_map(|i| [2f64.powi(-i), -2f64.powi(-i)]);
        for x in even.chain(small) {
            let exact = libm::exp(x);
            assert!((exp_short(x) - exact).abs() <= EXP_SHORT * exact, "{x}");
        }
        assert_eq!(exp_short(f64::NEG_INFINITY), exp_short(-200.0));
        assert_eq!(exp_short(f64::INFINITY), exp_short(200.0));
        assert!(exp_short(f64::NAN).is_nan());
        let mut out = [0.0; 2];
        exp32s(&[f32::NAN, 0.0], &mut [0.0; 2], &mut out);
        assert!(out[0].is_nan() && out[1] == 1.0);
    }

    #[test]
    fn what_is_sure_is_rounded_as_the_exponential_itself() {
        let values: Vec<f32> = (0..400_000).map(|i| i as f32 * -2.71e-4).chain([f32::NEG_INFINITY]).collect();
        for simd in Simd::ALL {
            let (mut doubles, mut out) = (vec![0.0; values.len()], vec![0.0; values.len()]);
            assert!(with_simd(simd, || exp32s(&values, &mut doubles, &mut out)), "denormals are unsure");
            let mut unsure = 0;
            for ((&x, &double), &e) in values.iter().zip(&doubles).zip(&out) {
                if is_exp32_unsure(double) {
                    unsure += usize::from(e >= f32::MIN_POSITIVE);
                } else {
                    assert_eq!(e, libm::exp(f64::from(x)) as f32, "{x} {simd:?}");
                }
            }
            assert!((1..200).contains(&unsure), "{unsure}");
        }
    }

    #[test]
    fn sums_are_those_of_the_exponentials() {
        let values: Vec<f32> = (0..1003).map(|i| ((i * 37) % 101) as f32 * 0.2).collect();
        for simd in Simd::ALL {
            for n in [0, 1, 15, 16, 1003] {
                let mut out = vec![0.0; n];
                let sum = with_simd(simd, || exps(&values[..n], 0.5, 10.0, &mut out));
                let exact: f64 = values[..n].iter().map(|&x| libm::exp(f64::from(x) * 0.5 - 10.0)).sum();
                assert!((sum - exact).abs() <= 2e-12 * exact, "{n} {simd:?}");
                assert!((sum - out.iter().sum::<f64>()).abs() <= 1e-13 * sum, "{n} {simd:?}");
            }
        }
    }
}
