//! The strategies that take one token at a time, and the loop that they share.
//!
//! Decoding is lockstep over a batch: step by step, row by row within a step. Where draws and rows don't depend on each other, the
//! rows of a step run in parallel; where not even the history matters, so do several steps at once. The words of the loop:
//!
//! | word | what it is | elsewhere |
//! |---|---|---|
//! | sequence | a sequence of the input's batch, by its number | |
//! | line | one output while it grows: a sequence and the number of a sample. It ends as a hypothesis | a row of `input_ids` with `num_return_sequences` in transformers, a sequence of a request in vLLM |
//! | batch | the sequences that go in lockstep | the batch |
//! | round | one pass of the loop over a batch: read, process, draw, accept. One step, or several where no row depends on what was drawn | an engine step in vLLM |
//! | slot | the place of one row in a round: its buffers, its candidates | a row of the batch's logits |
//! | seat | a line at a slot, waiting for a token. Samples sit at one slot where nothing tells their candidates apart, else each has a slot of its own | |
//! | turn | a slot as a [`Draw`](crate::draw::Draw) sees it: candidates and seats | what the sampler's forward pass gets |
//!
//! ```text
//!            ┌ slot: row of sequence 0 ─▶ candidates ─┬─ seat: line 0 (sample 0)
//! one round ─┤                                        └─ seat: line 1 (sample 1)
//!            └ slot: row of sequence 1 ─▶ candidates ─┬─ seat: line 2 (sample 0)
//!                                                     └─ seat: line 3 (sample 1)
//! ```

mod along;
mod batch;
mod given;
mod greedy;
mod line;
mod run;
mod sample;
mod singles;
mod slot;
mod walk;

pub use along::along;
pub use given::Taken;
pub use greedy::Greedy;
pub use sample::Sample;
pub use walk::{Visit, walk};
