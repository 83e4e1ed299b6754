//! JAX: a Gumbel race over Threefry keys, split or folded from step to step.

mod categorical;
pub(super) mod fold_in;
pub(super) mod split;
