//! The undecided members of a row, copied out of it, and the sums of the others.

use super::list::List;
use super::room::Output;
use super::rough::rough_mass;
use crate::kernel::bounds::{ROUGH, of_pass, reordered};
use crate::kernel::exact::fours::{accumulate, fours, of_rows};
use crate::kernel::exact::members::{Members, inside, negative};
use crate::kernel::row::{BLOCK, Band, LANES, Weigh};
use crate::kernel::simd::{Isa, Kernel, run};

/// The mass and the block sums of some members, as far as they are known: enough for most draws
/// ([`pick_among`](crate::kernel::pick_among)).
#[derive(Debug, Default)]
pub struct Kept {
    /// The sum of each block.
    pub blocks: Vec<f64>,
    /// Their sum; `None` where nothing is known.
    pub total: Option<f64>,
    /// What a running sum may differ by from the prescribed one, relative …
    pub relative: f64,
    /// … and besides.
    pub absolute: f64,
}

impl Kept {
    /// The members of a band of a dense row.
    pub fn sum(&mut self, values: &[f32], w: Weigh, band: Band) {
        self.total = Some(rough_mass(values, w, band, &mut self.blocks));
        (self.relative, self.absolute) = (ROUGH, 0.0);
    }
}

/// Members copied out of a dense row, and what the others weigh.
#[derive(Default)]
pub struct Found {
    pub list: List,
    /// For each block, how many members are in the list up to its end.
    ends: Vec<usize>,
    /// For each block, the mass of those that are certainly kept and those in the list; empty where all are in the list.
    blocks: Vec<f64>,
    /// What those sums may be off together.
    error: f64,
}

/// What one pass over a row sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// The mass, within [`ROUGH`]; with `moment` the first sum of [`moments_by_fours`](crate::kernel::exact::fours::moments_by_fours).
    pub total: f64,
    /// The second one, or 0.
    pub moment: f64,
    /// The mass outside, within [`ROUGH`].
    pub outside: f64,
}

impl Found {
    /// Copies the values from `lo` up, and weighs them.
    pub fn gather(&mut self, values: &[f32], maxima: &[f32], w: Weigh, lo: f32) {
        self.list.clear();
        self.blocks.clear();
        self.list.gather(values, maxima, lo, &mut self.ends);
        self.list.weigh(w);
        self.error = 0.0;
    }

    /// Sums all weights and those outside `outer`, and copies the members of `outer` that aren't `inner`, all in one pass over a
    /// dense row; with `MOMENTS` those of [`moments_by_fours`](crate::kernel::exact::fours::moments_by_fours), too.
    pub fn pass<const MOMENTS: bool>(
        &mut self,
        values: &[f32],
        w: Weigh,
        inner: impl Members,
        outer: impl Members,
    ) -> Sums {
        let Found { list, ends, blocks, .. } = self;
        list.clear();
        ends.clear();
        blocks.clear();
        let sums = run(Pass::<_, _, MOMENTS> { values, w, inner, outer, list, ends, blocks });
        self.list.weigh(w);
        self.error = of_pass(sums.total, sums.outside);
        sums
    }

    /// Sums the members of the band, which leaves out only what is outside or in the list.
    pub fn keep(&self, band: Band, kept: &mut Kept) {
        kept.blocks.clear();
        kept.blocks.resize(self.ends.len(), 0.0);
        let in_list = self.blocks.is_empty();
        run(Segments { found: self, band, inside: in_list, sums: &mut kept.blocks });
        for (sum, block) in kept.blocks.iter_mut().zip(&self.blocks) {
            *sum = (block - *sum).max(0.0);
        }
        kept.total = Some(kept.blocks.iter().sum());
        (kept.relative, kept.absolute) = (reordered(self.ends.len() * BLOCK), self.error);
    }
}

struct Pass<'a, N, O, const MOMENTS: bool> {
    values: &'a [f32],
    w: Weigh,
    inner: N,
    outer: O,
    list: &'a mut List,
    ends: &'a mut Vec<usize>,
    blocks: &'a mut Vec<f64>,
}

impl<N: Members, O: Members, const MOMENTS: bool> Kernel for Pass<'_, N, O, MOMENTS> {
    type Output = Sums;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Sums {
        let mut out = Output::after(&mut self.list.values);
        let mut sums = Sums::default();
        for values in self.values.chunks(BLOCK) {
            let (mut total, mut outside, mut moment) = (isa.zero(), isa.zero(), isa.zero());
            out.reserve();
            fours(
                values,
                #[inline(always)]
                |four| {
                    let [a, b, c, d] = of_rows(
                        isa,
                        four,
                        #[inline(always)]
                        |x| {
                            let (weight, positive) = isa.weigh(self.w, x);
                            let outer = self.outer.mask(isa, x, positive);
                            out.push(isa, isa.and(outer, self.inner.outside(isa, x)), x);
                            let beyond = isa.keep(isa.and(positive, self.outer.outside(isa, x)), weight);
                            let weight = isa.keep(positive, weight);
                            (weight, beyond, if MOMENTS { negative(isa, self.w, x, weight) } else { weight })
                        },
                    );
                    total = accumulate(isa, total, [a.0, b.0, c.0, d.0]);
                    outside = accumulate(isa, outside, [a.1, b.1, c.1, d.1]);
                    if MOMENTS {
                        moment = accumulate(isa, moment, [a.2, b.2, c.2, d.2]);
                    }
                },
            );
            self.ends.push(out.len());
            let (total, outside) = (isa.fold(total), isa.fold(outside));
            self.blocks.push(total - outside);
            sums.total += total;
            sums.outside += outside;
            sums.moment -= if MOMENTS { isa.fold(moment) } else { 0.0 };
        }
        out.finish();
        sums
    }
}

/// Sums the weights of each block's stretch of the list: of the values inside the band, or of the others.
struct Segments<'a> {
    found: &'a Found,
    band: Band,
    inside: bool,
    sums: &'a mut [f64],
}

impl Kernel for Segments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let places = isa.load(&std::array::from_fn(|i| i as f32));
        let values = self.found.list.values.as_chunks::<LANES>().0;
        let weights = self.found.list.weights.as_chunks::<LANES>().0;
        let mut start = 0;
        for (b, &end) in self.found.ends.iter().enumerate() {
            let mut acc = isa.zero();
            for row in start / LANES..end.div_ceil(LANES) {
                let (x, weight) = (isa.load(&values[row]), isa.load(&weights[row]));
                let first = row * LANES;
                let from = isa.splat(start.saturating_sub(first) as f32);
                let to = isa.splat((end - first).min(LANES) as f32);
                let here = isa.and(isa.le(from, places), isa.lt(places, to));
                let wanted = if self.inside { inside(isa, self.band, x) } else { self.band.outside(isa, x) };
                acc = isa.accumulate(acc, isa.keep(isa.and(here, wanted), weight));
            }
            if let Some(sum) = self.sums.get_mut(b) {
                *sum = isa.fold(acc);
            }
            start = end;
        }
    }
}
