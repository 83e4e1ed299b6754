//! What the kernel computes: read this folder first. Every answer of [`cut`](super::cut) is defined by it.
//!
//! - [`scan`](scan::scan): one look at a row: its largest value, the largest of each span, whether all is valid.
//! - [`mass`](mass::mass): the weights of some values, summed in the prescribed order.
//! - [`scaled`](scaled::scaled): a row under a temperature; [`sums_in_order`]: sums whose additions are prescribed one after the other.
//! - [`select`]: the k-th largest, the n best, the values of a band.
//! - [`pick`](pick::pick): the first value at which the running mass passes a target; [`Running`] keeps all of them.
//! - [`Sums`]: weights and their logarithms in `f64`, for what is told and decides nothing; [`beside`]: the same of two rows.
//!
//! [`members`] says which values take part in a loop, and [`fours`] adds four rows in `f32` first: the mean of
//! [`typical`](super::typical) is prescribed by it.

pub mod beside;
pub mod fours;
pub mod in_order;
pub mod mass;
pub mod members;
pub mod pick;
pub mod running;
pub mod scaled;
pub mod scan;
pub mod select;
pub mod wide;

pub use beside::{Beside, Flips, distance, weigh};
pub use in_order::{first_passed, sums_in_order};
pub use mass::{mass, moments};
pub use pick::pick;
pub use running::Running;
pub use scaled::{Scale, scaled, widened};
pub use scan::{Scan, count, find, first_invalid, max, scan};
pub use select::{better, gather, gather_spans, kth_largest, top};
pub use wide::{Sums, divergence};
