//! The list of all logits processors.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Table;
use super::kit::{Look, wrap};
use crate::processor::{Flag, INFOS, Info};
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
    /// The name of the one that is shown; `None`: all.
    pub only: Option<&'static str>,
}

impl Processors {
    /// As aligned text, the orders below.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        if self.only.is_some() {
            return self.shown().try_for_each(|info| self.paragraph(info, look, to));
        }
        let mut table = Table::new("lllww");
        table.row(["name", "flag", "off", "what it does", "source"]);
        for info in INFOS {
            table.row([
                info.name,
                &info.flag(),
                &info.off.to_string(),
                &look.text(info.summary),
                &look.text(info.source),
            ]);
        }
        table.write_within(look, to)?;
        for order in &self.orders {
            writeln!(to, "\norder {}:", order.preset().unwrap_or("as given"))?;
            let names = order.names().join(", ");
            wrap(&names, look.width.saturating_sub(2))
                .iter()
                .try_for_each(|line| writeln!(to, "  {line}"))?;
        }
        Ok(())
    }

    /// All that is known of one, as a paragraph.
    fn paragraph(&self, info: &Info, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let mut say = |label: &str, words: &str| look.say(label, &look.text(words), to);
        say(&format!("{}: ", info.name), info.summary)?;
        let spelled = |flag: &Flag| {
            let other = flag.aliases.iter().map(|alias| format!(", or --{alias}"));
            let help = if flag.help.is_empty() { String::new() } else { format!(": {}", flag.help) };
            format!("--{}{}{help}", flag.long, other.collect::<String>())
        };
        for flag in info.flags.iter().chain(info.shared.iter().copied()) {
            say("  flag: ", &spelled(flag))?;
        }
        say("  kind: ", info.kind.heading())?;
        say("  off: ", &info.off.to_string())?;
        say("  source: ", info.source)?;
        let greedy =
            if info.keeps_the_best { "changes nothing: it keeps the best token" } else { "may change it" };
        say("  greedy search: ", greedy)?;
        for order in &self.orders {
            let name = order.preset().unwrap_or("as given");
            let names = order.names();
            let Some(at) = names.iter().position(|n| *n == info.name) else { continue };
            let before = at.checked_sub(1).map_or("first".to_string(), |at| format!("after {}", names[at]));
            say(&format!("  order {name}: "), &format!("{} of {}, {before}", at + 1, names.len()))?;
        }
        Ok(())
    }

    fn shown(&self) -> impl Iterator<Item = &'static Info> + '_ {
        INFOS.iter().copied().filter(|info| self.only.is_none_or(|only| only == info.name))
    }

    /// As a Markdown table.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn markdown(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "| name | flag | off | what it does | source |\n|---|---|---|---|---|")?;
        for info in self.shown() {
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
        let processors: Vec<Value> = self
            .shown()
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
