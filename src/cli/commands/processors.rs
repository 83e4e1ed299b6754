use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tokpick::render;
use tokpick::settings::Order;

use crate::cli::args::ShowArgs;
use crate::cli::out::Out;
use crate::cli::{Execute, Given, Status};

#[derive(Args)]
pub struct Processors {
    /// How the list is written
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: FormatName,
    /// Write a Markdown table: the same as `--format markdown`
    #[arg(long)]
    markdown: bool,
    /// Write to a file instead of standard output: whole, or not at all
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// Aligned columns, and the orders
    Text,
    /// One document
    Json,
    /// A Markdown table
    Markdown,
}

impl Execute for Processors {
    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        let orders = [Order::hf(), Order::llama_cpp(), Order::vllm()];
        let processors = render::Processors { orders: orders.to_vec() };
        let mut out = Out::open(self.output.as_deref())?;
        let look = self.show.look(&out);
        out.write(|to| match self.format {
            _ if self.markdown => processors.markdown(to),
            FormatName::Markdown => processors.markdown(to),
            FormatName::Text => processors.text(&look, to),
            FormatName::Json => processors.json(to),
        })?;
        out.finish()?;
        Ok(Status::Done)
    }
}
