//! NumPy's two generators: inverse CDF in float64.

mod choice;
pub(super) mod generator;
pub(super) mod randomstate;
mod seed_sequence;
