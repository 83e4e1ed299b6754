use clap::{Args, ValueEnum};
use tokpick::processor::{INFOS, Info};
use tokpick::render;
use tokpick::settings::{self, Order};
use tokpick::{Error, Result};

use crate::cli::args::ReportArgs;
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
pub struct Processors {
    /// The one processor that is shown (default: all), by its name in `--chain` or that of its flag
    #[arg(value_name = "NAME")]
    name: Option<String>,
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
        examples: &["tokpick processors", "tokpick processors top_p", "tokpick processors -f json"],
        flags: &["format", "output"],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        let orders = [Order::hf(), Order::llama_cpp(), Order::vllm()];
        let only = self.name.as_deref().map(named).transpose()?.map(|info| info.name);
        let processors = render::Processors { orders: orders.to_vec(), only };
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

/// The processor of a name, with hyphens as a flag has them or without.
fn named(name: &str) -> Result<&'static Info> {
    let plain = name.trim_start_matches('-');
    let of_flag = || INFOS.iter().copied().find(|info| info.flags.iter().any(|flag| flag.long == plain));
    settings::find(plain).or_else(|error| match (of_flag(), error) {
        (Some(info), _) => Ok(info),
        (None, Error::Setting { value, what, .. }) => Err(Error::setting("NAME", value, what)),
        (None, other) => Err(other),
    })
}
