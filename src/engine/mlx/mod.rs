//! MLX and mlx-lm: a Gumbel race, and inverse CDF, over Threefry keys.

pub(super) mod categorical;
pub(super) mod mlx_lm;
mod random;
