//! A file of NPY: its rows one by one, then three samples of it.
//!
//! ```text
//! cargo run --example file_of_steps -- fixtures/tiny-lm/steps.npy
//! ```

use tokpick::prelude::*;
use tokpick::processor::{temperature, top_p};

fn main() -> tokpick::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "fixtures/tiny-lm/steps.npy".to_string());
    let mut file = Open::new(&path).open()?;
    let chain = Chain::new([temperature(0.8)?, top_p(0.9, 1)?]);
    for at in row_iter(file.as_mut()) {
        let at = at?;
        let kept = chain.on(&at.row.logits)?.count();
        println!("sequence {}, step {}: {kept} of {} tokens kept", at.sequence, at.step, at.row.vocab);
    }
    // read again from the start
    let mut file = Open::new(&path).open()?;
    let mut sample = Sample { samples: 3, ..Sample::new(Addressed::new(7)) };
    for hypothesis in sample.decode(file.as_mut(), &Job::new(&chain).logprobs(true))? {
        println!(
            "{:?}: log-probability {:.3}",
            hypothesis.ids,
            hypothesis.logprob.unwrap_or(f64::NEG_INFINITY)
        );
    }
    Ok(())
}
