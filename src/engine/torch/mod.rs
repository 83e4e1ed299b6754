//! torch and transformers on the CPU: exponential races, and inverse CDF for several ids of one call.

pub(super) mod multinomial;
pub(super) mod one;
pub(super) mod transformers;
