//! Two rows beside each other, in `f64`: for reports.

use super::wide::{LOWEST, exp};
use crate::kernel::row::LANES;
use crate::kernel::simd::isa::tree;
use crate::kernel::simd::{Isa, Kernel, run};

/// The largest |x − y| of two lists, of the places where both are finite, and at how many only one is.
///
/// ```
/// use tokpick::kernel::distance;
/// assert_eq!(distance(&[1.0, 2.0, f32::NEG_INFINITY], &[1.5, f32::NEG_INFINITY, 0.0]), (0.5, 2));
/// ```
pub fn distance(a: &[f32], b: &[f32]) -> (f64, usize) {
    run(Distance { a, b })
}

struct Distance<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Kernel for Distance<'_> {
    type Output = (f64, usize);

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> (f64, usize) {
        let ((a, end_a), (b, end_b)) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        let (mut most, mut alone) = ([0.0f64; LANES], [0u32; LANES]);
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                let (d, one) = apart(a[lane], b[lane]);
                most[lane] = if d > most[lane] { d } else { most[lane] };
                alone[lane] += one;
            }
        }
        for (lane, (&x, &y)) in end_a.iter().zip(end_b).enumerate() {
            let (d, one) = apart(x, y);
            most[lane] = most[lane].max(d);
            alone[lane] += one;
        }
        (most.into_iter().fold(0.0, f64::max), alone.into_iter().map(|n| n as usize).sum())
    }
}

/// (|x − y|, 0) of two finite numbers, (0, 1) if one alone is, else (0, 0).
#[inline(always)]
fn apart(x: f32, y: f32) -> (f64, u32) {
    let (has_x, has_y) = (x.is_finite(), y.is_finite());
    let d = (f64::from(x) - f64::from(y)).abs();
    (if has_x & has_y { d } else { 0.0 }, u32::from(has_x != has_y))
}

/// For each value from `lo` up: a = (x − max) · scale, and its weight e^a, which is 0 where a is not above −700. What is below `lo`, or −∞,
/// has −∞ and 0; returns how many of these there are. The lists are as long as `values`, or the shortest counts.
///
/// ```
/// let (mut exponents, mut weights) = ([0.0; 3], [0.0; 3]);
/// let missing = tokpick::kernel::weigh(&[2.0f32, 1.0, -2000.0], 1.5, (2.0, 0.5), &mut exponents, &mut weights);
/// assert_eq!((exponents, weights), ([0.0, f64::NEG_INFINITY, f64::NEG_INFINITY], [1.0, 0.0, 0.0]));
/// assert_eq!(missing, 2);
/// ```
pub fn weigh<T: Copy + PartialOrd + Into<f64>>(
    values: &[T],
    lo: T,
    (max, scale): (f64, f64),
    exponents: &mut [f64],
    weights: &mut [f64],
) -> usize {
    run(Weights { values, lo, max, scale, exponents, weights })
}

struct Weights<'a, T> {
    values: &'a [T],
    lo: T,
    max: f64,
    scale: f64,
    exponents: &'a mut [f64],
    weights: &'a mut [f64],
}

impl<T: Copy + PartialOrd + Into<f64>> Kernel for Weights<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> usize {
        let Weights { values, lo, max, scale, exponents, weights } = self;
        let n = values.len().min(exponents.len()).min(weights.len());
        let (values, exponents, weights) = (&values[..n], &mut exponents[..n], &mut weights[..n]);
        let mut missing = 0u64;
        for i in 0..n {
            let x = values[i];
            let value: f64 = x.into();
            let a = if x >= lo { (value - max) * scale } else { f64::NEG_INFINITY };
            let counts = a > LOWEST;
            let w = exp(if counts { a } else { LOWEST });
            exponents[i] = a;
            weights[i] = if counts { w } else { 0.0 };
            missing += u64::from(a == f64::NEG_INFINITY);
        }
        missing as usize
    }
}

/// Masses of two distributions, and how far each is from the other. Of the values of one [`add`](Self::add) number i goes to lane i mod
/// [`LANES`], a fixed tree joins the lanes, and the calls are added in order.
///
/// ```
/// use tokpick::kernel::Beside;
/// let mut both = Beside::default();
/// // e^a and e^b are 1 and 1, 0.5 and 0.25, 0 and 0.5
/// let (a, b) = ([0.0, 0.5f64.ln(), f64::NEG_INFINITY], [0.0, 0.25f64.ln(), 0.5f64.ln()]);
/// assert_eq!(both.add([&a, &b], [&[1.0, 0.5, 0.0], &[1.0, 0.25, 0.5]], [1, 0]), [1.5, 1.75]);
/// assert_eq!(both.masses(), [1.5, 1.75]);
/// let kl = 0.5 / 1.5 * 2f64.ln() + 1.75f64.ln() - 1.5f64.ln();
/// assert!((both.divergences()[0].unwrap() - kl).abs() < 1e-15);
/// assert_eq!(both.divergences()[1], None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Of each, Σ w.
    masses: [f64; 2],
    /// Of each, Σ w · (its exponent − the other's).
    products: [f64; 2],
    /// Whether the other lacks one of its members.
    lost: [bool; 2],
}

impl Beside {
    /// Adds places: of both distributions, exponents and weights as [`weigh`] makes them, and how many are missing. Returns what they weigh.
    pub fn add(&mut self, exponents: [&[f64]; 2], weights: [&[f64]; 2], missing: [usize; 2]) -> [f64; 2] {
        let [a, b] = exponents;
        let added = match missing {
            [0, 0] => run(Add::<false> { exponents, weights }),
            _ => run(Add::<true> { exponents, weights }),
        };
        for of in 0..2 {
            self.masses[of] += added.masses[of];
            self.products[of] += added.products[of];
        }
        if missing[0] + missing[1] > 0 {
            let alone = |a: &[f64], b: &[f64]| {
                a.iter().zip(b).any(|(&a, &b)| a > f64::NEG_INFINITY && b == f64::NEG_INFINITY)
            };
            self.lost[0] = self.lost[0] || alone(a, b);
            self.lost[1] = self.lost[1] || alone(b, a);
        }
        added.masses
    }

    /// Σ w of each.
    pub fn masses(&self) -> [f64; 2] {
        self.masses
    }

    /// The Kullback-Leibler divergences Σ p ln(p / q) and Σ q ln(q / p) in nats; `None` where the other lacks a member.
    pub fn divergences(&self) -> [Option<f64>; 2] {
        let ln = self.masses.map(crate::kernel::ln);
        let divergence = |of: usize| {
            let mean = self.products[of] / self.masses[of];
            (!self.lost[of]).then(|| (mean - (ln[of] - ln[1 - of])).max(0.0))
        };
        [divergence(0), divergence(1)]
    }
}

/// The sums of places; with `SOME_MISSING` there may be exponents of −∞.
struct Add<'a, const SOME_MISSING: bool> {
    exponents: [&'a [f64]; 2],
    weights: [&'a [f64]; 2],
}

impl<const SOME_MISSING: bool> Kernel for Add<'_, SOME_MISSING> {
    type Output = Beside;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> Beside {
        let Add { exponents: [a, b], weights: [v, w] } = self;
        let n = a.len().min(b.len()).min(v.len()).min(w.len());
        let ((a, end_a), (b, end_b)) = (a[..n].as_chunks::<LANES>(), b[..n].as_chunks::<LANES>());
        let ((v, end_v), (w, end_w)) = (v[..n].as_chunks::<LANES>(), w[..n].as_chunks::<LANES>());
        let (mut in_v, mut in_w, mut of_v, mut of_w) =
            ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for i in 0..n / LANES {
            let (a, b, v, w) = (&a[i], &b[i], &v[i], &w[i]);
            for lane in 0..LANES {
                let d = beyond::<SOME_MISSING>(a[lane], b[lane]);
                in_v[lane] += v[lane];
                in_w[lane] += w[lane];
                of_v[lane] = v[lane].mul_add(d, of_v[lane]);
                of_w[lane] = (-w[lane]).mul_add(d, of_w[lane]);
            }
        }
        for lane in 0..n % LANES {
            let d = beyond::<SOME_MISSING>(end_a[lane], end_b[lane]);
            in_v[lane] += end_v[lane];
            in_w[lane] += end_w[lane];
            of_v[lane] = end_v[lane].mul_add(d, of_v[lane]);
            of_w[lane] = (-end_w[lane]).mul_add(d, of_w[lane]);
        }
        Beside { masses: [tree(in_v), tree(in_w)], products: [tree(of_v), tree(of_w)], lost: [false; 2] }
    }
}

/// a − b; 0 where one is missing.
#[inline(always)]
fn beyond<const SOME_MISSING: bool>(a: f64, b: f64) -> f64 {
    let has_both = (a > f64::NEG_INFINITY) & (b > f64::NEG_INFINITY);
    if !SOME_MISSING | has_both { a - b } else { 0.0 }
}

/// Places that are summed one after the other.
const RUN: usize = LANES;
/// So many runs go side by side: additions that wait for each other would take most of the time.
const RUNS: usize = 8;

/// The share of uniforms that fall, among the intervals of two distributions side by side in the same order, into the interval of another
/// token: Σ min(p, max(0, Dᵢ) + max(0, −Dᵢ₋₁)), where Dᵢ is the running mass of p less that of q.
///
/// For the part of p's interval in which q has another token is what lies above q's end, Dᵢ, and what lies below q's start, −Dᵢ₋₁. No term
/// is negative, so nothing cancels.
///
/// ```
/// use tokpick::kernel::Flips;
/// let mut flips = Flips::new([2.0, 1.0]);
/// flips.add([&[0.4, 0.4, 1.2], &[0.4, 0.2, 0.4]], [2.0, 1.0]);
/// assert!((flips.share() - 0.4).abs() < 1e-15);
/// ```
#[derive(Debug, Clone)]
pub struct Flips {
    /// What makes shares of weights.
    factors: [f64; 2],
    /// The running mass of the first less that of the second.
    ahead: f64,
    lanes: [f64; LANES],
    /// The share of places of which none was looked at.
    passed: f64,
}

impl Flips {
    /// Nothing yet, of distributions with these masses.
    pub fn new(masses: [f64; 2]) -> Self {
        Flips { factors: [1.0 / masses[0], 1.0 / masses[1]], ahead: 0.0, lanes: [0.0; LANES], passed: 0.0 }
    }

    /// Adds the next places: the weights of both, and their sums.
    pub fn add(&mut self, weights: [&[f64]; 2], masses: [f64; 2]) {
        let (p, q) = (masses[0] * self.factors[0], masses[1] * self.factors[1]);
        // D is further from 0 than any interval here is wide, and stays there
        if self.ahead.abs() > 2.0 * (p + q) {
            self.passed += p;
            self.ahead += p - q;
        } else {
            run(AddFlips { flips: self, weights });
        }
    }

    /// The share.
    pub fn share(&self) -> f64 {
        tree(self.lanes) + self.passed
    }
}

struct AddFlips<'a> {
    flips: &'a mut Flips,
    weights: [&'a [f64]; 2],
}

impl Kernel for AddFlips<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        let AddFlips { flips, weights: [v, w] } = self;
        let ((v, end_v), (w, end_w)) = (v.as_chunks::<{ RUN * RUNS }>(), w.as_chunks::<{ RUN * RUNS }>());
        let whole = v.len().min(w.len());
        let (v, w) = (&v[..whole], &w[..whole]);
        for i in 0..whole {
            add_runs(flips, &v[i], &w[i]);
        }
        let n = end_v.len().min(end_w.len());
        if n > 0 {
            let mut last = [[0.0; RUN * RUNS]; 2];
            last[0][..n].copy_from_slice(&end_v[..n]);
            last[1][..n].copy_from_slice(&end_w[..n]);
            add_runs(flips, &last[0], &last[1]);
        }
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "one index for several lists")]
fn add_runs(flips: &mut Flips, v: &[f64; RUN * RUNS], w: &[f64; RUN * RUNS]) {
    let [of_v, of_w] = flips.factors;
    let (mut shares, mut steps, mut before) = ([0.0; RUN * RUNS], [0.0; RUN * RUNS], [0.0; RUN * RUNS]);
    for i in 0..RUN * RUNS {
        shares[i] = v[i] * of_v;
        steps[i] = shares[i] - w[i] * of_w;
    }
    let mut sums = [0.0; RUNS];
    for i in 0..RUN {
        for k in 0..RUNS {
            before[k * RUN + i] = sums[k];
            sums[k] += steps[k * RUN + i];
        }
    }
    let (mut ahead, mut lanes) = (flips.ahead, flips.lanes);
    for k in 0..RUNS {
        for lane in 0..RUN {
            let i = k * RUN + lane;
            let from = ahead + before[i];
            let to = from + steps[i];
            let above = if to > 0.0 { to } else { 0.0 };
            let below = if from < 0.0 { -from } else { 0.0 };
            let other = above + below;
            lanes[lane] += if other < shares[i] { other } else { shares[i] };
        }
        ahead += sums[k];
    }
    (flips.ahead, flips.lanes) = (ahead, lanes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Simd, with_simd};

    fn row(n: usize, k: usize) -> Vec<f32> {
        let logit = |i: usize| {
            if (i * k).is_multiple_of(11) { f32::NEG_INFINITY } else { (i * k % 101) as f32 / 7.0 }
        };
        (0..n).map(logit).collect()
    }

    #[test]
    fn distances_are_those_of_single_places() {
        for n in [0, 1, 31, 32, 33, 200, 1_029] {
            let (a, b) = (row(n, 7), row(n, 9));
            let both = || a.iter().zip(&b).filter(|x| x.0.is_finite() && x.1.is_finite());
            let most = both().map(|(&x, &y)| (f64::from(x) - f64::from(y)).abs()).fold(0.0, f64::max);
            let alone = a.iter().zip(&b).filter(|x| x.0.is_finite() != x.1.is_finite()).count();
            for simd in Simd::ALL {
                assert_eq!(with_simd(simd, || distance(&a, &b)), (most, alone), "{n} {simd:?}");
            }
        }
    }

    /// What is passed over counts as if every interval had been looked at.
    #[test]
    fn flips_are_the_same_in_blocks_and_in_one() {
        let weights = |k: usize| (0..5_000).map(|i| 1.0 / ((i * k % 977) as f64 + 1.0)).collect::<Vec<f64>>();
        let (mut v, w) = (weights(5), weights(3));
        v[0] += 30.0;
        let sum = |w: &[f64]| w.iter().sum::<f64>();
        let (mut blocks, mut whole) = (Flips::new([sum(&v), sum(&w)]), Flips::new([sum(&v), sum(&w)]));
        for (v, w) in v.chunks(64).zip(w.chunks(64)) {
            blocks.add([v, w], [sum(v), sum(w)]);
        }
        whole.add([&v, &w], [sum(&v), sum(&w)]);
        assert!(blocks.passed > 0.1 && whole.passed == 0.0);
        assert!((blocks.share() - whole.share()).abs() < 1e-13, "{} {}", blocks.share(), whole.share());
    }
}
