//! Ids that are asked about.

use std::path::PathBuf;

use clap::Args;
use tokpick::render::Tokens;
use tokpick::source::{LogitsSource, read_text};
use tokpick::{Error, Result, TokenId};

use crate::cli::named::{NamedLists, parse};

#[derive(Args, Clone)]
#[command(next_help_heading = "Ids")]
pub struct IdsArgs {
    /// The ids of each sequence (and sample), lists separated by `;` or line breaks, or @FILE
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, conflicts_with = "ids_file", value_parser = parse::<NamedLists>)]
    pub ids: Option<NamedLists>,
    /// The text of a sequence (and sample) in place of its ids; needs a tokenizer. May be repeated, once for each
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with_all = ["ids", "ids_file"])]
    pub ids_text: Vec<String>,
    /// A file with a line of ids for each sequence (and sample), or what `--format json` and `jsonl` wrote
    #[arg(long, value_name = "FILE")]
    pub ids_file: Option<PathBuf>,
}

impl IdsArgs {
    /// The lists; `None` if neither flag was given.
    ///
    /// # Errors
    /// A file that can't be read or holds no ids.
    pub fn lists(&self) -> Result<Option<NamedLists>> {
        if !self.ids_text.is_empty() {
            return Ok(Some(NamedLists::of_texts(&self.ids_text)));
        }
        match self.text()? {
            Some((file, text)) => Self::of_file(&file, &text).map(Some),
            None => self.ids.clone().map(|lists| lists.some(self.flag())).transpose(),
        }
    }

    /// The name of the file of ids, and what it holds; `None` where the flag wasn't given. Standard input can be read once.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn text(&self) -> Result<Option<(String, String)>> {
        let Some(path) = &self.ids_file else { return Ok(None) };
        Ok(Some((path.display().to_string(), read_text(path)?)))
    }

    /// The lists that a file holds.
    ///
    /// # Errors
    /// It holds no ids.
    pub fn of_file(file: &str, text: &str) -> Result<NamedLists> {
        // an @ in a file is part of a token
        let lists = NamedLists::parse(text).map_err(|e| match e {
            Error::Setting { value, what, .. } => Error::setting(format!("--ids-file {file}"), value, what),
            other => other,
        })?;
        lists.some(&format!("--ids-file {file}"))
    }

    /// The ids of each line: those that were given, else those that the source carries; `None` where there are none.
    ///
    /// # Errors
    /// As [`lists`](Self::lists); a string that is no token.
    pub fn resolve(
        &self,
        tokens: Option<&Tokens>,
        source: &dyn LogitsSource,
    ) -> Result<Option<Vec<Vec<TokenId>>>> {
        if let Some(lists) = self.lists()? {
            return lists.resolve(self.flag(), tokens).map(Some);
        }
        let shape = source.shape();
        let carried: Vec<_> = source.carried().iter().map(|c| c.at_steps(&shape).to_vec()).collect();
        Ok(carried.iter().any(|ids| !ids.is_empty()).then_some(carried))
    }

    /// The flag that was given, for errors.
    pub fn flag(&self) -> &'static str {
        match () {
            () if self.ids_file.is_some() => "--ids-file",
            () if !self.ids_text.is_empty() => "--ids-text",
            () => "--ids",
        }
    }
}
