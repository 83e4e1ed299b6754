//! What a look at part of a row tells about its masses.

use super::arch::{Kernel, run};
use super::isa::Isa;
use super::list::{List, MARKS, Output};
use super::{Band, LANES, SPAN, Weigh, count};

/// Rows of 32 values that a sample looks at, about.
const LOOKS: usize = 64;

/// How often a bracket is narrowed.
const ROUNDS: usize = 3;

/// How many equal weights a sample has to be worth.
const TELLING: f64 = 400.0;

/// Deviations of an estimate to spare.
const MARGIN: f64 = 2.5;

/// The largest value of each span of a row, and some of the others, each of which stands for as many as it is one of.
#[derive(Default)]
pub(super) struct Sample {
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
}

impl Sample {
    /// Looks at a long dense row without a band.
    pub fn take(&mut self, values: &[f32], w: Weigh, maxima: &[f32]) {
        let step = (values.len() / (LOOKS * LANES)).max(1);
        let list = &mut self.list;
        list.clear();
        list.extend(maxima, Band::ALL);
        let heads = list.values.len();
        run(Strided { list, values, maxima, step });
        list.weigh_part(heads..list.values.len(), w, step as f32);
        let (others, squares) = list.rough_sums();
        list.weigh_part(0..heads, w, 1.0);
        self.total = list.rough_sums().0;
        (self.heads, self.squares, self.each) = (self.total - others, squares, step as f64);
    }

    /// Whether the sample tells the shares of the mass, as it does where no few values hold much of it.
    pub fn is_telling(&self) -> bool {
        self.heads < self.total / 8.0 && self.total * self.total > TELLING * self.squares
    }

    /// Between which keys (lo, hi) the cut lies below which there is a mass of `tail`, given the keys of the sample and, for a key,
    /// the largest weight below it; `hi` is ∞ where the cut may be anywhere from `lo` up. `exact` says that `tail` is more than
    /// an estimated share.
    pub fn bracket(
        &self,
        tail: f64,
        exact: bool,
        keys: &List,
        heaviest: impl Fn(f32) -> f64,
    ) -> Option<(f32, f32)> {
        let (mut from, mut to) = keys.range()?;
        let (mut lo, mut hi) = (f32::MIN, f32::INFINITY);
        for _ in 0..ROUNDS {
            let step = (to - from) / (MARKS + 1) as f32;
            let marks: [f32; MARKS] = std::array::from_fn(|i| from + step * (i + 1) as f32);
            let below = keys.below(&marks);
            let middle = below.iter().position(|&mass| mass >= tail).map_or(to, |i| marks[i]);
            let margin = MARGIN * self.deviation(tail, exact, self.each * heaviest(middle));
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

    /// The deviation of a tail's mass in the sample if no weight in it is above `single`.
    fn deviation(&self, tail: f64, exact: bool, single: f64) -> f64 {
        if exact {
            return (single * tail).sqrt();
        }
        // Σ (kw)² · ([in the tail] − share)², bounded on the lighter side
        let share = tail / self.total;
        let (small, bound) = if share <= 0.5 { (share, single) } else { (1.0 - share, self.each) };
        let side = (1.0 - 2.0 * small) * bound * small * self.total;
        (side + small * small * self.squares).min(self.squares).sqrt()
    }

    /// How many of the row's values are members of the band, about.
    pub fn count(&self, band: Band) -> f64 {
        self.each * count(&self.list.values, band) as f64
    }
}

/// Copies one row of 32 of `step`, here and there, without the largest of their spans.
struct Strided<'a> {
    list: &'a mut List,
    values: &'a [f32],
    maxima: &'a [f32],
    step: usize,
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
            let (x, max) = (isa.load(&rows[at]), self.maxima[(i * self.step + at) * LANES / SPAN]);
            out.push(isa, isa.and(isa.le(isa.splat(f32::MIN), x), isa.lt(x, isa.splat(max))), x);
        }
        out.finish();
    }
}
