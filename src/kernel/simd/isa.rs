//! Operations on rows of 32 numbers, the vocabulary in which the loops are written once for all instruction sets.

use crate::kernel::math::exp32::{COEFFICIENTS, LEAST, ROUND, power};
use crate::kernel::row::{LANES, Weigh};

/// An instruction set's operations on rows of [`LANES`] numbers, lane by lane, each rounded once.
///
/// Implementors are tokens: having one proves that the machine can run it. Every method has to be `#[inline(always)]`.
pub trait Isa: Copy {
    /// A row of `f32`.
    type F: Copy;
    /// A row of `f64`.
    type D: Copy;
    /// A row of truth values.
    type M: Copy;

    fn load(self, row: &[f32; LANES]) -> Self::F;
    fn store(self, a: Self::F) -> [f32; LANES];
    fn splat(self, x: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// a · b + c, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// a · b − c, rounded once.
    fn fms(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// a where a > b, else b; so NaN in a gives b.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The largest lane; NaN aside.
    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        let mut lanes = self.store(a);
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                let (a, b) = (lanes[i], lanes[i + half]);
                lanes[i] = if b > a { b } else { a };
            }
            half /= 2;
        }
        lanes[0]
    }
    /// Adds the low 9 bits of `t`'s pattern to the exponent field of `p`.
    fn raise(self, p: Self::F, t: Self::F) -> Self::F;
    /// a ≤ b; false for NaN.
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    /// a < b; false for NaN.
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    fn and(self, a: Self::M, b: Self::M) -> Self::M;
    fn or(self, a: Self::M, b: Self::M) -> Self::M;
    /// a where m, else +0.
    fn keep(self, m: Self::M, a: Self::F) -> Self::F;
    /// Bit i for lane i.
    fn bits(self, m: Self::M) -> u32;
    fn zero(self) -> Self::D;
    /// d + a, a widened first; a ≥ +0.
    fn accumulate(self, d: Self::D, a: Self::F) -> Self::D;
    /// (all + a, some + a where m), for sums that `fold_both` folds.
    #[inline(always)]
    fn accumulate_both(self, all: Self::D, some: Self::D, m: Self::M, a: Self::F) -> (Self::D, Self::D) {
        (self.accumulate(all, a), self.accumulate(some, self.keep(m, a)))
    }
    /// The sum of the lanes by the tree 16 + 16, 8 + 8, 4 + 4, 2 + 2, 1 + 1.
    fn fold(self, d: Self::D) -> f64;
    /// The sum of the lanes by that tree, of sums that `accumulate_both` made.
    #[inline(always)]
    fn fold_both(self, d: Self::D) -> f64 {
        self.fold(d)
    }
    /// Writes the lanes that `m` names to the front of `out`, which has room for [`LANES`] more than are named, and returns
    /// how many they are. What follows them in `out` is overwritten with anything.
    fn compress(self, m: Self::M, row: &[u32; LANES], out: &mut [u32; LANES]) -> usize;

    /// [`Weigh::weight`] of values up to `max`, and whether it is positive (where not, the weight is undefined).
    #[inline(always)]
    fn weigh(self, w: Weigh, x: Self::F) -> (Self::F, Self::M) {
        let (s, round) = (self.splat(w.base2()), self.splat(ROUND));
        let d = self.sub(x, self.splat(w.max));
        let t = self.fma(d, s, round);
        let f = self.fms(d, s, self.sub(t, round));
        let [first, rest @ ..] = COEFFICIENTS;
        let mut p = self.splat(first);
        for c in rest {
            p = self.fma(p, f, self.splat(c));
        }
        (self.raise(p, t), self.le(self.splat(LEAST), t))
    }
}

/// The sum of the lanes by a fixed tree: 16 + 16, 8 + 8, 4 + 4, 2 + 2, 1 + 1.
#[inline(always)]
pub fn tree(mut lanes: [f64; LANES]) -> f64 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Sums that are added side by side.
const SIDE: usize = 16;

/// Makes a number of each value, as far as both are long, and their sum in an order that is always the same.
#[inline(always)]
pub fn make_and_sum(values: &[f32], out: &mut [f64], make: impl Fn(f32) -> f64) -> f64 {
    let n = values.len().min(out.len());
    let (values, out) = (&values[..n], &mut out[..n]);
    for i in 0..n {
        out[i] = make(values[i]);
    }
    side_by_side(out)
}

#[inline(always)]
fn side_by_side(values: &[f64]) -> f64 {
    let mut sums = [0.0; SIDE];
    let (rows, rest) = values.as_chunks::<SIDE>();
    for row in rows {
        for lane in 0..SIDE {
            sums[lane] += row[lane];
        }
    }
    let mut sum = 0.0;
    for x in sums {
        sum += x;
    }
    for &x in rest {
        sum += x;
    }
    sum
}

/// The rows of a stretch; the last is filled up with −∞, which is never a member.
#[inline(always)]
pub fn rows<I: Isa>(isa: I, values: &[f32], mut f: impl FnMut(I::F)) {
    let (rows, rest) = values.as_chunks::<LANES>();
    for row in rows {
        f(isa.load(row));
    }
    if !rest.is_empty() {
        f(isa.load(&padded(rest)));
    }
}

/// The whole rows of two stretches, side by side.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "`zip` isn't always inlined")]
pub fn row_pairs(a: &[f32], b: &[f32], mut f: impl FnMut(&[f32; LANES], &[f32; LANES])) {
    let (a, b) = (a.as_chunks().0, b.as_chunks().0);
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    for i in 0..n {
        f(&a[i], &b[i]);
    }
}

/// Up to 32 values, filled up with −∞.
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "neither `zip` nor copies of unknown length are always inlined"
)]
pub fn padded(rest: &[f32]) -> [f32; LANES] {
    let mut row = [f32::NEG_INFINITY; LANES];
    for i in 0..rest.len().min(LANES) {
        row[i] = rest[i];
    }
    row
}

/// What the build's target offers: plain loops.
#[derive(Clone, Copy)]
pub struct Plain;

#[inline(always)]
fn each<T: Copy, U: Copy, V: Copy + Default>(
    a: [T; LANES],
    b: [U; LANES],
    f: impl Fn(T, U) -> V,
) -> [V; LANES] {
    let mut c = [V::default(); LANES];
    for i in 0..LANES {
        c[i] = f(a[i], b[i]);
    }
    c
}

impl Isa for Plain {
    type F = [f32; LANES];
    type D = [f64; LANES];
    type M = [bool; LANES];

    #[inline(always)]
    fn load(self, row: &[f32; LANES]) -> Self::F {
        *row
    }

    #[inline(always)]
    fn store(self, a: Self::F) -> [f32; LANES] {
        a
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; LANES]
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn fma(self, mut a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        for i in 0..LANES {
            a[i] = a[i].mul_add(b[i], c[i]);
        }
        a
    }

    #[inline(always)]
    fn fms(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        self.fma(a, b, c.map(|c| -c))
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn raise(self, p: Self::F, t: Self::F) -> Self::F {
        each(p, t, |p, t| f32::from_bits(p.to_bits().wrapping_add(t.to_bits() << 23)))
    }

    #[inline(always)]
    fn le(self, a: Self::F, b: Self::F) -> Self::M {
        each(a, b, |a, b| a <= b)
    }

    #[inline(always)]
    fn lt(self, a: Self::F, b: Self::F) -> Self::M {
        each(a, b, |a, b| a < b)
    }

    #[inline(always)]
    fn and(self, a: Self::M, b: Self::M) -> Self::M {
        each(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, a: Self::M, b: Self::M) -> Self::M {
        each(a, b, |a, b| a | b)
    }

    #[inline(always)]
    fn keep(self, m: Self::M, a: Self::F) -> Self::F {
        each(m, a, |m, a| if m { a } else { 0.0 })
    }

    #[inline(always)]
    fn bits(self, m: Self::M) -> u32 {
        m.iter().rev().fold(0, |bits, &m| bits << 1 | u32::from(m))
    }

    #[inline(always)]
    fn zero(self) -> Self::D {
        [0.0; LANES]
    }

    #[inline(always)]
    fn accumulate(self, d: Self::D, a: Self::F) -> Self::D {
        each(d, a, |d, a| d + f64::from(a))
    }

    #[inline(always)]
    fn fold(self, d: Self::D) -> f64 {
        tree(d)
    }

    #[inline(always)]
    fn weigh(self, w: Weigh, x: Self::F) -> (Self::F, Self::M) {
        // A plain loop: unrolled, the calls of a software fma take much room.
        let mut weights = [0.0; LANES];
        for i in 0..LANES {
            weights[i] = power(x[i] - w.max, w.base2(), 0.0);
        }
        (weights, weights.map(|weight| weight > 0.0))
    }

    #[inline(always)]
    fn compress(self, m: Self::M, row: &[u32; LANES], out: &mut [u32; LANES]) -> usize {
        let mut n = 0;
        for i in 0..LANES {
            out[n % LANES] = row[i];
            n += usize::from(m[i]);
        }
        n
    }
}
