//! The ids before the input's first step.

use clap::Args;
use tokpick::render::Tokens;
use tokpick::{Result, TokenId};

use crate::cli::named::{Named, parse};

#[derive(Args)]
#[command(next_help_heading = "History (ids separated by blanks or commas, or @FILE)")]
pub struct HistoryArgs {
    /// The prompt
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Named>)]
    pub prompt_ids: Option<Named>,
    /// What was generated before the input's first step: generated for processors and tables, but not for output and limits
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Named>)]
    pub prefix_ids: Option<Named>,
}

impl HistoryArgs {
    /// The prompt, then the prefix.
    ///
    /// # Errors
    /// A string that is no token.
    pub fn resolve(&self, tokens: Option<&Tokens>) -> Result<[Vec<TokenId>; 2]> {
        let ids = |named: &Option<Named>, flag: &str| {
            named.as_ref().map_or(Ok(Vec::new()), |named| named.resolve(flag, tokens))
        };
        Ok([ids(&self.prompt_ids, "--prompt-ids")?, ids(&self.prefix_ids, "--prefix-ids")?])
    }
}
