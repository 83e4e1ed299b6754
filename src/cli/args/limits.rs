//! When decoding stops.

use clap::Args;
use tokpick::sampler::Limits;

use crate::cli::files::Files;
use crate::cli::ids::{Ids, parse};

#[derive(Args)]
#[command(next_help_heading = "Stopping")]
pub struct LimitArgs {
    /// At most so many new tokens (default: until the input ends; 20 for tables, bigrams and models)
    #[arg(long, value_name = "N")]
    pub max_new_tokens: Option<usize>,
    /// End tokens: a sequence ends with any of them
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Ids>)]
    pub eos_token_id: Option<Ids>,
}

impl LimitArgs {
    /// The limits after a history of `before` ids; flags win over files.
    pub fn limits(&self, files: &Files, before: usize) -> Limits {
        let max_new_tokens = self.max_new_tokens.or_else(|| files.max_new_tokens(before));
        let given = self.eos_token_id.as_ref().map(|ids| ids.0.clone());
        let mut eos = given.or_else(|| files.eos()).unwrap_or_default();
        eos.sort_unstable();
        eos.dedup();
        Limits { max_new_tokens, eos }
    }
}
