//! The hot loops over rows of floats: maximum, exponential, sum, selection.
//!
//! Nothing here knows what the numbers mean. Every function gives the same bits on every processor, feature set and thread
//! count, because the arithmetic is prescribed down to the order of additions:
//!
//! - `weight(x) = e^((x − max) · scale)` in `f32` ([`Weigh`]): one subtraction, then multiply-adds that are fused everywhere (in
//!   software where the processor can't);
//! - a mass is summed by id: within a block of [`BLOCK`] ids, lane `id mod 32` adds its weights in `f64` in id order, a fixed
//!   tree (16 + 16, 8 + 8, …) joins the [`LANES`] lanes, and the blocks are added in order. What isn't a member adds +0, so a
//!   dense row under a band and the sparse list of the same ids agree to the bit.
//!
//! Five folders, in the order of reading: `exact` (what is computed: scan, mass, select, pick), `cut` (the same answers, sooner: its
//! first page tells how a cut is found), `math` (exponential and logarithm), `simd` (the operations in which the loops are written),
//! `words` (random words in vectors, and the race that reads them).
//! `bounds` has every error bound, and `row` the words that all of them share. A search adds weights in a quicker order first;
//! where that could change an answer, the prescribed sums decide. So the answers are those of the prescribed sums, to the bit.
//!
//! The loops are compiled for several instruction sets, and [`simd()`] names the one in use.

// The module is hidden from the pages of the crate, and a link to what is hidden counts as broken; in the source they are worth having.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)]

pub mod bounds;
mod cut;
mod exact;
mod math;
mod row;
mod simd;
#[cfg(test)]
mod tests;
mod words;

pub use cut::{Goal, Kept, nucleus, pick_among, typical};
pub use exact::{
    Beside, Flips, Running, Scale, Scan, Sums, better, count, distance, divergence, find, first_invalid,
    first_passed, gather, gather_spans, kth_largest, mass, max, moments, pick, scaled, scan, sums_in_order,
    top, weigh, widened,
};
pub use math::{EXP_SHORT, exp, exp_m1, exp_short, exp32, exp32s, exps, is_exp32_unsure, ln, ln_1p, tanh};
pub use row::{BLOCK, Band, LANES, SPAN, Slice, Weigh};
pub use simd::{Simd, each, simd, with_simd};
pub use words::{ChaCha8, Half, Mt, Race, least_of_pairs, race, threefry_block, threefry_words};
