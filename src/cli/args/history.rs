//! The ids before the input's first step.

use clap::Args;

use crate::cli::ids::Ids;

#[derive(Args)]
#[command(next_help_heading = "History (ids separated by blanks or commas, or @FILE)")]
pub struct HistoryArgs {
    /// The prompt
    #[arg(long, value_name = "IDS", allow_hyphen_values = true)]
    pub prompt_ids: Option<Ids>,
    /// What was generated before the input's first step: generated for processors and tables, but not for output and limits
    #[arg(long, value_name = "IDS", allow_hyphen_values = true)]
    pub prefix_ids: Option<Ids>,
}

impl HistoryArgs {
    /// The prompt.
    pub fn prompt(&self) -> &[u32] {
        self.prompt_ids.as_ref().map_or(&[], |ids| &ids.0)
    }

    /// The prefix.
    pub fn prefix(&self) -> &[u32] {
        self.prefix_ids.as_ref().map_or(&[], |ids| &ids.0)
    }
}
