//! The ids before the input's first step.

use clap::Args;

use crate::cli::ids::{Ids, parse};

#[derive(Args)]
#[command(next_help_heading = "History (ids separated by blanks or commas, or @FILE)")]
pub struct HistoryArgs {
    /// The prompt
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Ids>)]
    pub prompt_ids: Option<Ids>,
    /// What was generated before the input's first step: generated for processors and tables, but not for output and limits
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, value_parser = parse::<Ids>)]
    pub prefix_ids: Option<Ids>,
}

impl HistoryArgs {
    /// The prompt.
    pub fn prompt(&self) -> &[u32] {
        self.prompt_ids.as_ref().map_or(&[], |ids| &ids.0)
    }

    /// How many ids both have.
    pub fn len(&self) -> usize {
        self.prompt().len() + self.prefix().len()
    }

    /// The prefix.
    pub fn prefix(&self) -> &[u32] {
        self.prefix_ids.as_ref().map_or(&[], |ids| &ids.0)
    }
}
