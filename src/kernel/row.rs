//! What a row is to the loops: values by id, their weights, the values that take part.

use super::math::exp32;

/// Lanes of a sum: the weight of an id goes to lane `id mod LANES`.
pub const LANES: usize = 32;
/// Ids that are summed together before blocks are added in order.
pub const BLOCK: usize = 1024;
/// Values that share one maximum in [`scan`](super::scan).
pub const SPAN: usize = 256;

/// Values by ascending id; without `ids` the row is dense, and a value's id is its position.
///
/// Where `ids` and `values` differ in length, the shorter counts.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// Ids in strictly ascending order, or `None` for a dense row.
    pub ids: Option<&'a [u32]>,
    /// One value for each id.
    pub values: &'a [f32],
}

impl<'a> Slice<'a> {
    /// The values that have an id.
    pub(super) fn values(self) -> &'a [f32] {
        let n = self.ids.map_or(self.values.len(), <[u32]>::len);
        &self.values[..n.min(self.values.len())]
    }

    /// The number of blocks up to the last id.
    pub(super) fn blocks(self) -> usize {
        let n = self.values().len();
        n.checked_sub(1).map_or(0, |last| self.id(last) as usize / BLOCK + 1)
    }

    /// The id at a position of `values()`.
    #[inline(always)]
    pub(super) fn id(self, i: usize) -> u32 {
        self.ids.map_or(i as u32, |ids| ids[i])
    }
}

/// A weight function: `e^((x − max) · scale)`.
///
/// In bits: 2^(d · s) with d = x − max and s = scale · log2 e, both rounded to `f32`, their product fused into the range
/// reduction without rounding; 0 where d · s < −125.5, 1 at `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weigh {
    /// The value of weight 1; finite, and no member exceeds it.
    pub max: f32,
    /// What differences are multiplied by; finite and positive.
    pub scale: f32,
}

impl Weigh {
    /// The factor of the exponent to base 2; finite, because 0 · ∞ is no number.
    #[inline(always)]
    pub(super) fn base2(self) -> f32 {
        (self.scale * std::f32::consts::LOG2_E).min(f32::MAX)
    }

    /// The weight of `x`, the same bits as every function here gives it.
    pub fn weight(self, x: f32) -> f32 {
        exp32::power(x - self.max, self.base2(), 0.0)
    }
}

/// The values that take part: `lo ≤ x ≤ hi`, and never −∞ or NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The least value inside.
    pub lo: f32,
    /// The greatest value inside.
    pub hi: f32,
}

impl Band {
    /// Every value except −∞ and NaN.
    pub const ALL: Band = Band { lo: f32::NEG_INFINITY, hi: f32::INFINITY };

    /// Values of at least `lo`.
    pub fn from(lo: f32) -> Band {
        Band { lo, ..Band::ALL }
    }

    /// Whether `x` is a member.
    #[inline(always)]
    pub fn has(self, x: f32) -> bool {
        (self.lo <= x) & (x <= self.hi) & (x > f32::NEG_INFINITY)
    }
}
