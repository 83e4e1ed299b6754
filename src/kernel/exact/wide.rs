//! Sums in `f64`, for what is told and decides nothing.

use crate::kernel::math::exp_ln::{LOG2_E, ROUND};
use crate::kernel::row::LANES;
use crate::kernel::simd::{Isa, Kernel, run};

/// Σ w and Σ w · a over values x, with a = (x − max) · scale and w = e^a within 1e-15: value i of each call of [`add`](Self::add) goes to lane
/// i mod [`LANES`], and the lanes are added by a fixed tree. The entropy is ln Σw − Σwa / Σw.
///
/// ```
/// use tokpick::kernel::Sums;
/// let mut sums = Sums::new(0.0, 1.0);
/// sums.add(&[0.0f32, 0.0, f32::NEG_INFINITY], f32::NEG_INFINITY);
/// assert_eq!(sums.totals(), (2.0, 0.0));
/// ```
#[derive(Debug, Clone)]
pub struct Sums {
    max: f64,
    scale: f64,
    weights: [f64; LANES],
    products: [f64; LANES],
}

impl Sums {
    /// Nothing yet. `max` should be the largest value that comes, `scale` is positive.
    pub fn new(max: f64, scale: f64) -> Self {
        Sums { max, scale, weights: [0.0; LANES], products: [0.0; LANES] }
    }

    /// Adds the values of at least `lo`; −∞ adds nothing, nor does what weighs less than e^−700.
    pub fn add<T: Copy + PartialOrd + Into<f64>>(&mut self, values: &[T], lo: T) {
        run(Add { sums: self, values, lo });
    }

    /// (Σ w, Σ w · a)
    pub fn totals(&self) -> (f64, f64) {
        let tree = crate::kernel::simd::isa::tree;
        (tree(self.weights), 0.0 - tree(self.products))
    }
}

struct Add<'a, T> {
    sums: &'a mut Sums,
    values: &'a [T],
    lo: T,
}

impl<T: Copy + PartialOrd + Into<f64>> Kernel for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        let Add { sums, values, lo } = self;
        let Sums { max, scale, mut weights, mut products } = *sums;
        let (rows, rest) = values.as_chunks::<LANES>();
        for row in rows {
            for lane in 0..LANES {
                let (w, a) = weigh(row[lane], lo, max, scale);
                weights[lane] += w;
                products[lane] = (-w).mul_add(a, products[lane]);
            }
        }
        for (lane, &x) in rest.iter().enumerate() {
            let (w, a) = weigh(x, lo, max, scale);
            weights[lane] += w;
            products[lane] = (-w).mul_add(a, products[lane]);
        }
        (sums.weights, sums.products) = (weights, products);
    }
}

/// The Kullback-Leibler divergence Σ e^p · (p − q) of two rows, of which each is a list of numbers and what is taken off of them; summed over
/// the tokens that both lists have and whose p is above `least`, by lanes as in [`Sums`].
///
/// ```
/// use tokpick::kernel::divergence;
/// let row = [0.5f32.ln(), 0.5f32.ln(), f32::NEG_INFINITY];
/// let other = [0.25f32.ln(), 0.75f32.ln(), f32::NEG_INFINITY];
/// let kl = 0.5 * (0.5f64 / 0.25).ln() + 0.5 * (0.5f64 / 0.75).ln();
/// assert!((divergence((&row, 0.0), (&other, 0.0), -16.0) - kl).abs() < 1e-7);
/// // what the other row has no place for
/// assert_eq!(divergence((&row, 0.0), (&[0.0, f32::NEG_INFINITY, 0.0], 0.0), -16.0), f64::INFINITY);
/// // and what it doesn't have at all
/// assert_eq!(divergence((&[-1.0; 70], 0.0), (&[-2.0; 40], 0.0), -16.0), divergence((&[-1.0; 40], 0.0), (&[-2.0; 40], 0.0), -16.0));
/// ```
pub fn divergence(of: (&[f32], f64), from: (&[f32], f64), least: f64) -> f64 {
    let mut lanes = [0.0; LANES];
    run(Divergence { of, from, least: least.max(LOWEST), lanes: &mut lanes });
    crate::kernel::simd::isa::tree(lanes)
}

struct Divergence<'a> {
    of: (&'a [f32], f64),
    from: (&'a [f32], f64),
    least: f64,
    lanes: &'a mut [f64; LANES],
}

impl Kernel for Divergence<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        let Divergence { of: (of, shift), from: (from, other_shift), least, lanes } = self;
        let both = of.len().min(from.len());
        let (of, from) = (&of[..both], &from[..both]);
        let term = |p: f32, q: f32| term(f64::from(p) - shift, f64::from(q) - other_shift, least);
        let (rows, rest) = of.as_chunks::<LANES>();
        let (others, more) = from.as_chunks::<LANES>();
        let mut sums = *lanes;
        for (row, other) in rows.iter().zip(others) {
            for lane in 0..LANES {
                sums[lane] += term(row[lane], other[lane]);
            }
        }
        for (lane, (p, q)) in rest.iter().zip(more).enumerate() {
            sums[lane] += term(*p, *q);
        }
        *lanes = sums;
    }
}

/// e^p · (p − q), or nothing for a p that is not above `least`.
#[inline(always)]
fn term(p: f64, q: f64, least: f64) -> f64 {
    let counts = p > least;
    let (p, d) = if counts { (p, p - q) } else { (least, 0.0) };
    exp(p) * d
}

/// (w, a) of a value; a is no less than [`LOWEST`].
#[inline(always)]
fn weigh<T: Copy + PartialOrd + Into<f64>>(x: T, lo: T, max: f64, scale: f64) -> (f64, f64) {
    let value: f64 = x.into();
    let a = (value - max) * scale;
    let counts = x >= lo && a > LOWEST;
    let a = if counts { a } else { LOWEST };
    (if counts { exp(a) } else { 0.0 }, a)
}

/// What weighs less than e to this counts as nothing.
pub const LOWEST: f64 = -700.0;
/// 2^f on |f| ≤ ½, highest power first: Chebyshev interpolation of (2^f − 1) / f, relative error 2e-17.
#[allow(clippy::approx_constant)] // The last but one is ln 2.
const COEFFICIENTS: [f64; 12] = [
    4.454_960_598_186_519e-10,
    7.072_585_949_269_223e-9,
    1.017_806_244_584_577_4e-7,
    1.321_544_258_792_169e-6,
    1.525_273_382_983_612e-5,
    0.000_154_035_304_417_360_5,
    0.001_333_355_814_641_693_6,
    0.009_618_129_107_606_888,
    0.055_504_108_664_821_6,
    0.240_226_506_959_100_97,
    0.693_147_180_559_945_3,
    1.0,
];

/// e^a for −700 ≤ a ≤ 700, without a branch: relative error below 5e-16 + 1.2e-16 · |a|.
#[inline(always)]
pub fn exp(a: f64) -> f64 {
    let t = a.mul_add(LOG2_E, ROUND);
    let f = a.mul_add(LOG2_E, ROUND - t);
    let [first, rest @ ..] = COEFFICIENTS;
    let p = rest.into_iter().fold(first, |p, c| p.mul_add(f, c));
    f64::from_bits(p.to_bits().wrapping_add(t.to_bits() << 52))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Simd, with_simd};

    /// What is taken off of each row is taken off of each number, in whole rows of lanes and in the rest.
    #[test]
    fn a_divergence_is_of_shifted_rows() {
        let rows: [Vec<f32>; 2] = [7, 3].map(|k| (0..70).map(|i| (i * k % 11) as f32 * 0.25).collect());
        let total = |row: &[f32]| row.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln();
        let [a, b] = [total(&rows[0]), total(&rows[1])];
        let terms = rows[0].iter().zip(&rows[1]).map(|(&p, &q)| (f64::from(p) - a, f64::from(q) - b));
        let plain: f64 = terms.map(|(p, q)| p.exp() * (p - q)).sum();
        let found = divergence((&rows[0], a), (&rows[1], b), -16.0);
        assert!((found - plain).abs() < 1e-12 && plain > 0.1, "{found}, plain {plain}");
        // not above the least: of the best alone
        let best = rows[0].iter().copied().fold(0.0, f32::max);
        let least = f64::from(best) - a - 1e-9;
        let only = rows[0].iter().zip(&rows[1]).filter(|x| *x.0 == best);
        let plain: f64 =
            only.map(|(&p, &q)| (f64::from(p) - a).exp() * (f64::from(p) - a - f64::from(q) + b)).sum();
        let found = divergence((&rows[0], a), (&rows[1], b), least);
        assert!((found - plain).abs() < 1e-12, "{found}, plain {plain}");
    }

    #[test]
    fn the_exponential_is_within_its_bound() {
        assert_eq!(exp(0.0), 1.0);
        for i in -70_000..=70_000 {
            let a = f64::from(i) * 0.009_999_7;
            let error = (exp(a) / a.exp() - 1.0).abs();
            assert!(error <= 7e-16 + 1.3e-16 * a.abs(), "{a}: {error:e}");
        }
    }

    #[test]
    fn what_is_masked_adds_nothing() {
        let mut sums = Sums::new(3.0, 1.0);
        sums.add(&[f32::NEG_INFINITY, 3.0, f32::NEG_INFINITY, -800.0], f32::NEG_INFINITY);
        assert_eq!(sums.totals(), (1.0, 0.0));
    }

    #[test]
    fn are_the_same_bits_on_every_instruction_set() {
        let values: Vec<f32> = (0..1_037u32).map(|i| (i * 7_919 % 1_009) as f32 / -40.0).collect();
        let exact: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        for lo in [f32::NEG_INFINITY, -9.5] {
            let sum = |simd| {
                with_simd(simd, || {
                    let mut sums = [Sums::new(0.0, 0.7), Sums::new(0.0, 0.7)];
                    sums[0].add(&values, lo);
                    sums[1].add(&exact, f64::from(lo));
                    assert_eq!(sums[0].totals(), sums[1].totals());
                    sums[0].totals()
                })
            };
            let plain = sum(Simd::V1);
            let members = || values.iter().filter(|&&x| x >= lo).map(|&x| f64::from(x) * 0.7);
            assert!((plain.0 / members().map(f64::exp).sum::<f64>() - 1.0).abs() < 1e-14);
            assert!((plain.1 / members().map(|a| a * a.exp()).sum::<f64>() - 1.0).abs() < 1e-14);
            for simd in Simd::ALL {
                assert_eq!(sum(simd), plain, "{simd:?}");
            }
        }
    }
}
