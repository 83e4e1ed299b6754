use clap::{Args, ValueEnum};
use tokpick::render;
use tokpick::settings::Order;

use crate::cli::args::ReportArgs;
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
pub struct Processors {
    #[command(flatten)]
    report: ReportArgs<FormatName>,
    /// Write a Markdown table: the same as `--format markdown`
    #[arg(long)]
    markdown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// Aligned columns, and the orders
    #[default]
    Text,
    /// One document
    Json,
    /// A Markdown table
    Markdown,
}

impl Execute for Processors {
    const SCREEN: Screen = Screen {
        examples: &["tokpick processors", "tokpick processors -f json"],
        flags: &["format", "output"],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        let orders = [Order::hf(), Order::llama_cpp(), Order::vllm()];
        let processors = render::Processors { orders: orders.to_vec() };
        let mut out = self.report.open()?;
        let look = self.report.look(&out);
        out.write(|to| match self.report.format {
            _ if self.markdown => processors.markdown(to),
            FormatName::Markdown => processors.markdown(to),
            FormatName::Text => processors.text(&look, to),
            FormatName::Json => processors.json(to),
        })?;
        out.finish()?;
        Ok(Status::Done)
    }
}
