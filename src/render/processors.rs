//! The list of all logits processors.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Table;
use super::kit::{Look, wrap};
use crate::processor::INFOS;
use crate::settings::Order;

/// All logits processors, and the orders in which engines apply them.
///
/// ```
/// use tokpick::render::Processors;
/// let mut text = Vec::new();
/// Processors::default().markdown(&mut text)?;
/// assert!(String::from_utf8_lossy(&text).contains("| `top_k` | `--top-k` | 0 |"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Processors {
    /// The orders.
    pub orders: Vec<Order>,
}

impl Processors {
    /// As aligned text, the orders below.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new("lllww");
        table.row(["name", "flag", "off", "what it does", "source"]);
        for info in INFOS {
            table.row([info.name, &info.flag(), &info.off.to_string(), info.summary, info.source]);
        }
        table.write_within(look.width, to)?;
        for order in &self.orders {
            writeln!(to, "\norder {}:", order.preset().unwrap_or("as given"))?;
            let names = order.names().join(", ");
            wrap(&names, look.width.saturating_sub(2))
                .iter()
                .try_for_each(|line| writeln!(to, "  {line}"))?;
        }
        Ok(())
    }

    /// As a Markdown table.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn markdown(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "| name | flag | off | what it does | source |\n|---|---|---|---|---|")?;
        for info in INFOS {
            let cell = |text: &str| text.replace('|', "\\|");
            let (summary, source) = (cell(info.summary), cell(info.source));
            writeln!(to, "| `{}` | `{}` | {} | {summary} | {source} |", info.name, info.flag(), info.off)?;
        }
        Ok(())
    }

    /// As one JSON document.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn json(&self, to: &mut dyn Write) -> io::Result<()> {
        let processors: Vec<Value> = INFOS
            .iter()
            .map(|info| {
                let kind = format!("{:?}", info.kind);
                json!({"name": info.name, "kind": kind, "flag": info.flag(), "off": info.off.to_string(),
                       "summary": info.summary, "source": info.source})
            })
            .collect();
        let orders: serde_json::Map<String, Value> = self
            .orders
            .iter()
            .map(|o| (o.preset().unwrap_or("as given").to_string(), json!(o.names())))
            .collect();
        writeln!(to, "{}", json!({"processors": processors, "orders": orders}))
    }
}
