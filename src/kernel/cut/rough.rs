//! Sums of weights of which four rows are added in `f32` first: quicker than the prescribed mass, and next to it.

use crate::kernel::exact::fours::{accumulate, fours, of_rows};
use crate::kernel::exact::members::{Among, Members, Of, among, weigh};
use crate::kernel::row::{BLOCK, Band, Weigh};
use crate::kernel::simd::{Isa, Kernel, run};

/// [`mass`](crate::kernel::mass) of a dense row within [`ROUGH`](crate::kernel::bounds::ROUGH) of itself, and so each block.
pub fn rough_mass(values: &[f32], w: Weigh, band: Band, blocks: &mut Vec<f64>) -> f64 {
    blocks.clear();
    blocks.resize(values.len().div_ceil(BLOCK), 0.0);
    among(w, band, Rough { values, w, blocks })
}

struct Rough<'a> {
    values: &'a [f32],
    w: Weigh,
    blocks: &'a mut [f64],
}

impl Among for Rough<'_> {
    type Output = f64;

    fn run(self, members: impl Members) -> f64 {
        run(Of(self, members))
    }
}

impl<M: Members> Kernel for Of<Rough<'_>, M> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f64 {
        let Of(Rough { values, w, blocks }, members) = self;
        let mut total = 0.0;
        for (b, values) in values.chunks(BLOCK).enumerate() {
            let mut sum = isa.zero();
            fours(
                values,
                #[inline(always)]
                |four| {
                    let weights = of_rows(
                        isa,
                        four,
                        #[inline(always)]
                        |x| weigh(isa, w, members, x),
                    );
                    sum = accumulate(isa, sum, weights);
                },
            );
            blocks[b] = isa.fold(sum);
            total += blocks[b];
        }
        total
    }
}
