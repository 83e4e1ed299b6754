//! What is kept of a run beside its results.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone)]
#[command(next_help_heading = "Recording")]
pub struct WatchArgs {
    /// Write what happened as JSON Lines: rows, candidates after each stage, draws, beams and what became of them
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// How many of the most probable candidates a trace shows
    #[arg(long, value_name = "N", default_value = "10")]
    pub trace_top: usize,
    /// Write every prefix that is asked for, with its row, as a prefix table that replays the run (also one that ends with an error)
    #[arg(long, value_name = "FILE")]
    pub record_table: Option<PathBuf>,
}
