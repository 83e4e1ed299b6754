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

/// Both sums (the second only where `PRODUCT`).
fn sum<const PRODUCT: bool>(set: Slice, w: Weigh, band: Band, blocks: &mut [f64]) -> (f64, f64) {
    among(w, band, Sum::<PRODUCT> { set, w, blocks })
}

/// What sums of `n` weights in `f64` may differ by from the prescribed ones, relative, when they are added in another order.
pub fn reordered(n: usize) -> f64 {
    n as f64 * 2f64.powi(-51)
}

/// A loop over the members of a band.
pub(super) trait Among {
    type Output;
    fn run(self, members: impl Members) -> Self::Output;
}

/// Runs it with the quickest test for membership.
pub(super) fn among<A: Among>(w: Weigh, band: Band, a: A) -> A::Output {
    let Band { lo, hi } = band;
    if hi < f32::INFINITY {
        a.run(band)
    } else if lo == f32::NEG_INFINITY {
        a.run(All)
    } else if w.weight(lo) > 0.0 {
        a.run(From(lo))
    } else {
        a.run(band)
    }
}

/// A test for members among values; `positive` says where weights are.
pub(super) trait Members: Copy {
    fn mask<I: Isa>(self, isa: I, x: I::F, positive: I::M) -> I::M;
    /// Which values are none, whatever their weight; NaN aside.
    fn outside<I: Isa>(self, isa: I, x: I::F) -> I::M;
}

/// Every value.
#[derive(Clone, Copy)]
pub(super) struct All;

impl Members for All {
    #[inline(always)]
    fn mask<I: Isa>(self, _: I, _: I::F, positive: I::M) -> I::M {
        positive
    }

    #[inline(always)]
    fn outside<I: Isa>(self, isa: I, x: I::F) -> I::M {
        isa.lt(x, x)
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

    #[inline(always)]
    fn outside<I: Isa>(self, isa: I, x: I::F) -> I::M {
        isa.lt(x, isa.splat(self.0))
    }
}

impl Members for Band {
    #[inline(always)]
    fn mask<I: Isa>(self, isa: I, x: I::F, positive: I::M) -> I::M {
        let inside = isa.and(isa.le(isa.splat(self.lo), x), isa.le(x, isa.splat(self.hi)));
        isa.and(inside, positive)
    }

    #[inline(always)]
    fn outside<I: Isa>(self, isa: I, x: I::F) -> I::M {
        isa.or(isa.lt(x, isa.splat(self.lo)), isa.lt(isa.splat(self.hi), x))
    }
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

/// A sum over members.
pub(super) struct Of<S, M>(pub S, pub M);

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
                for (ids, values) in ids.chunks(LANES).zip(values.chunks(LANES)) {
                    let x = isa.load(&padded(values));
                    let weight = weigh(isa, w, members, x);
                    let a = isa.store(negative(isa, w, x, weight));
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
pub(super) fn negative<I: Isa>(isa: I, w: Weigh, x: I::F, weight: I::F) -> I::F {
    let a = isa.mul(isa.sub(isa.splat(w.max), x), isa.splat(w.scale));
    isa.keep(isa.lt(isa.splat(0.0), weight), isa.mul(weight, a))
}
