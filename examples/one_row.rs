//! A row of logits through temperature, top-k and top-p to a token id.
//!
//! ```text
//! cargo run --example one_row
//! ```

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokpick::prelude::*;
use tokpick::processor::{temperature, top_k, top_p};

fn main() -> tokpick::Result<()> {
    let logits: Vec<f32> = vec![2.0, -1.0, 0.5, 1.8];
    let chain = Chain::new([temperature(0.8)?, top_k(3, 1)?, top_p(0.9, 1)?]);
    let mut candidates = chain.on(&logits)?;
    for (id, probability) in candidates.probabilities() {
        println!("token {id}: {probability:.6}");
    }
    let mut draw = FromRng::new(ChaCha8Rng::seed_from_u64(1));
    let drawn: Vec<TokenId> = (0..10).filter_map(|_| draw.draw(&mut candidates)).collect();
    println!("drawn: {drawn:?}");
    Ok(())
}
