//! What most programs need: `use tokpick::prelude::*;`.

pub use crate::TokenId;
pub use crate::candidates::Candidates;
pub use crate::draw::{Addressed, Draw, FromRng, Gumbel};
pub use crate::hypothesis::{Finish, Hypothesis};
pub use crate::processor::Chain;
pub use crate::sampler::{Beam, Exact, Greedy, Job, Limits, Sample, Sampler};
pub use crate::source::{LogitsSource, Open, Steps, from_fn, row_iter};
