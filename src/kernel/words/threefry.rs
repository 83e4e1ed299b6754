//! Threefry-2x32 with 20 rounds, many blocks at a time.

use crate::kernel::row::LANES;
use crate::kernel::simd::{Isa, Kernel, run};

/// What of a block [`threefry_words`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The first word.
    First,
    /// The second word.
    Second,
    /// The first xor the second.
    Xor,
}

/// Words of blocks under a key, Threefry-2x32 with 20 rounds (Salmon et al. 2011): word i is of the counter (x + i · dx, y + i · dy). Returns
/// the largest.
///
/// ```
/// use tokpick::kernel::{Half, threefry_words};
/// let mut out = [0; 40];
/// let largest = threefry_words([0, 0], [0, 0], [0, 1], Half::Second, &mut out);
/// assert_eq!((out[0], out.iter().max()), (0x99ba_4efe, Some(&largest)));
/// ```
pub fn threefry_words(key: [u32; 2], counter: [u32; 2], step: [u32; 2], half: Half, out: &mut [u32]) -> u32 {
    run(Words { key, counter, step, half, out })
}

struct Words<'a> {
    key: [u32; 2],
    counter: [u32; 2],
    step: [u32; 2],
    half: Half,
    out: &'a mut [u32],
}

impl Kernel for Words<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> u32 {
        let Self { key, counter: [mut x, mut y], step: [dx, dy], half, out } = self;
        let first = if half == Half::Second { 0 } else { u32::MAX };
        let second = if half == Half::First { 0 } else { u32::MAX };
        let (mut from_x, mut from_y, mut largest) = ([0u32; LANES], [0u32; LANES], [0u32; LANES]);
        for lane in 0..LANES {
            from_x[lane] = dx.wrapping_mul(lane as u32);
            from_y[lane] = dy.wrapping_mul(lane as u32);
        }
        let (rows, rest) = out.as_chunks_mut::<LANES>();
        for row in rows {
            // a loop over lanes without branches: the compiler makes vectors of it
            for lane in 0..LANES {
                let (a, b) = threefry_block(key, x.wrapping_add(from_x[lane]), y.wrapping_add(from_y[lane]));
                let word = (a & first) ^ (b & second);
                row[lane] = word;
                largest[lane] = if word > largest[lane] { word } else { largest[lane] };
            }
            x = x.wrapping_add(dx.wrapping_mul(LANES as u32));
            y = y.wrapping_add(dy.wrapping_mul(LANES as u32));
        }
        let mut most = 0;
        for word in largest {
            most = if word > most { word } else { most };
        }
        for word in rest {
            let (a, b) = threefry_block(key, x, y);
            *word = (a & first) ^ (b & second);
            most = if *word > most { *word } else { most };
            (x, y) = (x.wrapping_add(dx), y.wrapping_add(dy));
        }
        most
    }
}

/// The block of one counter (x, y) under a key, as [`threefry_words`] makes many: five times four rounds, each time with keys added.
///
/// ```
/// assert_eq!(tokpick::kernel::threefry_block([0, 0], 0, 0), (0x6b20_0159, 0x99ba_4efe));
/// ```
// not as a loop, which would keep that over lanes from becoming vectors
#[inline(always)]
pub fn threefry_block([a, b]: [u32; 2], x: u32, y: u32) -> (u32, u32) {
    let c = a ^ b ^ 0x1bd1_1bda;
    let start = (x.wrapping_add(a), y.wrapping_add(b));
    let one = keyed(four(start, [13, 15, 26, 6]), b, c.wrapping_add(1));
    let two = keyed(four(one, [17, 29, 16, 24]), c, a.wrapping_add(2));
    let three = keyed(four(two, [13, 15, 26, 6]), a, b.wrapping_add(3));
    let four_times = keyed(four(three, [17, 29, 16, 24]), b, c.wrapping_add(4));
    keyed(four(four_times, [13, 15, 26, 6]), c, a.wrapping_add(5))
}

#[inline(always)]
fn four(block: (u32, u32), [r, s, t, u]: [u32; 4]) -> (u32, u32) {
    mix(mix(mix(mix(block, r), s), t), u)
}

#[inline(always)]
fn mix((x, y): (u32, u32), r: u32) -> (u32, u32) {
    let x = x.wrapping_add(y);
    (x, y.rotate_left(r) ^ x)
}

#[inline(always)]
fn keyed((x, y): (u32, u32), a: u32, b: u32) -> (u32, u32) {
    (x.wrapping_add(a), y.wrapping_add(b))
}
