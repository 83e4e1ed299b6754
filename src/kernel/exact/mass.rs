//! Sums of weights, in the prescribed order.

use super::members::{Among, Members, Of, among, negative, weigh};
use crate::kernel::row::{BLOCK, Band, LANES, Slice, Weigh};
use crate::kernel::simd::isa::{padded, rows, tree};
use crate::kernel::simd::{Isa, Kernel, run};

/// Σ weight over the band's members; `blocks` (cleared) receives the sum of block b at index b, for b up to the block of the
/// last id.
///
/// ```
/// use tokpick::kernel::{Band, Slice, Weigh, mass};
/// let set = Slice { ids: None, values: &[0.0, 0.0, f32::NEG_INFINITY] };
/// let mut blocks = Vec::new();
/// let w = Weigh { max: 0.0, scale: 1.0 };
/// assert_eq!(mass(set, w, Band::ALL, &mut blocks), 2.0);
/// assert_eq!(blocks, [2.0]);
/// ```
pub fn mass(set: Slice, w: Weigh, band: Band, blocks: &mut Vec<f64>) -> f64 {
    blocks.clear();
    blocks.resize(set.blocks(), 0.0);
    sum::<false>(set, w, band, blocks).0
}

/// (Σ w, Σ w · a) with a = (x − max) · scale over the band's members with w > 0, each product rounded to `f32` and both summed
/// like [`mass`]: the entropy is ln Σw − Σwa / Σw.
///
/// ```
/// use tokpick::kernel::{Band, Slice, Weigh, moments};
/// let set = Slice { ids: None, values: &[0.0, 0.0, f32::NEG_INFINITY] };
/// assert_eq!(moments(set, Weigh { max: 0.0, scale: 1.0 }, Band::ALL), (2.0, 0.0));
/// ```
pub fn moments(set: Slice, w: Weigh, band: Band) -> (f64, f64) {
    let (sum, negative) = sum::<true>(set, w, band, &mut []);
    (sum, 0.0 - negative)
}

/// Both sums (the second only where `PRODUCT`).
fn sum<const PRODUCT: bool>(set: Slice, w: Weigh, band: Band, blocks: &mut [f64]) -> (f64, f64) {
    among(w, band, Sum::<PRODUCT> { set, w, blocks })
}

struct Sum<'a, const PRODUCT: bool> {
    set: Slice<'a>,
    w: Weigh,
    /// Where the sums of blocks go, as far as there is room.
    blocks: &'a mut [f64],
}

impl<const PRODUCT: bool> Among for Sum<'_, PRODUCT> {
    type Output = (f64, f64);

    fn run(self, members: impl Members) -> (f64, f64) {
        run(Of(self, members))
    }
}

impl<M: Members, const PRODUCT: bool> Kernel for Of<Sum<'_, PRODUCT>, M> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> (f64, f64) {
        let Of(Sum { set, w, blocks }, members) = self;
        let values = set.values();
        let mut total = (0.0, 0.0);
        let mut add = |b: usize, sum: (f64, f64)| {
            if let Some(block) = blocks.get_mut(b) {
                *block = sum.0;
            }
            total = (total.0 + sum.0, total.1 + sum.1);
        };
        match set.ids {
            None => {
                for (b, block) in values.chunks(BLOCK).enumerate() {
                    let (mut sum, mut product) = (isa.zero(), isa.zero());
                    rows(
                        isa,
                        block,
                        #[inline(always)]
                        |x| {
                            let weight = weigh(isa, w, members, x);
                            sum = isa.accumulate(sum, weight);
                            if PRODUCT {
                                product = isa.accumulate(product, negative(isa, w, x, weight));
                            }
                        },
                    );
                    let product = if PRODUCT { isa.fold(product) } else { 0.0 };
                    add(b, (isa.fold(sum), product));
                }
            }
            Some(ids) => {
                let mut block = 0;
                let (mut sum, mut product) = ([0.0; LANES], [0.0; LANES]);
                // Not by `zip`, which isn't always inlined.
                for (r, ids) in ids.chunks(LANES).enumerate() {
                    let x = isa.load(&padded(values.get(r * LANES..).unwrap_or_default()));
                    let weight = weigh(isa, w, members, x);
                    let a = isa.store(negative(isa, w, x, weight));
                    let weight = isa.store(weight);
                    for (i, &id) in ids.iter().enumerate() {
                        let (b, lane) = (id as usize / BLOCK, id as usize % LANES);
                        if b != block {
                            add(block, (tree(sum), tree(product)));
                            (sum, product) = ([0.0; LANES], [0.0; LANES]);
                            block = b;
                        }
                        sum[lane] += f64::from(weight[i]);
                        if PRODUCT {
                            product[lane] += f64::from(a[i]);
                        }
                    }
                }
                add(block, (tree(sum), tree(product)));
            }
        }
        total
    }
}
