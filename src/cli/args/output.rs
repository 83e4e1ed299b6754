//! Where results go, and in which form.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tokpick::render::RunFormat;
use tokpick::render::kit::Look;
use tokpick::{Error, Result};

use super::ShowArgs;
use crate::cli::host::{self, Want};
use crate::cli::out::Out;

#[derive(Args, Clone)]
#[command(next_help_heading = "Output")]
pub struct ToArgs {
    /// Write to a file instead of standard output: whole, or not at all
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl ToArgs {
    /// Opens the output.
    ///
    /// # Errors
    /// What can't be written.
    pub fn open(&self) -> Result<Out> {
        Out::open(self.output.as_deref())
    }
}

/// How a report is written, where to, and how its text looks; each command has formats of its own.
#[derive(Args, Clone)]
#[command(next_help_heading = "Output")]
pub struct ReportArgs<F: ValueEnum + Default + Send + Sync + 'static> {
    /// How it is written
    #[arg(long, short, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: F,
    #[command(flatten)]
    pub to: ToArgs,
    #[command(flatten)]
    pub show: ShowArgs,
}

impl<F: ValueEnum + Default + Send + Sync + 'static> ReportArgs<F> {
    /// Opens the output.
    ///
    /// # Errors
    /// What can't be written.
    pub fn open(&self) -> Result<Out> {
        self.to.open()
    }

    /// The look of what goes to it.
    pub fn look(&self, out: &Out) -> Look {
        self.show.look(out)
    }
}

#[derive(Args, Clone)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How sequences are written
    #[arg(long, short, value_name = "FORMAT", default_value = "ids")]
    pub format: FormatName,
    #[command(flatten)]
    pub to: ToArgs,
    /// Write a line for each step as soon as it is taken
    #[arg(long)]
    pub stream: bool,
    /// Escape control characters in `--format text` (a newline becomes `\n`), so that each text is one line
    #[arg(long)]
    pub escape: bool,
}

impl OutputArgs {
    /// True if log-probabilities are written.
    pub fn wants_logprobs(&self) -> bool {
        let hosted =
            matches!(host::wants(), Some(Want::Run { logprobs: true, .. } | Want::Run { record: true, .. }));
        hosted || self.format.of_sequences().is_ok_and(RunFormat::wants_logprobs)
    }
}

/// The formats of decoded sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// A line for each sequence: its ids
    Ids,
    /// One document: draw, seed, chain, arguments, and sequences with their log-probabilities
    Json,
    /// A JSON line for each sequence, as soon as it stands
    Jsonl,
    /// Token strings (byte-level BPE alphabets are decoded, other strings joined as they are); `<|id|>` where there is none
    Text,
    /// A picture of what `sample --histogram` counts
    #[value(hide = true)]
    Svg,
    /// A page of it
    #[value(hide = true)]
    Html,
}

impl FormatName {
    /// The format of sequences.
    ///
    /// # Errors
    /// A picture: there is none of sequences.
    pub fn of_sequences(self) -> Result<RunFormat> {
        let picture = |name: &str| {
            let what = "is for `tokpick sample --histogram`, explain, tree, compare and score: ids, json, jsonl or text";
            Err(Error::setting("--format", name, what))
        };
        match self {
            FormatName::Ids => Ok(RunFormat::Ids),
            FormatName::Json => Ok(RunFormat::Json),
            FormatName::Jsonl => Ok(RunFormat::Jsonl),
            FormatName::Text => Ok(RunFormat::Text),
            FormatName::Svg => picture("svg"),
            FormatName::Html => picture("html"),
        }
    }
}
