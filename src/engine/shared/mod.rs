//! What the engines of several families share.

pub(super) mod address;
pub(super) mod cdf;
pub(super) mod column;
pub(super) mod edge;
pub(super) mod filters;
pub(super) mod float;
pub(super) mod gumbel;
pub(super) mod log;
pub(super) mod murmur;
pub(super) mod plan;
pub(super) mod race;
pub(super) mod row;
pub(super) mod scores;
pub(super) mod seed;
pub(super) mod threefry;
pub(super) mod torch;
pub(super) mod uniform;
