//! What the benches share.

pub mod limits;
pub mod rows;
