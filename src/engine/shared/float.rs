//! Transcendental functions that give the same bits on every platform.
//!
//! An engine's `float` function is the `double` function rounded to float32: the C libraries' float functions are
//! correctly rounded in all but a few inputs in a million, and so is this. The doubles come from the pure Rust `libm`.

use crate::kernel;
use std::cmp::Ordering;
use std::sync::Arc;

/// The numbers as float64.
pub(in crate::engine) fn widen(values: &[f32]) -> Arc<[f64]> {
    values.iter().map(|&x| f64::from(x)).collect()
}

/// The order of two numbers, −0 and 0 being equal; NaN comes last.
pub(in crate::engine) fn rising(a: f32, b: f32) -> Ordering {
    (a + 0.0).total_cmp(&(b + 0.0))
}

/// How far apart float32 numbers are at the largest of the scores that can win a race: those at most 30 below the best.
pub(in crate::engine) fn spacing(scores: &[f32]) -> f64 {
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let able = scores.iter().filter(|&&x| x >= best - 30.0 && x.is_finite());
    let largest = able.fold(0f32, |most, x| most.max(x.abs()));
    f64::from(largest.next_up()) - f64::from(largest)
}

/// eˣ in float64.
pub(in crate::engine) fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// ln(1 + x) in float64.
pub(in crate::engine) fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// ln x in float64.
pub(in crate::engine) fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// xʸ in float64.
pub(in crate::engine) fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// eˣ as float32.
pub(in crate::engine) fn exp32(x: f32) -> f32 {
    libm::exp(f64::from(x)) as f32
}

/// eˣ of many numbers, each as [`exp32`] gives it.
///
/// They come from the quicker exponential of the kernel, whose doubles differ in the last bits: where these could change the float32 (one number in
/// ten million) or it is denormal, libm decides.
pub(in crate::engine) fn exp32_each(values: impl ExactSizeIterator<Item = f32>, out: &mut Vec<f32>) {
    /// What a double has more than a float32.
    const REST: u64 = (1 << 29) - 1;
    /// Doubles so near to the middle between two float32 may be rounded the other way.
    const NEAR: u64 = 16;
    let mut values = values.peekable();
    out.clear();
    out.reserve(values.len());
    let mut exps = [0.0; 256];
    while values.peek().is_some() {
        let start = out.len();
        out.extend(values.by_ref().take(exps.len()));
        let (x, exps) = (&mut out[start..], &mut exps);
        let n = x.len();
        exps.iter_mut().zip(&*x).for_each(|(e, &x)| *e = f64::from(x));
        kernel::each(&mut exps[..n], kernel::exp);
        for (x, &e) in x.iter_mut().zip(&*exps) {
            let unsure = (e.to_bits() & REST).abs_diff(REST / 2 + 1) < NEAR;
            let denormal = e > 0.0 && e < f64::from(f32::MIN_POSITIVE);
            *x = if unsure || denormal { exp32(*x) } else { e as f32 };
        }
    }
}

/// ln x as float32.
pub(in crate::engine) fn ln32(x: f32) -> f32 {
    libm::log(f64::from(x)) as f32
}

/// log₂ x as float32.
pub(in crate::engine) fn log2_32(x: f32) -> f32 {
    libm::log2(f64::from(x)) as f32
}

/// xʸ as float32.
pub(in crate::engine) fn pow32(x: f32, y: f32) -> f32 {
    libm::pow(f64::from(x), f64::from(y)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Correctly rounded values, from 40 decimal digits.
    #[test]
    fn rounds_correctly() {
        assert_eq!(exp32(1.0).to_bits(), 0x402d_f854);
        assert_eq!(exp32(-20.0).to_bits(), 0x310d_a433);
        assert_eq!(ln32(10.0).to_bits(), 0x4013_5d8e);
        assert_eq!(log2_32(3.0).to_bits(), 0x3fca_e00d);
        assert_eq!(pow32(2.0, 0.5).to_bits(), 0x3fb5_04f3);
        assert_eq!(ln_1p(-0.5).to_bits(), (-std::f64::consts::LN_2).to_bits());
    }

    #[test]
    fn many_are_as_each() {
        let values: Vec<f32> =
            (0..20_011).map(|i| i as f32 * -0.005_3).chain([f32::NEG_INFINITY, 0.0]).collect();
        let mut out = vec![7.0];
        exp32_each(values.iter().copied(), &mut out);
        let each: Vec<f32> = values.iter().map(|&x| exp32(x)).collect();
        assert_eq!(out, each);
    }

    #[test]
    fn limits() {
        assert_eq!(exp32(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp32(-200.0), 0.0);
        assert_eq!(ln32(0.0), f32::NEG_INFINITY);
        assert_eq!(ln_1p(0.0), 0.0);
        assert_eq!(rising(-0.0, 0.0), Ordering::Equal);
        assert_eq!(rising(-1.0, 0.0), Ordering::Less);
    }
}
