//! Exponential and logarithm in `f64`, the same bits on every processor.

pub const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// 1.5 · 2^52: what is added to it is rounded to an integer, which stays in the low bits of the sum; subtracting it leaves the integer.
pub const ROUND: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts; the first has 33 bits, so that its products with exponents are exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Below it even the least denormal is out of reach.
const LOWEST: f64 = -745.2;
/// Above it the result is infinite.
const HIGHEST: f64 = 709.8;

/// The parts of e^x = 2^n · (1 + m): (n, m), for x in `LOWEST..=HIGHEST`.
#[inline(always)]
fn reduce(x: f64) -> (i64, f64) {
    /// 1/2!, 1/3!, …, 1/14!: at |r| ≤ ½ ln 2 the next term is below 4e-20.
    const FACTORIALS: [f64; 13] = {
        let mut c = [0.5; 13];
        let (mut i, mut f) = (1, 2.0);
        while i < 13 {
            f *= (i + 2) as f64;
            c[i] = 1.0 / f;
            i += 1;
        }
        c
    };
    let n = x.mul_add(LOG2_E, ROUND) - ROUND;
    let high = n.mul_add(-LN_2_HIGH, x);
    let r = n.mul_add(-LN_2_LOW, high);
    let lost = n.mul_add(-LN_2_LOW, high - r);
    let q = FACTORIALS.iter().rev().fold(0.0, |q: f64, &c| q.mul_add(r, c));
    (n as i64, (r * r).mul_add(q, lost * (1.0 + r)) + r)
}

/// 2^n for n in −1022..=1023.
#[inline(always)]
fn power(n: i64) -> f64 {
    f64::from_bits(((1023 + n) as u64) << 52)
}

/// e^x within 1 ulp.
///
/// ```
/// assert_eq!(tokpick::kernel::exp(0.0), 1.0);
/// ```
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x < LOWEST {
        return 0.0;
    }
    if x > HIGHEST {
        return f64::INFINITY;
    }
    let (n, m) = reduce(x);
    // Two steps, so that a denormal result is rounded once and 2^1024 isn't needed.
    let half = n / 2;
    (1.0 + m) * power(half) * power(n - half)
}

/// e^x − 1 within 2 ulp, also near 0.
#[inline(always)]
pub fn exp_m1(x: f64) -> f64 {
    if x.is_nan() || x == 0.0 {
        return x;
    }
    if x < -40.0 {
        return -1.0;
    }
    if x > HIGHEST {
        return f64::INFINITY;
    }
    let (n, m) = reduce(x);
    if n == 0 {
        return m;
    }
    if n > 1022 {
        return exp(x);
    }
    power(n).mul_add(m, power(n) - 1.0)
}

/// Hyperbolic tangent within 3 ulp: (e^2x − 1) / (e^2x + 1), from the side that can't overflow.
///
/// ```
/// assert_eq!(tokpick::kernel::tanh(f64::INFINITY), 1.0);
/// ```
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        return x;
    }
    let t = exp_m1(-2.0 * x.abs());
    (-t / (2.0 + t)).copysign(x)
}

/// Natural logarithm within 1 ulp: −∞ for ±0, NaN below 0.
///
/// ```
/// assert_eq!(tokpick::kernel::ln(1.0), 0.0);
/// ```
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    let (e, f) = split(x);
    log_of(e, f, 0.0)
}

/// ln(1 + x) within 2 ulp, also near 0: −∞ for −1, NaN below.
#[inline(always)]
pub fn ln_1p(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY || x == 0.0 {
        return x;
    }
    if x == -1.0 {
        return f64::NEG_INFINITY;
    }
    if x < -1.0 {
        return f64::NAN;
    }
    // 1 + x = u + c exactly.
    let u = 1.0 + x;
    let c = if x > 1.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
    let (e, f) = split(u);
    log_of(e, f, c / u)
}

/// x = 2^e · (1 + f) with 1 + f in [√½, √2), for positive finite x.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let (x, shift) = if x < f64::MIN_POSITIVE { (x * power(54), 54) } else { (x, 0) };
    // With the exponent field counted from √½ up, the mantissa of that field lies in [√½, √2).
    let bits = x.to_bits().wrapping_sub(SQRT_HALF);
    let e = (bits as i64) >> 52;
    let m = f64::from_bits((bits & ((1 << 52) - 1)) + SQRT_HALF);
    ((e - shift) as f64, m - 1.0)
}

/// e · ln 2 + ln(1 + f) + c. With s = f / (2 + f), ln(1 + f) = 2 s + s · R(s²), R = ⅔ s² + ⅖ s⁴ + …, arranged as in
/// Sun's fdlibm so that f enters the sum exactly.
#[inline(always)]
fn log_of(e: f64, f: f64, c: f64) -> f64 {
    /// 2/3, 2/5, …: at |s| ≤ 0.1716 the next term is below 1e-18 of the sum.
    const ODD: [f64; 11] = {
        let mut a = [0.0; 11];
        let mut i = 0;
        while i < 11 {
            a[i] = 2.0 / (2 * i + 3) as f64;
            i += 1;
        }
        a
    };
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * ODD.iter().rev().fold(0.0, |r: f64, &a| r.mul_add(z, a));
    let half = 0.5 * f * f;
    let low = s.mul_add(half + r, e.mul_add(LN_2_LOW, c));
    e.mul_add(LN_2_HIGH, f - (half - low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A function and its specials: (argument, result).
    type Cases = (fn(f64) -> f64, &'static [(f64, f64)]);

    const INF: f64 = f64::INFINITY;

    #[test]
    fn specials() {
        let table: [Cases; 5] = [
            (
                exp,
                &[
                    (0.0, 1.0),
                    (-0.0, 1.0),
                    (-INF, 0.0),
                    (INF, INF),
                    (-746.0, 0.0),
                    (710.0, INF),
                    (5e-324, 1.0),
                ],
            ),
            (exp_m1, &[(0.0, 0.0), (-INF, -1.0), (INF, INF), (5e-324, 5e-324), (-50.0, -1.0)]),
            (tanh, &[(0.0, 0.0), (INF, 1.0), (-INF, -1.0), (5e-324, 5e-324), (30.0, 1.0)]),
            (ln, &[(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (5e-324, -744.440_071_921_381_2)]),
            (
                ln_1p,
                &[(0.0, 0.0), (-1.0, -INF), (INF, INF), (5e-324, 5e-324), (f64::MAX, 709.782_712_893_384)],
            ),
        ];
        for (f, cases) in table {
            for &(x, y) in cases {
                assert_eq!(f(x), y, "f({x})");
            }
            assert!(f(f64::NAN).is_nan());
        }
        assert!(ln(-1.0).is_nan() && ln(-INF).is_nan());
        assert!(ln_1p(-1.5).is_nan() && ln_1p(-INF).is_nan());
        // Each rounded once: the least denormal, and the largest finite result.
        assert_eq!(exp(-744.9), 5e-324);
        assert!(exp(709.78) < INF && exp(709.78) > 1e308);
    }

    fn close(got: f64, want: f64) -> bool {
        got == want || (got - want).abs() <= 1e-15 * want.abs()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn exp_agrees_with_the_platform(x in -708.0..709.7f64, y in -1.0..1.0f64) {
            for x in [x, y, y * 1e-3] {
                prop_assert!(close(exp(x), x.exp()), "{x}");
                prop_assert!(close(exp_m1(x), x.exp_m1()), "{x}");
            }
        }

        #[test]
        fn tanh_agrees_with_the_platform(x in -25.0..25.0f64, e in -30i32..0) {
            for x in [x, x * 2f64.powi(e)] {
                prop_assert!(close(tanh(x), x.tanh()), "{x}");
            }
        }

        #[test]
        fn ln_agrees_with_the_platform(bits in 1u64..0x7ff0_0000_0000_0000, y in 0.5..2.0f64) {
            for x in [f64::from_bits(bits), y] {
                prop_assert!(close(ln(x), x.ln()), "{x}");
            }
        }

        #[test]
        fn ln_1p_agrees_with_the_platform(y in -0.999_999..3.0f64, e in -80i32..80) {
            for x in [y, y.abs() * 2f64.powi(e), y * 2f64.powi(-e.abs())] {
                prop_assert!(close(ln_1p(x), x.ln_1p()), "{x}");
            }
        }
    }
}
