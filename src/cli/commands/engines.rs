use clap::{Args, ValueEnum};
use serde_json::json;
use std::io::{self, Write};
use tokpick::engine::{EngineInfo, engines, find};
use tokpick::render::kit::Look;

use crate::cli::args::ReportArgs;
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
pub struct Engines {
    /// The one engine that is shown (default: all)
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    report: ReportArgs<FormatName>,
    /// Tables for a document: the engines, and which name belongs to which release
    #[arg(long, conflicts_with = "format")]
    markdown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// A paragraph for each
    #[default]
    Text,
    /// One document
    Json,
}

impl Execute for Engines {
    const SCREEN: Screen =
        Screen { examples: &["tokpick engines", "tokpick engines -f json"], flags: &["format", "output"] };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        let shown = match &self.name {
            Some(name) => vec![find(name)?],
            None => engines().to_vec(),
        };
        let mut out = self.report.open()?;
        let look = self.report.look(&out);
        out.write(|to| match self.report.format {
            _ if self.markdown => markdown(&shown, to),
            FormatName::Text => shown.iter().try_for_each(|e| text(e, &look, to)),
            FormatName::Json => {
                let all: Vec<_> = shown.iter().map(|e| document(e)).collect();
                writeln!(to, "{}", serde_json::to_string_pretty(&json!({ "engines": all }))?)
            }
        })?;
        out.finish()?;
        Ok(Status::Done)
    }
}

fn text(e: &EngineInfo, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    let order = if e.reorders { "order (--order may change it)" } else { "order (fixed)" };
    let mut say = |label: &str, words: &str| look.say(label, &look.text(words), to);
    say(&format!("{}: ", e.name), e.version)?;
    for (what, text) in [
        ("draws", e.method.to_string()),
        ("reproduced", e.reproduced.to_string()),
        ("not reproduced", e.not_reproduced.to_string()),
        (order, e.order.join(", ")),
        ("parameters", e.parameters.join(", ")),
        ("seeds", e.seeds.to_string()),
        ("releases", e.releases.join("; ")),
    ] {
        say(&format!("  {what}: "), &text)?;
    }
    writeln!(to)
}

fn markdown(shown: &[&EngineInfo], to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "| engine | checked against | how it draws | parameters | seeds |\n|---|---|---|---|---|")?;
    for e in shown {
        let parameters = e.parameters.join(", ");
        writeln!(to, "| `{}` | {} | {} | {parameters} | {} |", e.name, e.version, e.method, e.seeds)?;
    }
    writeln!(to, "\n| release | name |\n|---|---|")?;
    for e in shown {
        for release in e.releases {
            writeln!(to, "| {release} | `{}` |", e.name)?;
        }
    }
    Ok(())
}

fn document(e: &EngineInfo) -> serde_json::Value {
    json!({
        "name": e.name,
        "version": e.version,
        "method": e.method,
        "reproduced": e.reproduced,
        "not_reproduced": e.not_reproduced,
        "order": e.order,
        "reorders": e.reorders,
        "parameters": e.parameters,
        "seeds": e.seeds,
        "releases": e.releases,
        "float32_logits": e.float32_logits,
        "shares_generator": e.shares_generator(),
    })
}
