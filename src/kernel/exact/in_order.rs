//! Sums whose additions are prescribed one after the other in `f32`, without doing them one after the other.
//!
//! While a running sum s stays within a binade, from 2^k up to 2^(k+1), it is a multiple of u = 2^(k−23), and adding v ≥ 0 adds v rounded to
//! a multiple of u: to the same one whatever s is, unless v lies in the middle between two, where the parity of s decides. So the rounded
//! values of a span can be added in any order, exactly. Where a value lies in a middle, or the sum leaves its binade, the additions are
//! done one after the other.

use crate::kernel::row::{LANES, SPAN};
use crate::kernel::simd::{Isa, Kernel, run};

/// s, s + v₀, (s + v₀) + v₁, … for values ≥ 0, each addition rounded to `f32`: the running sum before every [`SPAN`] values into `starts`
/// (cleared), and the last one.
///
/// ```
/// let mut starts = Vec::new();
/// // a sum of 2^24 swallows a single 1
/// let sum = tokpick::kernel::sums_in_order(&[16_777_216.0, 1.0, 1.0], &mut starts);
/// assert_eq!((sum, starts), (16_777_216.0, vec![0.0]));
/// ```
pub fn sums_in_order(values: &[f32], starts: &mut Vec<f32>) -> f32 {
    starts.clear();
    starts.reserve(values.len().div_ceil(SPAN));
    run(InOrder { values, starts })
}

/// The first value whose running sum `passed` names, given the running sums before each span as [`sums_in_order`] finds them (of values that are
/// not negative, so that they never fall); the number of values if none is named. Later sums have to be named, too.
///
/// ```
/// use tokpick::kernel::{first_passed, sums_in_order};
/// let (values, mut starts) = ([0.5, 0.25, 0.25], Vec::new());
/// sums_in_order(&values, &mut starts);
/// assert_eq!(first_passed(&values, &starts, |sum| sum > 0.6), 1);
/// ```
pub fn first_passed(values: &[f32], starts: &[f32], passed: impl Fn(f32) -> bool) -> usize {
    let span = starts.partition_point(|&sum| !passed(sum)).saturating_sub(1);
    let Some(&start) = starts.get(span) else { return values.len() };
    let mut sum = start;
    let end = values.len().min((span + 1) * SPAN);
    for (i, &v) in values[..end].iter().enumerate().skip(span * SPAN) {
        sum += v;
        if passed(sum) {
            return i;
        }
    }
    end
}

struct InOrder<'a> {
    values: &'a [f32],
    starts: &'a mut Vec<f32>,
}

impl Kernel for InOrder<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f32 {
        let mut sum = 0f32;
        let mut values = self.values;
        while !values.is_empty() {
            let (span, rest) = values.split_at(SPAN.min(values.len()));
            values = rest;
            self.starts.push(sum);
            sum = match at_once(isa, sum, span) {
                Some(sum) => sum,
                None => {
                    for &v in span {
                        sum += v;
                    }
                    sum
                }
            };
        }
        sum
    }
}

/// The sum after a span, if its additions can be done at once.
#[inline(always)]
fn at_once<I: Isa>(isa: I, sum: f32, span: &[f32]) -> Option<f32> {
    /// From here on half of a unit is a normal number.
    const LEAST: f32 = f32::from_bits((127 - 100) << 23);
    const MOST: f32 = f32::from_bits((127 + 100) << 23);
    let (rows, rest) = span.as_chunks::<LANES>();
    if !(LEAST..MOST).contains(&sum) || !rest.is_empty() {
        return None;
    }
    let binade = f32::from_bits(sum.to_bits() & 0xff80_0000);
    let (base, half) = (isa.splat(binade), isa.splat(binade * 2f32.powi(-24)));
    let minus_half = isa.splat(binade * -(2f32.powi(-24)));
    let (mut sums, mut inside) = (isa.splat(0.0), isa.lt(base, isa.splat(f32::INFINITY)));
    for row in rows {
        let v = isa.load(row);
        let rounded = isa.sub(isa.add(base, v), base);
        let lost = isa.sub(v, rounded);
        inside = isa.and(inside, isa.and(isa.lt(lost, half), isa.lt(minus_half, lost)));
        sums = isa.add(sums, rounded);
    }
    if isa.bits(inside) != u32::MAX {
        return None;
    }
    let mut lanes = isa.store(sums);
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    // beyond the binade a sum may be rounded, but not to below its end
    let after = sum + lanes[0];
    (after < 2.0 * binade).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Simd, with_simd};

    fn running(values: &[f32]) -> Vec<f32> {
        let mut sum = 0f32;
        let add = |&v: &f32| {
            sum += v;
            sum
        };
        values.iter().map(add).collect()
    }

    /// Values of many sizes, with few bits (whose sums meet middles) or many, and zeros.
    fn rows() -> Vec<Vec<f32>> {
        let mut state = 1u64;
        let mut word = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        let mut rows: Vec<Vec<f32>> = vec![vec![], vec![0.0; 700], vec![1e-45; 600], vec![3e38; 300]];
        for bits in [1, 3, 8, 23] {
            for (least, most) in [(1, 4), (1, 24), (12, 30), (20, 24), (100, 149)] {
                for n in [1, 255, 256, 300, 5000] {
                    let mut value = || {
                        let mantissa = 1.0 + (word() >> 9 << (23 - bits) & 0x7f_ffff) as f32 * 2f32.powi(-23);
                        let exponent = least + word() % (most - least);
                        if word() % 9 == 0 { 0.0 } else { mantissa * 2f32.powi(-(exponent as i32)) }
                    };
                    rows.push((0..n).map(|_| value()).collect());
                }
            }
        }
        // what is too small to be added at all, and what stands exactly in the middle
        rows.push([vec![1.0], vec![2f32.powi(-24); 2000]].concat());
        rows.push([vec![1.0 + f32::EPSILON], vec![2f32.powi(-24); 2000]].concat());
        rows.push([vec![1.0], vec![2f32.powi(-25) * 1.1; 2000]].concat());
        rows
    }

    #[test]
    fn the_sums_are_those_of_a_loop() {
        for values in rows() {
            let expected = running(&values);
            for simd in Simd::ALL {
                let mut starts = vec![7.0];
                let sum = with_simd(simd, || sums_in_order(&values, &mut starts));
                assert_eq!(sum.to_bits(), expected.last().copied().unwrap_or(0.0).to_bits(), "{simd:?}");
                let before = (0..values.len()).step_by(SPAN);
                let before: Vec<f32> = before.map(|i| if i == 0 { 0.0 } else { expected[i - 1] }).collect();
                assert_eq!(starts, before, "{simd:?}");
            }
        }
    }

    #[test]
    fn the_first_that_passes_is_that_of_a_loop() {
        for values in rows() {
            let (mut starts, expected) = (Vec::new(), running(&values));
            let sum = sums_in_order(&values, &mut starts);
            for share in [0.0, 0.1, 0.37, 0.5, 0.9, 1.0f32] {
                let target = share * sum;
                let above = expected.iter().position(|&c| c > target).unwrap_or(values.len());
                assert_eq!(first_passed(&values, &starts, |c| c > target), above, "{share}");
                let reached = expected.iter().position(|&c| c >= target).unwrap_or(values.len());
                assert_eq!(first_passed(&values, &starts, |c| c >= target), reached, "{share}");
            }
        }
    }

    #[test]
    fn most_spans_are_added_at_once() {
        let values: Vec<f32> =
            (0..8 * SPAN as u32).map(|i| 1.0 / (60_000 + i * 7_919 % 4093) as f32).collect();
        let mut sum = 0.5;
        for span in values.chunks(SPAN) {
            let after = with_simd(Simd::V1, || at_once(crate::kernel::simd::isa::Plain, sum, span));
            sum = span.iter().fold(sum, |sum, v| sum + v);
            assert_eq!(after, Some(sum));
        }
    }
}
