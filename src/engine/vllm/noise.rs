//! The noise of vLLM's Model Runner V2: a function of (seed, position, token id) alone.
//!
//! Seeds are 64-bit two's complement; lo and hi are their halves, as are the position's. In float32 unless said otherwise.
//!
//! - `vllm-v2`: g = word 0 of Philox 4x32-10 (Salmon et al. 2011) of the counter (pos lo, pos hi, 0, 0) under the key
//!   (seed lo, seed hi); w = word 0 of the counter (id, 0, 0, 0) under (g, 0); r = w as signed, ¬r if negative;
//!   u = max(1, r) · 4.6566127342e-10; noise = −ln(−log1p(−u)).
//! - `vllm-v2-fp64`: u = (w₁ · 2³² + w₀) · 2⁻⁶⁴, at least 2⁻¹⁰²²; noise = −ln(−ln u), float64.
//! - `vllm-v2-murmur3`: h = MurmurHash3 of seed lo, seed hi, pos lo, id (the position's upper half is not used);
//!   u = (h div 2¹⁶) · 2⁻¹⁶ + ((h mod 2¹⁶) + ½) · 2⁻³²; L ≈ ln(1 − u): below ¼ the series −u · q, q = 1/8, then
//!   q = 1/n + u · q for n = 7 … 1; else ln(max(1 − u, 2⁻²⁴)); noise = −ln(−L).
//! - `vllm-v2-murmur3-fp64`: a second hash begun at 0x9E3779B9 is the upper half; u = ((bits >> 11) + ½) · 2⁻⁵³, below 1;
//!   noise = −ln(−ln u), float64.

use crate::engine::shared::{float, murmur};
use crate::kernel::bounds::minus_ln_at_most;

/// Which of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Noise {
    Philox,
    Philox64,
    Murmur,
    Murmur64,
}

/// What all tokens of a row share.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct RowNoise {
    kind: Noise,
    /// Philox: the step's key. Murmur: the state before the id.
    low: u32,
    /// Murmur64: the second hash's state before the id.
    high: u32,
}

/// f32(2⁻³¹) as the kernel writes it.
const SCALE: f32 = 4.656_612_7e-10;
const TINY: f64 = f64::MIN_POSITIVE;

impl Noise {
    /// The noise of the row at an address.
    pub(in crate::engine) fn at(self, seed: i64, position: u64) -> RowNoise {
        let [lo, hi] = [seed as u32, (seed >> 32) as u32];
        let [low, high] = match self {
            Self::Philox | Self::Philox64 => {
                let counter = [position as u32, (position >> 32) as u32, 0, 0];
                [philox(counter, [lo, hi])[0], 0]
            }
            Self::Murmur | Self::Murmur64 => {
                [0, 0x9e37_79b9].map(|start| [lo, hi, position as u32].into_iter().fold(start, murmur::mix))
            }
        };
        RowNoise { kind: self, low, high }
    }
}

impl RowNoise {
    /// A token's score in the race: x plus its noise, rounded where the engine rounds.
    pub(in crate::engine) fn score(&self, id: u32, x: f64) -> f64 {
        match self.kind {
            Noise::Philox | Noise::Murmur => f64::from(x as f32 + self.noise(id) as f32),
            Noise::Philox64 | Noise::Murmur64 => x + self.noise(id),
        }
    }

    /// A token's noise.
    pub(in crate::engine) fn noise(&self, id: u32) -> f64 {
        let u = self.uniform(id);
        match self.kind {
            Noise::Philox => f64::from(-float::ln32(-(float::ln_1p(-u) as f32))),
            Noise::Murmur => f64::from(-float::ln32(-ln_less(u as f32))),
            Noise::Philox64 | Noise::Murmur64 => -float::ln(-float::ln(u)),
        }
    }

    /// An upper bound on a token's noise, without a logarithm: −ln(−ln(1 − u)) ≤ −ln u, and so for u and 1 − u exchanged.
    pub(in crate::engine) fn at_most(&self, id: u32) -> f64 {
        let u = self.uniform(id);
        match self.kind {
            Noise::Philox | Noise::Murmur => minus_ln_at_most(u),
            Noise::Philox64 | Noise::Murmur64 if u < 1.0 => minus_ln_at_most(1.0 - u),
            Noise::Philox64 | Noise::Murmur64 => f64::INFINITY,
        }
    }

    /// The uniform that a token's noise is made of; a float32 where the engine has one.
    fn uniform(&self, id: u32) -> f64 {
        match self.kind {
            Noise::Philox => {
                let r = philox([id, 0, 0, 0], [self.low, 0])[0] as i32;
                let r = if r < 0 { !r } else { r };
                f64::from((r as f32 * SCALE).max(SCALE))
            }
            Noise::Philox64 => {
                let [w0, w1, ..] = philox([id, 0, 0, 0], [self.low, 0]);
                let bits = u64::from(w1) << 32 | u64::from(w0);
                (bits as f64 * 2f64.powi(-64)).max(TINY)
            }
            Noise::Murmur => {
                let h = murmur::finish(murmur::mix(self.low, id));
                let upper = (h >> 16) as f32 * 2f32.powi(-16);
                let lower = ((h & 0xffff) as f32 + 0.5) * 2f32.powi(-32);
                f64::from(upper + lower)
            }
            Noise::Murmur64 => {
                let [low, high] =
                    [self.low, self.high].map(|state| u64::from(murmur::finish(murmur::mix(state, id))));
                let u = (((high << 32 | low) >> 11) as f64 + 0.5) * 2f64.powi(-53);
                u.min(1.0f64.next_down())
            }
        }
    }
}

/// About ln(1 − u), as the kernel computes it.
fn ln_less(u: f32) -> f32 {
    if u < 0.25 {
        let q = (1..=7).rev().fold(0.125, |q, n| (1.0 / f64::from(n)) as f32 + u * q);
        -u * q
    } else {
        float::ln32((1.0 - u).max(2f32.powi(-24)))
    }
}

/// Philox 4x32 with ten rounds.
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let a = u64::from(c0) * 0xd251_1f53;
        let b = u64::from(c2) * 0xcd9e_8d57;
        (c0, c1, c2, c3) = ((b >> 32) as u32 ^ c1 ^ k0, b as u32, (a >> 32) as u32 ^ c3 ^ k1, a as u32);
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
    }
    [c0, c1, c2, c3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words() {
        let table: [(i64, u64, u32, [u32; 2]); 3] = [
            (42, 17, 0x18be_75b6, [0xc3d7_6e96, 0xe73d_febe]),
            ((1 << 40) + 7, 0, 0x33f7_def9, [0xd1a1_91ac, 0x24d5_bf1b]),
            (-2, 3, 0xb0f1_6d3a, [0x3fd9_34a5, 0xbb96_ee9e]),
        ];
        for (seed, position, g, words) in table {
            let row = Noise::Philox.at(seed, position);
            assert_eq!(row.low, g);
            assert_eq!([0, 1].map(|id| philox([id, 0, 0, 0], [g, 0])[0]), words);
        }
        // Random123's own vector for ten rounds
        let all = [u32::MAX; 4];
        assert_eq!(philox(all, [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn known_noise() {
        let table = [
            (Noise::Philox, [0.45435756, 1.5373365], 3e-7),
            (Noise::Philox64, [1.33026581, 0.15476249], 6e-9),
            (Noise::Murmur, [-0.43799192, -0.52106345], 6e-8),
            (Noise::Murmur64, [-0.33033546, 4.59864522], 6e-9),
        ];
        for (kind, expected, within) in table {
            let row = kind.at(42, 17);
            for (id, expected) in (0..).zip(expected) {
                let noise = row.noise(id);
                assert!((noise - expected).abs() < within, "{kind:?} {id}: {noise}");
            }
        }
    }

    #[test]
    fn the_bound_holds() {
        for kind in [Noise::Philox, Noise::Philox64, Noise::Murmur, Noise::Murmur64] {
            let row = kind.at(-7, 3);
            for id in 0..100_000 {
                let (noise, most) = (row.noise(id), row.at_most(id));
                assert!(noise <= most + 1e-5 && noise.is_finite(), "{kind:?} {id}: {noise} {most}");
            }
        }
    }
}
