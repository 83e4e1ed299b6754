//! What the tests share.

pub mod common;
pub mod reference;
pub mod run;
pub mod trees;
