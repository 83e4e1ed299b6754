//! What a look at part of a row tells about its masses.

use super::estimate::MARKS;
use super::list::List;
use super::room::Output;
use crate::kernel::exact::scan::count;
use crate::kernel::math::ln;
use crate::kernel::row::{Band, LANES, SPAN, Weigh};
use crate::kernel::simd::{Isa, Kernel, run};

/// Rows of 32 values that a sample looks at, about.
const LOOKS: usize = 40;

/// One part of the mass in so many is heavy.
const HEAVY: f64 = 100.0;

/// How often a bracket is narrowed.
const ROUNDS: usize = 3;

/// How many equal weights a sample has to be worth.
const TELLING: f64 = 400.0;

/// Deviations of an estimate to spare, at first and where that was too few.
pub const MARGINS: [f64; 2] = [2.5, 6.0];

/// The largest value of each span of a row, and some of the others, each of which stands for as many as it is one of.
#[derive(Default)]
pub struct Sample {
    /// The values, with the weights that they stand for.
    pub list: List,
    /// The mass of the largest values.
    pub heads: f64,
    /// An estimate of the row's mass.
    pub total: f64,
    /// The variance of the estimate, about.
    pub squares: f64,
    /// How many values each of the others stands for.
    pub each: f64,
    /// Deviations of an estimate to spare.
    pub margin: f64,
    /// What none of the others exceeds.
    heaviest: f64,
    /// How long the list is without the others.
    exact: usize,
    ends: Vec<usize>,
}

impl Sample {
    /// Looks at a long dense row without a band.
    pub fn take(&mut self, values: &[f32], w: Weigh, maxima: &[f32]) {
        self.list.clear();
        self.list.extend(maxima, Band::ALL);
        self.heaviest = f64::INFINITY;
        self.complete(values, w, maxima, f32::INFINITY);
    }

    /// Takes the heaviest values of the row exactly, given its mass.
    pub fn refine(&mut self, values: &[f32], w: Weigh, maxima: &[f32], total: f64) {
        self.heaviest = total / HEAVY;
        let lo = (f64::from(w.max) + ln(self.heaviest / self.each) / f64::from(w.scale)) as f32;
        self.list.clear();
        self.list.gather(values, maxima, lo, &mut self.ends);
        self.complete(values, w, maxima, lo);
    }

    /// Adds others than the list has, which are below the maximum of their span and below `end`.
    fn complete(&mut self, values: &[f32], w: Weigh, maxima: &[f32], end: f32) {
        let step = (values.len() / (LOOKS * LANES)).max(1);
        let list = &mut self.list;
        self.exact = list.values.len();
        run(Strided { list, values, maxima, step, end });
        list.weigh_part(self.exact..list.values.len(), w, step as f32);
        let (others, squares) = list.rough_sums();
        list.weigh_part(0..self.exact, w, 1.0);
        self.total = list.rough_sums().0;
        (self.heads, self.squares, self.each) = (self.total - others, squares, step as f64);
    }

    /// The mean value under the weights, and how far the estimate may be off.
    pub fn mean(&self, w: Weigh) -> (f64, f64) {
        let (first, second) = self.list.moments(w.max);
        let mean = first / self.total;
        let variance =
            (second / self.total - mean * mean).max(0.0) * self.squares / (self.total * self.total);
        (f64::from(w.max) + mean, self.margin * variance.sqrt())
    }

    /// Whether the sample tells the shares of the mass, as it does where no few values hold much of it, and the largest values with
    /// this share of it are many.
    pub fn is_telling(&self, share: f64, values: usize) -> bool {
        if self.total * self.total < TELLING * self.squares {
            return false;
        }
        // where the largest of the spans hold little, it takes many others
        let many = self.heads < self.total / 8.0;
        many || self.list.range().is_some_and(|(least, largest)| {
            let marks = marks(least, largest);
            let below = self.list.below(&marks);
            let near = below.iter().rposition(|&mass| mass <= (1.0 - share) * self.total);
            self.count(Band::from(near.map_or(least, |i| marks[i]))) > values as f64 / 4.0
        })
    }

    /// Between which keys (lo, hi) the cut lies below which there is a mass of `tail`, given the keys of the sample and, for a key,
    /// a weight below it; `hi` is ∞ where the cut may be anywhere from `lo` up. `exact` says that `tail` is more than an
    /// estimated share.
    pub fn bracket(
        &self,
        tail: f64,
        exact: bool,
        keys: &List,
        weight: impl Fn(f32) -> f64,
    ) -> Option<(f32, f32)> {
        let (mut from, mut to) = keys.range()?;
        let (mut lo, mut hi) = (f32::MIN, f32::INFINITY);
        let share = if exact { 0.0 } else { tail / self.total };
        for _ in 0..ROUNDS {
            let marks = marks(from, to);
            let below = keys.below(&marks);
            let middle = below.iter().position(|&mass| mass >= tail).map_or(to, |i| marks[i]);
            // Σ (kw)² · ([in the tail] − share)², and one value more
            let squares = keys.squares_below(self.exact, middle);
            let one = (self.each * weight(middle)).min(self.heaviest);
            let variance = (1.0 - 2.0 * share) * squares + share * share * self.squares + one * one;
            let margin = self.margin * variance.max(0.0).sqrt();
            for (&mark, mass) in marks.iter().zip(below) {
                if mass <= tail - margin {
                    (lo, from) = (mark, mark);
                } else if mass >= tail + margin && mark < hi {
                    (hi, to) = (mark, mark);
                }
            }
        }
        (lo < hi).then_some((lo, hi))
    }

    /// How many of the row's values are members of the band, about.
    pub fn count(&self, band: Band) -> f64 {
        self.each * count(&self.list.values, band) as f64
    }
}

/// Values between two, evenly.
fn marks(from: f32, to: f32) -> [f32; MARKS] {
    let step = (to - from) / (MARKS + 1) as f32;
    std::array::from_fn(|i| from + step * (i + 1) as f32)
}

/// Copies one row of 32 of `step`, here and there, without the largest of their spans and what is `end` or more.
struct Strided<'a> {
    list: &'a mut List,
    values: &'a [f32],
    maxima: &'a [f32],
    step: usize,
    end: f32,
}

impl Kernel for Strided<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let mut out = Output::after(&mut self.list.values);
        let (rows, _) = self.values.as_chunks::<LANES>();
        for (i, rows) in rows.chunks_exact(self.step).enumerate() {
            out.reserve();
            let at = i * 7 % self.step;
            let (x, max) =
                (isa.load(&rows[at]), self.maxima[(i * self.step + at) * LANES / SPAN].min(self.end));
            out.push(isa, isa.and(isa.le(isa.splat(f32::MIN), x), isa.lt(x, isa.splat(max))), x);
        }
        out.finish();
    }
}
