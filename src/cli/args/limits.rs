//! When decoding stops.

use clap::Args;

use crate::cli::named::{Named, parse};

#[derive(Args)]
#[command(next_help_heading = "Stopping")]
pub struct LimitArgs {
    /// At most so many new tokens (default: until the input ends; 20 for tables, bigrams and models)
    #[arg(long, value_name = "N")]
    pub max_new_tokens: Option<usize>,
    /// End tokens: a sequence ends with any of them; ids, or with a vocabulary the strings of tokens
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Named>)]
    pub eos_token_id: Option<Named>,
}
