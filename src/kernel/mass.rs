//! Sums of weights, in the prescribed order.

use super::arch::{Kernel, run};
use super::isa::{Isa, padded, rows, tree};
use super::{BLOCK, Band, LANES, Slice, Weigh};

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

/// Both sums (the second only where `PRODUCT`), with the quickest test for membership.
fn sum<const PRODUCT: bool>(set: Slice, w: Weigh, band: Band, blocks: &mut [f64]) -> (f64, f64) {
    let Band { lo, hi } = band;
    if hi < f32::INFINITY {
        run(Sum::<_, PRODUCT> { set, w, members: band, blocks })
    } else if lo == f32::NEG_INFINITY {
        run(Sum::<_, PRODUCT> { set, w, members: All, blocks })
    } else if w.weight(lo) > 0.0 {
        run(Sum::<_, PRODUCT> { set, w, members: From(lo), blocks })
    } else {
        run(Sum::<_, PRODUCT> { set, w, members: band, blocks })
    }
}

/// A test for members among values; `positive` says where weights are.
pub(super) trait Members: Copy {
    fn mask<I: Isa>(self, isa: I, x: I::F, positive: I::M) -> I::M;
}

/// Every value.
#[derive(Clone, Copy)]
pub(super) struct All;

impl Members for All {
    #[inline(always)]
    fn mask<I: Isa>(self, _: I, _: I::F, positive: I::M) -> I::M {
        positive
    }
}

/// Values of at least this one, whose weight is positive.
#[derive(Clone, Copy)]
pub(super) struct From(pub f32);

impl Members for From {
    #[inline(always)]
    fn mask<I: Isa>(self, isa: I, x: I::F, _: I::M) -> I::M {
        isa.le(isa.splat(self.0), x)
    }
}

impl Members for Band {
    #[inline(always)]
    fn mask<I: Isa>(self, isa: I, x: I::F, positive: I::M) -> I::M {
        let inside = isa.and(isa.le(isa.splat(self.lo), x), isa.le(x, isa.splat(self.hi)));
        isa.and(inside, positive)
    }
}

struct Sum<'a, M, const PRODUCT: bool> {
    set: Slice<'a>,
    w: Weigh,
    members: M,
    /// Where the sums of blocks go, as far as there is room.
    blocks: &'a mut [f64],
}

impl<M: Members, const PRODUCT: bool> Kernel for Sum<'_, M, PRODUCT> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> (f64, f64) {
        let values = self.set.values();
        let mut total = (0.0, 0.0);
        let mut add = |b: usize, sum: (f64, f64)| {
            if let Some(block) = self.blocks.get_mut(b) {
                *block = sum.0;
            }
            total = (total.0 + sum.0, total.1 + sum.1);
        };
        match self.set.ids {
            None => {
                for (b, block) in values.chunks(BLOCK).enumerate() {
                    let (mut sum, mut product) = (isa.zero(), isa.zero());
                    rows(
                        isa,
                        block,
                        #[inline(always)]
                        |x| {
                            let weight = weigh(isa, self.w, self.members, x);
                            sum = isa.accumulate(sum, weight);
                            if PRODUCT {
                                product = isa.accumulate(product, negative(isa, self.w, x, weight));
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
                for (ids, values) in ids.chunks(LANES).zip(values.chunks(LANES)) {
                    let x = isa.load(&padded(values));
                    let weight = weigh(isa, self.w, self.members, x);
                    let a = isa.store(negative(isa, self.w, x, weight));
                    let weight = isa.store(weight);
                    for ((&id, weight), a) in ids.iter().zip(weight).zip(a) {
                        let (b, lane) = (id as usize / BLOCK, id as usize % LANES);
                        if b != block {
                            add(block, (tree(sum), tree(product)));
                            (sum, product) = ([0.0; LANES], [0.0; LANES]);
                            block = b;
                        }
                        sum[lane] += f64::from(weight);
                        if PRODUCT {
                            product[lane] += f64::from(a);
                        }
                    }
                }
                add(block, (tree(sum), tree(product)));
            }
        }
        total
    }
}

/// The members' weights, +0 for what isn't a member.
#[inline(always)]
pub(super) fn weigh<I: Isa, M: Members>(isa: I, w: Weigh, members: M, x: I::F) -> I::F {
    let (weight, positive) = isa.weigh(w, x);
    isa.keep(members.mask(isa, x, positive), weight)
}

/// −w · a where the weight w is positive, else +0.
#[inline(always)]
fn negative<I: Isa>(isa: I, w: Weigh, x: I::F, weight: I::F) -> I::F {
    let a = isa.mul(isa.sub(isa.splat(w.max), x), isa.splat(w.scale));
    isa.keep(isa.lt(isa.splat(0.0), weight), isa.mul(weight, a))
}
