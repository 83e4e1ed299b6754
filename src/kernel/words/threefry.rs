//! Threefry-2x32 with 20 rounds, many blocks at a time.

use crate::kernel::row::LANES;
use crate::kernel::simd::{Isa, Kernel, run};

/// Puts the block of each counter (`x[i]`, `y[i]`) under a key in its place: Threefry-2x32 with 20 rounds (Salmon et al. 2011).
/// What one of the lists has beyond the other stays as it is.
///
/// ```
/// let (mut x, mut y) = ([0; 40], [0; 40]);
/// tokpick::kernel::threefry([0, 0], &mut x, &mut y);
/// assert_eq!((x[39], y[39]), (0x6b20_0159, 0x99ba_4efe));
/// ```
pub fn threefry(key: [u32; 2], x: &mut [u32], y: &mut [u32]) {
    run(Blocks { key, x, y });
}

struct Blocks<'a> {
    key: [u32; 2],
    x: &'a mut [u32],
    y: &'a mut [u32],
}

impl Kernel for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        let n = self.x.len().min(self.y.len());
        let (xs, x_rest) = self.x[..n].as_chunks_mut::<LANES>();
        let (ys, y_rest) = self.y[..n].as_chunks_mut::<LANES>();
        for (x, y) in xs.iter_mut().zip(ys) {
            // a loop over lanes without branches: the compiler makes vectors of it
            for lane in 0..LANES {
                (x[lane], y[lane]) = threefry_block(self.key, x[lane], y[lane]);
            }
        }
        for (x, y) in x_rest.iter_mut().zip(y_rest) {
            (*x, *y) = threefry_block(self.key, *x, *y);
        }
    }
}

/// The block of one counter (x, y) under a key, as [`threefry`] makes many: five times four rounds, each time with keys added.
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
