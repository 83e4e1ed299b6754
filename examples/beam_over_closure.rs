//! Beam search over a closure that gives the next-token logits after a context.
//!
//! ```text
//! cargo run --example beam_over_closure
//! ```

use tokpick::prelude::*;

/// The textbook example: after "The" come nice .5, dog .4, car .1; nice leads to three words, dog nearly surely to "has".
fn next(context: &[TokenId]) -> [f32; 9] {
    let mut p = [0.0f32; 9];
    match context.last() {
        Some(1) => (p[2], p[3], p[4]) = (0.5, 0.4, 0.1),
        Some(2) => (p[5], p[6], p[7]) = (0.4, 0.3, 0.3),
        Some(3) => (p[8], p[0]) = (0.9, 0.1),
        _ => p[0] = 1.0,
    }
    p.map(f32::ln)
}

fn main() -> tokpick::Result<()> {
    let words = ["</s>", "The", "nice", "dog", "car", "woman", "house", "guy", "has"];
    let (chain, limits) = (Chain::default(), Limits::new(5).with_eos([0]));
    let job = Job::new(&chain).prompt(&[1]).limits(&limits).logprobs(true);
    let mut beam = Beam { num_return_sequences: 2, ..Beam::new(2)? };
    let greedy = Greedy.decode(&mut from_fn(9, next), &job)?;
    let beams = beam.decode(&mut from_fn(9, next), &job)?;
    for (strategy, found) in [("greedy", &greedy), ("beam", &beams)] {
        for hypothesis in found {
            let text: Vec<&str> = hypothesis.ids.iter().map(|&id| words[id as usize]).collect();
            println!(
                "{strategy}: The {}, p = {:.3}",
                text.join(" "),
                hypothesis.logprob.unwrap_or(0.0).exp()
            );
        }
    }
    Ok(())
}
