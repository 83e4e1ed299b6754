//! The first pass over a row: its maximum, the maxima of its spans, its validity; and counting.

use pulp::NullaryFnOnce;

use super::{Band, LANES, SPAN, arch};

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
    let valid = arch::run(Maxima { values, maxima });
    let bad = if valid {
        None
    } else {
        for (m, span) in maxima.iter_mut().zip(values.chunks(SPAN)) {
            let valid = span.iter().filter(|&&x| x < f32::INFINITY);
            *m = valid.fold(f32::NEG_INFINITY, |m, &x| if x > m { x } else { m });
        }
        values.iter().position(|&x| !is_valid(x))
    };
    let max = maxima.iter().fold(f32::NEG_INFINITY, |m, &x| if x > m { x } else { m });
    let at = if max == f32::NEG_INFINITY {
        0
    } else {
        let span = maxima.iter().position(|&m| m == max).unwrap_or(0) * SPAN;
        let inside = values[span..].iter().position(|&x| x == max);
        span + inside.unwrap_or(0)
    };
    Scan { max: max + 0.0, at, bad }
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

impl NullaryFnOnce for Maxima<'_> {
    /// Whether every value is valid.
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let mut valid = [true; LANES];
        for (m, span) in self.maxima.iter_mut().zip(self.values.chunks(SPAN)) {
            let mut lanes = [f32::NEG_INFINITY; LANES];
            let (rows, rest) = span.as_chunks::<LANES>();
            for row in rows {
                for i in 0..LANES {
                    valid[i] &= is_valid(row[i]);
                    lanes[i] = if row[i] > lanes[i] { row[i] } else { lanes[i] };
                }
            }
            for i in 0..rest.len() {
                valid[i] &= is_valid(rest[i]);
                lanes[i] = if rest[i] > lanes[i] { rest[i] } else { lanes[i] };
            }
            let mut half = LANES / 2;
            while half > 0 {
                for i in 0..half {
                    let (a, b) = (lanes[i], lanes[i + half]);
                    lanes[i] = if b > a { b } else { a };
                }
                half /= 2;
            }
            *m = lanes[0];
        }
        valid.iter().all(|&v| v)
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
    arch::run(Count { values, band })
}

struct Count<'a> {
    values: &'a [f32],
    band: Band,
}

impl NullaryFnOnce for Count<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let mut total = 0;
        // Short stretches, so that 32-bit lanes suffice.
        for stretch in self.values.chunks(1 << 16) {
            total += stretch.iter().map(|&x| u32::from(self.band.has(x))).sum::<u32>() as usize;
        }
        total
    }
}
