//! Rows of logits as the benches take them, each kind from a fixed seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

/// Different rows that stream past, so that the cache doesn't flatter.
#[allow(dead_code, reason = "not every bench streams")]
pub const ROWS: usize = 64;

/// The three shapes: name and maker.
#[allow(dead_code, reason = "not every bench takes all three")]
pub const SHAPES: [(&str, fn(&mut ChaCha8Rng) -> Vec<f32>); 3] = [
    ("peaked 128256", peaked),
    ("flat 131072", |rng| uniform(rng, 131_072, -1.0, 1.0)),
    ("gauss 32000", |rng| normal(rng, 32_000, 3.0)),
];

/// The generator of the rows.
pub fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

/// Logits that fall with the logarithm of the rank, as a trained model's do: −1.76 ln(rank + 1) with a little noise, the first ten
/// raised, in random order.
#[allow(dead_code, reason = "not every bench takes all three")]
fn peaked(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let noise = Normal::new(0.0f32, 0.1).expect("a positive deviation");
    let mut row: Vec<f32> =
        (0..128_256).map(|rank| -1.76 * f32::ln(rank as f32 + 1.0) + noise.sample(rng)).collect();
    for x in &mut row[..10] {
        *x += rng.random_range(0.0..4.0);
    }
    for i in (1..row.len()).rev() {
        row.swap(i, rng.random_range(0..=i));
    }
    row
}

/// Logits evenly in [low, high).
#[allow(dead_code, reason = "not every bench takes every kind")]
pub fn uniform(rng: &mut ChaCha8Rng, vocab: usize, low: f32, high: f32) -> Vec<f32> {
    (0..vocab).map(|_| rng.random_range(low..high)).collect()
}

/// Normal logits of mean 0.
#[allow(dead_code, reason = "not every bench takes every kind")]
pub fn normal(rng: &mut ChaCha8Rng, vocab: usize, deviation: f32) -> Vec<f32> {
    let normal = Normal::new(0.0f32, deviation).expect("a positive deviation");
    (0..vocab).map(|_| normal.sample(rng)).collect()
}
