//! The flags of greedy search, sampling and the searches; those without effect in one of them are said on standard error.

use std::path::PathBuf;

use clap::Args;
use tokpick::{Error, Result};

use crate::cli::host::{self, Want};

use super::{
    DrawArgs, HistoryArgs, InputArgs, LimitArgs, Opened, OutputArgs, SearchArgs, SettingsArgs, StopArgs,
    WatchArgs,
};

// (no doc comment: clap would take it for the help of the command)
#[derive(Args, Clone)]
pub struct DecodeArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub history: HistoryArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub stop: StopArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub draw: DrawArgs,
    #[command(flatten)]
    pub search: SearchArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Record the run in a file, whole or not at all, for `tokpick verify`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub record: Option<PathBuf>,
}

impl DecodeArgs {
    /// Opens the input; of a run that is recorded, in a way that tells its digest.
    ///
    /// # Errors
    /// An input that can't be read, or not twice.
    pub fn open(&self) -> Result<Opened> {
        match self.record {
            Some(_) if self.input.model.model_command.is_some() => {
                let what = "a live model can't be read again: keep its rows with --record-table, and record a run on them";
                Err(Error::setting("--record", "with --model-command", what))
            }
            Some(_) => self.input.open_digesting(),
            None if host::wants() == Some(Want::Run { logprobs: true, record: true }) => {
                self.input.open_digesting()
            }
            None => self.input.open(),
        }
    }

    /// True if the run reports log-probabilities.
    pub fn wants_logprobs(&self) -> bool {
        self.output.wants_logprobs() || self.record.is_some()
    }
}
