//! Which values take part in a loop, and what they weigh there.

use crate::kernel::row::{Band, LANES, Weigh};
use crate::kernel::simd::Isa;

/// A loop over the members of a band.
pub trait Among {
    type Output;
    fn run(self, members: impl Members) -> Self::Output;
}

/// Runs it with the quickest test for membership.
pub fn among<A: Among>(w: Weigh, band: Band, a: A) -> A::Output {
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
pub trait Members: Copy {
    fn mask<I: Isa>(self, isa: I, x: I::F, positive: I::M) -> I::M;
    /// Which values are none, whatever their weight; NaN aside.
    fn outside<I: Isa>(self, isa: I, x: I::F) -> I::M;
}

/// Every value.
#[derive(Clone, Copy)]
pub struct All;

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
pub struct From(pub f32);

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

/// A sum over members.
pub struct Of<S, M>(pub S, pub M);

/// The members' weights, +0 for what isn't a member.
#[inline(always)]
pub fn weigh<I: Isa, M: Members>(isa: I, w: Weigh, members: M, x: I::F) -> I::F {
    let (weight, positive) = isa.weigh(w, x);
    isa.keep(members.mask(isa, x, positive), weight)
}

/// −w · a where the weight w is positive, else +0.
#[inline(always)]
pub fn negative<I: Isa>(isa: I, w: Weigh, x: I::F, weight: I::F) -> I::F {
    // a maximum of −0 would make the difference −0, and no sum of an `Isa` takes that
    let max = isa.splat(w.max + 0.0);
    let a = isa.mul(isa.sub(max, x), isa.splat(w.scale));
    isa.keep(isa.lt(isa.splat(0.0), weight), isa.mul(weight, a))
}

/// Members of a band.
#[inline(always)]
pub fn inside<I: Isa>(isa: I, band: Band, x: I::F) -> I::M {
    let lo = isa.splat(band.lo.max(f32::MIN));
    isa.and(isa.le(lo, x), isa.le(x, isa.splat(band.hi)))
}

/// 32 places from position `n`.
#[inline(always)]
pub fn window(values: &mut [f32], n: usize) -> Option<&mut [u32; LANES]> {
    bytemuck::cast_slice_mut(values).get_mut(n..)?.first_chunk_mut()
}
