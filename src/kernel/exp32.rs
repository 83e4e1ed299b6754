//! The exponential of the weights, in `f32`.

/// The lowest argument with a positive result: e^−86.9, four times the least normal number.
const LOWEST: f32 = -86.9;
/// Above it the result is infinite; it keeps the exponent arithmetic in range.
const HIGHEST: f32 = 89.0;
const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// 1.5 · 2^23 rounds what is added to it to an integer and leaves it in the low bits; + 126 is the exponent bias less one.
const ROUND: f32 = 12_582_912.0 + 126.0;
/// ln 2 in two parts; the first has 16 bits, so that its products with exponents are exact.
const LN_2_HIGH: f32 = 0.693_145_75;
const LN_2_LOW: f32 = 1.428_606_8e-6;
/// 2 · e^r on |r| ≤ ½ ln 2: minimax polynomial with relative error 3.1e-9 (constant term 2, found by iteratively reweighted
/// least squares, rounded coefficient by coefficient). The factor 2 keeps 2^(n−1) a normal number for every n.
const C1: f32 = 2.0;
const C2: f32 = 0.999_999_9;
const C3: f32 = 0.333_330_42;
const C4: f32 = 0.083_336_53;
const C5: f32 = 0.016_737_355;
const C6: f32 = 0.002_764_146_8;

/// e^x to about 1 ulp, by the same operations on every processor.
///
/// 0 for x < −86.9 (so that no result is denormal), 1 for ±0, ∞ above 88.72, NaN for NaN.
///
/// ```
/// assert_eq!(tokpick::kernel::exp32(0.0), 1.0);
/// assert_eq!(tokpick::kernel::exp32(f32::NEG_INFINITY), 0.0);
/// ```
#[inline(always)]
pub fn exp32(x: f32) -> f32 {
    let a = if HIGHEST < x { HIGHEST } else { x };
    let t = a.mul_add(LOG2_E, ROUND);
    let n = t - ROUND;
    let r = n.mul_add(-LN_2_HIGH, a);
    let r = n.mul_add(-LN_2_LOW, r);
    let p = C6.mul_add(r, C5);
    let p = p.mul_add(r, C4);
    let p = p.mul_add(r, C3);
    let p = p.mul_add(r, C2);
    let p = p.mul_add(r, C1);
    let p = p.mul_add(r, 2.0);
    let y = p * f32::from_bits(t.to_bits() << 23);
    if a < LOWEST { 0.0 } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (-87.0, 0.0),
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
    fn is_accurate_to_an_ulp_wherever_it_is_positive() {
        // Every 251st float of each sign: 4.3 million arguments up to the ends of the range.
        let mut worst = (0.0, 0.0);
        for sign in [0u32, 1 << 31] {
            for bits in (0..=88.7f32.to_bits()).step_by(251) {
                let x = f32::from_bits(sign | bits);
                if x >= LOWEST {
                    let e = relative(x);
                    if e > worst.0 {
                        worst = (e, x);
                    }
                }
            }
        }
        assert!(worst.0 < 1.2e-7, "{worst:?}");
    }

    #[test]
    fn positive_results_are_normal() {
        assert!(exp32(LOWEST).is_normal());
        assert_eq!(exp32(LOWEST.next_down()), 0.0);
    }
}
