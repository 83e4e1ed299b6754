//! Transcendental functions that give the same bits on every platform.
//!
//! An engine's `float` function is the `double` function rounded to float32: the C libraries' float functions are
//! correctly rounded in all but few inputs (glibc's `expf` in all but some 600 in a million), and this in all but a few in a million. The doubles come from the pure Rust `libm`.

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

/// eˣ of many numbers in float64, each as [`exp`] gives it: libm's own operations, without its branches.
pub(in crate::engine) fn exp_each(values: &mut [f64]) {
    for values in values.chunks_mut(256) {
        // beyond are numbers that libm treats by themselves, denormal results among them
        let plain = |&x: &f64| (-708.0..709.0).contains(&x) || x < -746.0;
        if values.iter().all(plain) {
            kernel::each(values, exp_plain);
        } else {
            values.iter_mut().for_each(|x| *x = exp(*x));
        }
    }
}

/// libm's eˣ (FreeBSD's e_exp.c) from −708 to 709, and 0 below: x = k ln 2 + r, and a rational function of r.
#[inline(always)]
fn exp_plain(x: f64) -> f64 {
    const LN2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    /// 1.5 · 2⁵²: added and taken away again, it rounds to a whole number, which then stands in its lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let under = x < -746.0;
    let x = if under { 0.0 } else { x };
    let upper = (x.to_bits() >> 32) & 0x7fff_ffff;
    let half = if x < 0.0 { -0.5 } else { 0.5 };
    let t = std::f64::consts::LOG2_E * x + half;
    let near = (t + ROUND) - ROUND;
    // towards zero
    let whole = if x < 0.0 {
        near + if near < t { 1.0 } else { 0.0 }
    } else {
        near - if near > t { 1.0 } else { 0.0 }
    };
    let k = if upper >= 0x3ff0_a2b2 {
        whole
    } else if upper > 0x3fd6_2e42 {
        2.0 * half
    } else {
        0.0
    };
    let (high, low) = (x - k * LN2[0], k * LN2[1]);
    let r = high - low;
    let s = r * r;
    let p4 = -1.653_390_220_546_525_2e-6 + s * 4.138_136_797_057_238_5e-8;
    let p2 = -2.777_777_777_701_559_3e-3 + s * (6.613_756_321_437_934e-5 + s * p4);
    let c = r - s * (1.666_666_666_666_660_2e-1 + s * p2);
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    let y = if upper > 0x3e30_0000 { y } else { 1.0 + x };
    let y = f64::from_bits(y.to_bits().wrapping_add((k + ROUND).to_bits() << 52));
    if under { 0.0 } else { y }
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

/// Replaces many numbers by eˣ, each as [`exp32`] gives it.
pub(in crate::engine) fn exp32_each(values: &mut [f32]) {
    let (mut x, mut doubles) = ([0.0; 256], [0.0; 256]);
    for values in values.chunks_mut(256) {
        let x = &mut x[..values.len()];
        x.copy_from_slice(values);
        exp32_into(x, &mut doubles, values);
    }
}

/// eˣ of many numbers, each as [`exp32`] gives it, as far as all three are long; `doubles` is working space.
///
/// They come from a quicker exponential of the kernel, which is wrong by 1e-12: where that could change the float32 (one number in ten
/// thousand) or it is denormal, libm decides.
pub(in crate::engine) fn exp32_into(values: &[f32], doubles: &mut [f64], out: &mut [f32]) {
    if kernel::exp32s(values, doubles, out) {
        for ((out, &x), &double) in out.iter_mut().zip(values).zip(&*doubles) {
            if kernel::is_exp32_unsure(double) {
                *out = exp32(x);
            }
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
            (-9_000..200_011).map(|i| i as f32 * -0.000_53).chain([f32::NEG_INFINITY, 0.0]).collect();
        let mut out = values.clone();
        exp32_each(&mut out);
        let each: Vec<f32> = values.iter().map(|&x| exp32(x)).collect();
        assert_eq!(out, each);
    }

    #[test]
    fn many_doubles_are_as_each() {
        let edges = [0x3ff0_a2b2u64, 0x3fd6_2e42, 0x3e30_0000, 0x4086_232b, 0x4087_4910];
        let near =
            edges.iter().flat_map(|edge| (0..600).map(move |i| f64::from_bits((edge - 300 + i) << 32)));
        let even = (0..400_000).map(|i| f64::from(i) * 0.001_873_1);
        let small = (0..2000).map(|i| 2f64.powi(-i / 2) * 1.37);
        let values: Vec<f64> = near.chain(even).chain(small).flat_map(|x| [x, -x]).collect();
        for simd in kernel::Simd::ALL {
            let mut found = values.clone();
            kernel::with_simd(simd, || exp_each(&mut found));
            let wrong = found.iter().zip(&values).find(|(found, x)| found.to_bits() != exp(**x).to_bits());
            assert_eq!(wrong, None, "{simd:?}");
        }
        let mut odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -740.0, 800.0];
        exp_each(&mut odd);
        assert!(odd[0].is_nan());
        assert_eq!(odd[1..], [f64::INFINITY, 0.0, 1.0, 1.0, exp(-740.0), f64::INFINITY]);
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
