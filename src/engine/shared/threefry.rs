//! Threefry-2x32 with 20 rounds, the counter-based generator of JAX and MLX.
//!
//! Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

use crate::kernel;

/// A key, or a counter, or what comes out of one.
pub(in crate::engine) type Pair = [u32; 2];

/// The block of a counter under a key. [`kernel::threefry_words`] makes many at once.
pub(in crate::engine) fn threefry(key: Pair, [x, y]: Pair) -> Pair {
    let (x, y) = kernel::threefry_block(key, x, y);
    [x, y]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];

    /// The rounds as the paper has them, in a loop.
    fn in_a_loop(key: Pair, counter: Pair) -> Pair {
        let keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1bd1_1bda];
        let [mut x, mut y] = counter;
        x = x.wrapping_add(keys[0]);
        y = y.wrapping_add(keys[1]);
        for i in 0..5u32 {
            for r in ROTATIONS[i as usize % 2] {
                x = x.wrapping_add(y);
                y = y.rotate_left(r) ^ x;
            }
            x = x.wrapping_add(keys[(i as usize + 1) % 3]);
            y = y.wrapping_add(keys[(i as usize + 2) % 3]).wrapping_add(i + 1);
        }
        [x, y]
    }

    /// The three vectors of Random123's `kat_vectors` for threefry2x32, 20 rounds.
    #[test]
    fn known_answers() {
        let cases = [
            ([0, 0], [0, 0], [0x6b20_0159, 0x99ba_4efe]),
            ([u32::MAX; 2], [u32::MAX; 2], [0x1cb9_96fc, 0xbb00_2be7]),
            ([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3], [0xc492_3a9c, 0x483d_f7a0]),
        ];
        for (key, counter, block) in cases {
            assert_eq!(threefry(key, counter), block);
            assert_eq!(in_a_loop(key, counter), block);
        }
    }

    #[test]
    fn many_are_those_of_one_at_a_time() {
        use crate::kernel::{Half, Simd, threefry_words, with_simd};
        let starts = [([0, 0], [0, 1]), ([7, 8], [1, 1]), ([u32::MAX - 9, u32::MAX], [1, 0])];
        for (n, key) in [(1, [0, 0]), (31, [7, 8]), (100, [u32::MAX, 0x0370_7344]), (257, [1, u32::MAX])] {
            for (start, [dx, dy]) in starts {
                let counter = |i: u32| [start[0].wrapping_add(i * dx), start[1].wrapping_add(i * dy)];
                for (half, word) in [
                    (Half::First, (|[a, _]| a) as fn(Pair) -> u32),
                    (Half::Second, |[_, b]| b),
                    (Half::Xor, |[a, b]| a ^ b),
                ] {
                    let each: Vec<u32> = (0..n).map(|i| word(in_a_loop(key, counter(i)))).collect();
                    for simd in Simd::ALL {
                        let mut words = vec![0; n as usize];
                        let largest =
                            with_simd(simd, || threefry_words(key, start, [dx, dy], half, &mut words));
                        assert_eq!(words, each, "{simd:?}");
                        assert_eq!(Some(largest), each.iter().copied().max());
                    }
                }
            }
        }
    }
}
