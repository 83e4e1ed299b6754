//! Methods that look at the tokens so far.

mod encoder;
mod penalty;
pub(super) mod tally;
mod window;

pub use window::{Scope, Window};

methods! {
    mod repetition_penalty;
    mod frequency_penalty;
    mod presence_penalty;
    mod dry;
    mod encoder_repetition_penalty;
    mod no_repeat_ngram_size;
    mod encoder_no_repeat_ngram_size;
    mod exponential_decay_length_penalty;
}
