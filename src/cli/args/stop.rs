//! What ends a sequence by its text, or because it goes round in circles.

use clap::Args;
use tokpick::text::{Stop, Tokens};
use tokpick::{Error, Result};

use super::group::{Group, Listed};
use crate::cli::note::no_effect;
use crate::cli::resolve::Files;

#[derive(Args, Clone)]
#[command(next_help_heading = "Stopping")]
pub struct StopArgs {
    /// End a sequence where its text holds this, also across tokens; its text ends before it. May be repeated; the match that is complete
    /// first counts
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub stop: Vec<String>,
    /// The text keeps the stop string
    #[arg(long)]
    pub include_stop: bool,
    /// End a sequence that goes round in circles: its ids end with one block (of 1 to 512 ids) N times in a row
    #[arg(long, value_name = "N")]
    pub stop_on_repeat: Option<usize>,
}

impl StopArgs {
    /// Where sequences end, if anything was asked for; flags win over `files`.
    ///
    /// # Errors
    /// Stop strings without token strings, empty ones, less than two repetitions.
    pub fn resolve(&self, files: &Files, tokens: Option<&Tokens>) -> Result<Option<Stop>> {
        let strings = match &self.stop[..] {
            [] => files.stop(tokens),
            given => Some(given.to_vec()),
        };
        let stop = match (strings, tokens) {
            (Some(strings), Some(tokens)) => {
                let include = self.include_stop || files.get(|s| s.include_stop) == Some(true);
                Some(Stop::at(tokens, strings)?.including(include))
            }
            (Some(strings), None) => {
                let what = "is looked for in the text of the ids, which needs token strings: give --tokenizer FILE or --vocab FILE";
                return Err(Error::setting("--stop", format!("{:?}", strings[0]), what));
            }
            (None, _) => None,
        };
        if self.include_stop && stop.is_none() {
            no_effect(&["--include-stop"], "without --stop");
        }
        match self.stop_on_repeat {
            Some(times) => stop.unwrap_or_default().on_repeat(times).map(Some),
            None => Ok(stop),
        }
    }
}

impl Group for StopArgs {
    const FLAGS: &'static [Listed<Self>] = &[
        ("--stop", |a| !a.stop.is_empty()),
        ("--include-stop", |a| a.include_stop),
        ("--stop-on-repeat", |a| a.stop_on_repeat.is_some()),
    ];
}
