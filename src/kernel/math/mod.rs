//! Elementary functions, the same bits on every processor.

pub mod exp32;
pub mod exp_ln;
mod narrow;
mod short;

pub use exp_ln::{exp, exp_m1, ln, ln_1p, tanh};
pub use exp32::exp32;
pub use short::{EXP_SHORT, exp_short, exp32s, exps, is_exp32_unsure};
