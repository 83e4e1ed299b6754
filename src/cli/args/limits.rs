//! When decoding stops.

use clap::Args;

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
