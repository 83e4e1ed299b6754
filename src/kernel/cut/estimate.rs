//! Sums over a list that needn't be exact: what a sample is asked.

use super::list::List;
use crate::kernel::row::LANES;
use crate::kernel::simd::isa::row_pairs;
use crate::kernel::simd::{Isa, Kernel, run};

impl List {
    /// Sums of the weights and of their squares, in `f32`.
    pub fn rough_sums(&self) -> (f64, f64) {
        run(Sums(self))
    }

    /// Sums of w · d and w · d² with the differences d of the values to `from`, in `f32`.
    pub fn moments(&self, from: f32) -> (f64, f64) {
        run(Moments { list: self, from })
    }

    /// The least and the largest value; `None` if there is none.
    pub fn range(&self) -> Option<(f32, f32)> {
        let (least, largest) = run(Extremes(self));
        (least <= largest).then_some((least, largest))
    }

    /// The mass of the members below each of some values, roughly.
    pub fn below(&self, marks: &[f32; MARKS]) -> [f64; MARKS] {
        run(Below { list: self, marks })
    }

    /// The sum of the squared weights of the members below a value, from a position (a multiple of 32), roughly.
    pub fn squares_below(&self, from: usize, mark: f32) -> f64 {
        run(SquaresBelow { list: self, from, mark })
    }
}

/// Values at which [`List::below`] looks together.
pub const MARKS: usize = 8;

struct Extremes<'a>(&'a List);

impl Kernel for Extremes<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> (f32, f32) {
        let (mut least, mut largest) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        for row in self.0.values.as_chunks::<LANES>().0 {
            for (i, &x) in row.iter().enumerate() {
                // not what fills the last row up
                let member = x > f32::NEG_INFINITY;
                least[i] = if member && x < least[i] { x } else { least[i] };
                largest[i] = if x > largest[i] { x } else { largest[i] };
            }
        }
        (
            least.into_iter().fold(f32::INFINITY, f32::min),
            largest.into_iter().fold(f32::NEG_INFINITY, f32::max),
        )
    }
}

struct Below<'a> {
    list: &'a List,
    marks: &'a [f32; MARKS],
}

impl Kernel for Below<'_> {
    type Output = [f64; MARKS];

    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "neither `zip` nor `map` is always inlined")]
    fn run<I: Isa>(self, isa: I) -> [f64; MARKS] {
        let mut sums = [isa.splat(0.0); MARKS];
        row_pairs(
            &self.list.values,
            &self.list.weights,
            #[inline(always)]
            |x, weight| {
                let (x, weight) = (isa.load(x), isa.load(weight));
                for i in 0..MARKS {
                    sums[i] = isa.add(sums[i], isa.keep(isa.lt(x, isa.splat(self.marks[i])), weight));
                }
            },
        );
        let mut below = [0.0; MARKS];
        for i in 0..MARKS {
            below[i] = wide(isa, sums[i]);
        }
        below
    }
}

struct SquaresBelow<'a> {
    list: &'a List,
    from: usize,
    mark: f32,
}

impl Kernel for SquaresBelow<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f64 {
        let (mark, mut sum) = (isa.splat(self.mark), isa.splat(0.0));
        row_pairs(
            &self.list.values[self.from..],
            &self.list.weights[self.from..],
            #[inline(always)]
            |x, weight| {
                let weight = isa.keep(isa.lt(isa.load(x), mark), isa.load(weight));
                sum = isa.fma(weight, weight, sum);
            },
        );
        wide(isa, sum)
    }
}

/// The sum of the lanes.
#[inline(always)]
fn wide<I: Isa>(isa: I, a: I::F) -> f64 {
    isa.fold(isa.accumulate(isa.zero(), a))
}

struct Sums<'a>(&'a List);

impl Kernel for Sums<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> (f64, f64) {
        let (mut sum, mut squares) = (isa.splat(0.0), isa.splat(0.0));
        for weight in self.0.weights.as_chunks::<LANES>().0 {
            let weight = isa.load(weight);
            sum = isa.add(sum, weight);
            squares = isa.fma(weight, weight, squares);
        }
        (wide(isa, sum), wide(isa, squares))
    }
}

struct Moments<'a> {
    list: &'a List,
    from: f32,
}

impl Kernel for Moments<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> (f64, f64) {
        // so far away that the weight is 0, and the square still a number
        let (from, least) = (isa.splat(self.from), isa.splat(-1e15));
        let (mut first, mut second) = (isa.splat(0.0), isa.splat(0.0));
        row_pairs(
            &self.list.values,
            &self.list.weights,
            #[inline(always)]
            |x, weight| {
                let d = isa.max(isa.sub(isa.load(x), from), least);
                let product = isa.mul(d, isa.load(weight));
                first = isa.add(first, product);
                second = isa.fma(product, d, second);
            },
        );
        // sums of numbers up to 0: what is widened has to be 0 or more
        let opposite = isa.sub(isa.splat(0.0), first);
        (-wide(isa, opposite), wide(isa, second))
    }
}
