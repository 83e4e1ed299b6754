//! Ids that are asked about.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use tokpick::source::read_text;
use tokpick::{Error, Result, TokenId};

use crate::cli::ids::IdLists;

#[derive(Args)]
#[command(next_help_heading = "Ids")]
pub struct IdsArgs {
    /// The ids of each sequence (and sample), lists separated by `;` or line breaks, or @FILE
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, conflicts_with = "ids_file")]
    pub ids: Option<IdLists>,
    /// A file with a line of ids for each sequence (and sample)
    #[arg(long, value_name = "FILE")]
    pub ids_file: Option<PathBuf>,
}

impl IdsArgs {
    /// The lists; `None` if neither flag was given.
    ///
    /// # Errors
    /// A file that can't be read or holds no ids.
    pub fn lists(&self) -> Result<Option<Vec<Vec<TokenId>>>> {
        match (&self.ids, &self.ids_file) {
            (Some(ids), _) => Ok(Some(ids.0.clone())),
            (None, None) => Ok(None),
            (None, Some(path)) => {
                let file = path.display().to_string();
                let text = read_text(path)?;
                // a file never names another one
                let text = text.trim().trim_start_matches('@');
                let lists = IdLists::from_str(text).map_err(|e| match e {
                    Error::Setting { value, what, .. } => {
                        Error::setting(format!("--ids-file {file}"), value, what)
                    }
                    other => other,
                })?;
                Ok(Some(lists.0))
            }
        }
    }
}
