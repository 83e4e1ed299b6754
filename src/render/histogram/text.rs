//! The histogram as text.

use std::io::{self, Write};

use super::{Counted, Histogram, LEAST_EXPECTED, Outcome};
use crate::TokenId;
use crate::render::Tokens;
use crate::render::kit::{
    self, Ink, Look, Mark, bar, clip, count_of, display_width, pad, pad_left, share, wrap,
};

/// The columns of a probability.
const NUMBER: usize = 5;
/// The longest bar.
const WIDEST: usize = 24;

impl Histogram {
    /// As text: the `top` most frequent outcomes of each sequence, the share in which each came and its exact probability as bars,
    /// its count and the counts that 95 % of such runs give.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(
        &self,
        top: usize,
        tokens: Option<&Tokens>,
        look: &Look,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        for (at, counted) in self.counted(Some(top)).iter().enumerate() {
            if at > 0 {
                writeln!(to, "\n")?;
            }
            one(counted, tokens, look, to)?;
        }
        Ok(())
    }
}

/// A line of the table.
struct Row {
    name: String,
    drawn: f64,
    prob: Option<f64>,
    count: u64,
    chance: String,
    mark: &'static str,
    ink: Ink,
}

fn one(counted: &Counted, tokens: Option<&Tokens>, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    let single = counted.outcomes.iter().all(|o| o.ids.len() == 1);
    let noun = if single { "token" } else { "text" };
    let title = format!(
        "sequence {} · {} · {}",
        counted.sequence,
        count_of(counted.samples as usize, "sample"),
        count_of(counted.distinct, &format!("different {noun}"))
    );
    writeln!(to, "{}\n", look.paint(Ink::Title, &clip(&title, look.width)))?;
    let rows = rows(counted, tokens, look);
    let widest = |of: &dyn Fn(&Row) -> usize, head: &str| {
        rows.iter().map(of).max().unwrap_or(0).max(display_width(head))
    };
    let count = widest(&|row| row.count.to_string().len(), "count");
    let chance = widest(&|row| display_width(&row.chance), "by chance");
    // the columns of the marks and the blanks between the columns are taken
    let room = look.width.saturating_sub(count + chance + 2 * (NUMBER + 1) + 4 * 2 + 2);
    let name = widest(&|row| display_width(&row.name), noun).min(room / 2);
    let cells = (room.saturating_sub(name) / 2).clamp(1, WIDEST);
    let most = rows.iter().map(|row| row.drawn.max(row.prob.unwrap_or(0.0))).fold(1e-12, f64::max);
    let column = cells + 1 + NUMBER;
    let head = format!(
        "{}  {}  {}  {}  {}",
        pad(noun, name),
        pad("drawn", column),
        pad("exact", column),
        pad_left("count", count),
        pad_left("by chance", chance)
    );
    writeln!(to, "{}", look.paint(Ink::Removed, head.trim_end()))?;
    let cell = |p: Option<f64>, ink: Ink| {
        let Some(p) = p else { return pad_left("-", column) };
        let drawn = bar(p / most, cells, look.ascii);
        format!("{}{} {}", look.paint(ink, &drawn), " ".repeat(cells - display_width(&drawn)), share(p))
    };
    for row in &rows {
        let name = pad(&clip(&row.name, name), name);
        let mark = if row.mark.is_empty() {
            String::new()
        } else {
            format!(" {}", look.paint(Ink::Chosen, row.mark))
        };
        let line = format!(
            "{name}  {}  {}  {}  {}{mark}",
            cell(Some(row.drawn), row.ink),
            cell(row.prob, Ink::Removed),
            pad_left(&row.count.to_string(), count),
            pad_left(&row.chance, chance),
        );
        writeln!(to, "{}", line.trim_end())?;
    }
    writeln!(to)?;
    wrap(&words(counted), look.width).iter().try_for_each(|line| writeln!(to, "{line}"))
}

fn rows(counted: &Counted, tokens: Option<&Tokens>, look: &Look) -> Vec<Row> {
    let name = |ids: &[TokenId]| match (ids, tokens) {
        (&[id], Some(_)) => format!("{} {id}", kit::token(tokens, id)),
        ([], _) => "(nothing)".to_string(),
        _ => kit::text(tokens, ids),
    };
    let chance = |o: &Outcome| match (o.low, o.high) {
        (Some(low), Some(high)) => format!("{low} to {high}"),
        _ => "-".to_string(),
    };
    let mut rows: Vec<Row> = counted
        .outcomes
        .iter()
        .map(|o| Row {
            name: name(&o.ids),
            drawn: o.share,
            prob: o.prob,
            count: o.count,
            chance: chance(o),
            mark: if o.within() == Some(false) { "!" } else { "" },
            ink: Ink::Bar,
        })
        .collect();
    let more = look.mark(Mark::More);
    let rest = &counted.rest;
    let summed = |name: String, count: u64, prob: Option<f64>| Row {
        name,
        drawn: count as f64 / counted.samples as f64,
        prob,
        count,
        chance: String::new(),
        mark: "",
        ink: Ink::Removed,
    };
    if rest.outcomes > 0 {
        rows.push(summed(format!("{more} {} more", rest.outcomes), rest.count, rest.prob));
    }
    if let Some(unseen) = counted.unseen.filter(|&p| p > 0.0) {
        rows.push(summed("never drawn".to_string(), 0, Some(unseen)));
    }
    rows
}

/// What the columns mean, and how many counts are out of the ordinary.
fn words(counted: &Counted) -> String {
    if counted.outcomes.iter().all(|o| o.prob.is_none()) {
        return "the exact probabilities are not known".to_string();
    }
    let judged: Vec<bool> = counted.outcomes.iter().filter_map(Outcome::within).collect();
    let outside = judged.iter().filter(|within| !**within).count();
    let meaning = "by chance: the counts that 95 % of such runs give (binomial), each for itself";
    match judged.len() {
        0 => format!("{meaning}; nothing shown was expected {LEAST_EXPECTED} time or more"),
        n => format!(
            "{meaning}; of {} that {} expected {LEAST_EXPECTED} time or more, {outside} came otherwise{}",
            n,
            if n == 1 { "was" } else { "were" },
            if outside > 0 { " (!)" } else { "" }
        ),
    }
}
