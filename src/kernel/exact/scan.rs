//! The first pass over a row: its maximum, the maxima of its spans, its validity; and counting.

use super::members::inside;
use crate::kernel::row::{Band, LANES, SPAN};
use crate::kernel::simd::isa::rows;
use crate::kernel::simd::{Isa, Kernel, run};

/// What one pass over a row tells. Invalid values (NaN and +∞) count as −∞ in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scan {
    /// The largest value (never −0); −∞ when nothing is finite.
    pub max: f32,
    /// The lowest index of `max`; 0 when nothing is finite.
    pub at: usize,
    /// The index of the first NaN or +∞.
    pub bad: Option<usize>,
}

/// Reads a row once: its maximum and where, the first invalid value, and in `maxima` (cleared) the maximum of every
/// [`SPAN`] values.
///
/// ```
/// let mut maxima = Vec::new();
/// let s = tokpick::kernel::scan(&[1.0, 3.0, f32::NEG_INFINITY, 3.0], &mut maxima);
/// assert_eq!((s.max, s.at, s.bad), (3.0, 1, None));
/// assert_eq!(maxima, [3.0]);
/// ```
pub fn scan(values: &[f32], maxima: &mut Vec<f32>) -> Scan {
    maxima.clear();
    maxima.resize(values.len().div_ceil(SPAN), f32::NEG_INFINITY);
    let valid = run(Maxima { values, maxima });
    let bad = if valid {
        None
    } else {
        for (m, span) in maxima.iter_mut().zip(values.chunks(SPAN)) {
            let valid = span.iter().filter(|&&x| x < f32::INFINITY);
            *m = valid.fold(f32::NEG_INFINITY, |m, &x| if x > m { x } else { m });
        }
        values.iter().position(|&x| !is_valid(x))
    };
    let max = max(maxima);
    let at = if max == f32::NEG_INFINITY {
        0
    } else {
        let span = find(maxima, max).unwrap_or(0) * SPAN;
        span + find(&values[span..], max).unwrap_or(0)
    };
    Scan { max: max + 0.0, at, bad }
}

/// The largest value; −∞ where there is none.
///
/// ```
/// assert_eq!(tokpick::kernel::max(&[1.0, 3.0, f32::NEG_INFINITY]), 3.0);
/// ```
pub fn max(values: &[f32]) -> f32 {
    run(Max(values))
}

/// The position of the first NaN or +∞.
///
/// ```
/// assert_eq!(tokpick::kernel::first_invalid(&[1.0, f32::NEG_INFINITY, f32::INFINITY]), Some(2));
/// ```
pub fn first_invalid(values: &[f32]) -> Option<usize> {
    if run(Valid(values)) { None } else { values.iter().position(|&x| !is_valid(x)) }
}

/// The first position of a value.
///
/// ```
/// assert_eq!(tokpick::kernel::find(&[1.0, 3.0, 3.0], 3.0), Some(1));
/// ```
pub fn find(values: &[f32], x: f32) -> Option<usize> {
    run(Find(values, x))
}

struct Max<'a>(&'a [f32]);

impl Kernel for Max<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> f32 {
        let mut lanes = isa.splat(f32::NEG_INFINITY);
        rows(
            isa,
            self.0,
            #[inline(always)]
            |x| lanes = isa.max(x, lanes),
        );
        isa.largest(lanes)
    }
}

struct Valid<'a>(&'a [f32]);

impl Kernel for Valid<'_> {
    /// True only if every value is valid.
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> bool {
        let infinity = isa.splat(f32::INFINITY);
        let mut valid = isa.lt(isa.splat(0.0), infinity);
        rows(
            isa,
            self.0,
            #[inline(always)]
            |x| valid = isa.and(valid, isa.lt(x, infinity)),
        );
        isa.bits(valid) == u32::MAX
    }
}

struct Find<'a>(&'a [f32], f32);

impl Kernel for Find<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Option<usize> {
        let Find(values, x) = self;
        let wanted = isa.splat(x);
        let (rows, rest) = values.as_chunks::<LANES>();
        for (i, row) in rows.iter().enumerate() {
            let row = isa.load(row);
            let found = isa.bits(isa.and(isa.le(row, wanted), isa.le(wanted, row)));
            if found != 0 {
                return Some(i * LANES + found.trailing_zeros() as usize);
            }
        }
        rest.iter().position(|&y| y == x).map(|i| rows.len() * LANES + i)
    }
}

/// Finite or −∞.
#[inline(always)]
fn is_valid(x: f32) -> bool {
    x < f32::INFINITY
}

struct Maxima<'a> {
    values: &'a [f32],
    maxima: &'a mut [f32],
}

impl Kernel for Maxima<'_> {
    /// True only if every value is valid.
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> bool {
        let infinity = isa.splat(f32::INFINITY);
        let mut valid = isa.lt(isa.splat(0.0), infinity);
        let mut values = self.values;
        // not by `zip`, which isn't always inlined
        for m in self.maxima.iter_mut() {
            let (span, rest) = values.split_at(SPAN.min(values.len()));
            values = rest;
            let (mut lanes, mut sum) = (isa.splat(f32::NEG_INFINITY), isa.splat(0.0));
            rows(
                isa,
                span,
                #[inline(always)]
                |x| {
                    // stays NaN or +∞ once one was added; a sum too large is looked at again
                    sum = isa.add(sum, x);
                    lanes = isa.max(x, lanes);
                },
            );
            valid = isa.and(valid, isa.lt(sum, infinity));
            *m = isa.largest(lanes);
        }
        isa.bits(valid) == u32::MAX
    }
}

/// How many values are members of the band.
///
/// ```
/// use tokpick::kernel::{Band, count};
/// assert_eq!(count(&[1.0, 2.0, 3.0, f32::NEG_INFINITY], Band::from(2.0)), 2);
/// assert_eq!(count(&[1.0, 2.0, 3.0, f32::NEG_INFINITY], Band::ALL), 3);
/// ```
pub fn count(values: &[f32], band: Band) -> usize {
    run(Count { values, band })
}

struct Count<'a> {
    values: &'a [f32],
    band: Band,
}

impl Kernel for Count<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> usize {
        let mut n = 0;
        rows(
            isa,
            self.values,
            #[inline(always)]
            |x| {
                n += isa.bits(inside(isa, self.band, x)).count_ones() as usize;
            },
        );
        n
    }
}
