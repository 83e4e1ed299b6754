//! How each engine turns random words into a uniform number.

use crate::kernel::Mt;

/// 2⁻⁵³.
const EPS53: f64 = 1.0 / (1u64 << 53) as f64;
/// 2⁻³².
const EPS32: f32 = 1.0 / (1u64 << 32) as f32;

/// torch's double in [0, 1): two words, the high one first, of which the low 53 bits count.
pub(in crate::engine) fn torch_f64(mt: &mut Mt) -> f64 {
    let high = mt.next_u32();
    torch_pair(high, mt.next_u32())
}

/// torch's double of two words.
pub(in crate::engine) fn torch_pair(high: u32, low: u32) -> f64 {
    let (high, low) = (u64::from(high), u64::from(low));
    (((high << 32) | low) & ((1 << 53) - 1)) as f64 * EPS53
}

/// `RandomState`'s double in [0, 1): 27 bits of one word and 26 of the next.
pub(in crate::engine) fn random_state_f64(mt: &mut Mt) -> f64 {
    let a = u64::from(mt.next_u32() >> 5);
    let b = u64::from(mt.next_u32() >> 6);
    ((a << 26) | b) as f64 * EPS53
}

/// `std::uniform_real_distribution<double>(0, 1)` of libstdc++ over `std::mt19937`: two words, the low one first.
/// The sum is rounded, so that it can reach 1, which becomes the double below.
pub(in crate::engine) fn libstdcxx_f64(mt: &mut Mt) -> f64 {
    let low = f64::from(mt.next_u32());
    let high = f64::from(mt.next_u32());
    let u = (low + high * 4_294_967_296.0) / 18_446_744_073_709_551_616.0;
    if u >= 1.0 { 1.0f64.next_down() } else { u }
}

/// `std::uniform_real_distribution<float>(0, 1)` of libstdc++: one word, rounded to float32.
pub(in crate::engine) fn libstdcxx_f32(mt: &mut Mt) -> f32 {
    let u = mt.next_u32() as f32 * EPS32;
    if u >= 1.0 { 1.0f32.next_down() } else { u }
}

/// NumPy's `Generator.random()`: the upper 53 bits of a 64-bit word.
pub(in crate::engine) fn numpy_f64(word: u64) -> f64 {
    (word >> 11) as f64 * EPS53
}

/// The float with these 23 bits of mantissa in [1, 2), less 1 (JAX, and the `rand` crate).
pub(in crate::engine) fn mantissa_f32(word: u32) -> f32 {
    f32::from_bits((word >> 9) | 0x3f80_0000) - 1.0
}

/// MLX's uniform: the word rounded to float32, over 2³², at most 1 − 2⁻²⁴.
pub(in crate::engine) fn mlx_f32(word: u32) -> f32 {
    (word as f32 * EPS32).min(1.0f32.next_down())
}

/// The running sums of weights in float32, from left to right.
pub(in crate::engine) fn running(weights: &[f32]) -> impl Iterator<Item = f32> + '_ {
    weights.iter().scan(0f32, |sum, &w| {
        *sum += w;
        Some(*sum)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.RandomState(42).random_sample()`, printed by every NumPy tutorial.
    #[test]
    fn random_state() {
        let mut mt = Mt::new(42);
        assert_eq!(random_state_f64(&mut mt), 0.3745401188473625);
        assert_eq!(random_state_f64(&mut mt), 0.9507143064099162);
    }

    #[test]
    fn never_one() {
        assert!(mlx_f32(u32::MAX) < 1.0);
        assert!(mantissa_f32(u32::MAX) < 1.0);
        assert!(numpy_f64(u64::MAX) < 1.0);
        assert_eq!(mlx_f32(0), 0.0);
        assert_eq!(mantissa_f32(511), 0.0);
    }
}
