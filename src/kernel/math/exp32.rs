//! The exponential of the weights, in `f32`.

/// 1.5 · 2^23: what is added to it is rounded to an integer, which stays in the low bits of the sum.
pub const ROUND: f32 = 12_582_912.0;
/// `ROUND` + n for the least n with a positive 2^n · 2^f: no result is denormal.
pub const LEAST: f32 = ROUND - 125.0;
/// `ROUND` + n for the largest n whose 2^n · 2^f may be finite.
const MOST: f32 = ROUND + 128.0;
/// 2^f on |f| ≤ ½, highest power first: minimax polynomial with relative error 9.4e-8 and constant term 1 (iteratively
/// reweighted least squares, rounded coefficient by coefficient).
#[allow(clippy::approx_constant)] // One is near ln 2, and better here.
pub const COEFFICIENTS: [f32; 6] = [0.001_326_899, 0.009_671_31, 0.055_507_123, 0.240_222_47, 0.693_147, 1.0];
const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// log2 e less its `f32`.
const LOG2_E_LOW: f32 = 1.925_963e-8;

/// e^x with a relative error below 1.8e-7, by the same operations on every processor.
///
/// 0 for x < −86.99 (so that no result is denormal), 1 for ±0, ∞ above 88.72, NaN for NaN.
///
/// ```
/// assert_eq!(tokpick::kernel::exp32(0.0), 1.0);
/// assert_eq!(tokpick::kernel::exp32(f32::NEG_INFINITY), 0.0);
/// ```
pub fn exp32(x: f32) -> f32 {
    power(x, LOG2_E, LOG2_E_LOW)
}

/// 2^(x · (s + low)): x · s is rounded to an integer n and its exact rest, plus x · low, to f; then 2^f by polynomial, times 2^n.
#[inline(always)]
pub fn power(x: f32, s: f32, low: f32) -> f32 {
    let t = x.mul_add(s, ROUND);
    if t < LEAST {
        return 0.0;
    }
    if t > MOST {
        return f32::INFINITY;
    }
    let n = t - ROUND;
    let f = x.mul_add(low, x.mul_add(s, -n));
    let [first, rest @ ..] = COEFFICIENTS;
    let p = rest.into_iter().fold(first, |p, c| p.mul_add(f, c));
    // In two halves, because 2^128 isn't a number and p < 1 may need it.
    let half = f32::from_bits((t.to_bits() << 23).wrapping_add(126 << 23));
    2.0 * p * half
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Band, Simd, Slice, Weigh, mass, with_simd};

    fn relative(x: f32) -> f64 {
        let exact = f64::from(x).exp();
        (f64::from(exp32(x)) - exact).abs() / exact
    }

    #[test]
    fn specials() {
        for (x, y) in [
            (0.0, 1.0),
            (-0.0, 1.0),
            (f32::NEG_INFINITY, 0.0),
            (f32::MIN, 0.0),
            (-87.1, 0.0),
            (89.0, f32::INFINITY),
            (f32::MAX, f32::INFINITY),
            (f32::INFINITY, f32::INFINITY),
            (f32::MIN_POSITIVE, 1.0),
            (-1e-40, 1.0),
        ] {
            assert_eq!(exp32(x), y, "{x}");
            assert!(!exp32(x).is_sign_negative());
        }
        assert!(exp32(f32::NAN).is_nan());
    }

    #[test]
    fn is_accurate_wherever_it_is_positive() {
        // Every 251st float of each sign: 4.3 million arguments up to the ends of the range.
        let mut worst = (0.0, 0.0);
        for sign in [0u32, 1 << 31] {
            for bits in (0..=88.7f32.to_bits()).step_by(251) {
                let x = f32::from_bits(sign | bits);
                if exp32(x) > 0.0 {
                    let e = relative(x);
                    if e > worst.0 {
                        worst = (e, x);
                    }
                }
            }
        }
        assert!(worst.0 < 1.8e-7, "{worst:?}");
    }

    #[test]
    fn rows_are_weighed_by_the_same_function() {
        for bits in (0..=100f32.to_bits()).step_by(50_001) {
            let x = -f32::from_bits(bits);
            let w = Weigh { max: 0.0, scale: 0.9 };
            for simd in Simd::ALL {
                let sum = || mass(Slice { ids: None, values: &[x] }, w, Band::ALL, &mut Vec::new());
                assert_eq!(with_simd(simd, sum), f64::from(w.weight(x)), "{x} {simd:?}");
            }
        }
    }

    #[test]
    fn positive_results_are_normal() {
        assert!(exp32(-86.9).is_normal());
        for bits in 87f32.to_bits()..88f32.to_bits() {
            let y = exp32(-f32::from_bits(bits));
            assert!(y == 0.0, "{y}");
        }
        for bits in 86.9f32.to_bits()..87f32.to_bits() {
            let y = exp32(-f32::from_bits(bits));
            assert!(y == 0.0 || y.is_normal(), "{y}");
        }
    }

    #[test]
    fn weights_are_powers_of_the_scaled_difference() {
        let w = Weigh { max: 3.5, scale: 1.25 };
        assert_eq!(w.weight(3.5), 1.0);
        for i in 0..6000 {
            let x = 3.5 - i as f32 * 0.01;
            let exact = ((f64::from(x) - 3.5) * 1.25).exp();
            // The product with log2 e · scale, rounded once, is a relative error of the exponent.
            let bound = 1.8e-7 - 6e-8 * exact.ln();
            assert!((f64::from(w.weight(x)) / exact - 1.0).abs() <= bound, "{x}");
        }
        let steep = Weigh { max: 1.0, scale: f32::MAX };
        assert_eq!((steep.weight(1.0), steep.weight(0.999)), (1.0, 0.0));
    }
}
