//! The histogram as text.

use std::io::{self, Write};

use super::{Counted, Histogram, Row};
use crate::render::Tokens;
use crate::render::kit::{Ink, Look, Mark, bar, display_width, pad, pad_left, share, wrap};

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

fn one(counted: &Counted, tokens: Option<&Tokens>, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    let noun = counted.noun();
    writeln!(to, "{}\n", look.paint(Ink::Title, &look.clip(&look.text(&counted.title()), look.width)))?;
    let rows = counted.rows(tokens, look.mark(Mark::More));
    let widest = |of: &dyn Fn(&Row) -> usize, head: &str| {
        rows.iter().map(of).max().unwrap_or(0).max(display_width(head))
    };
    let count = widest(&|row| row.count.to_string().len(), "count");
    let chance = widest(&|row| display_width(&row.chance), "by chance");
    // the columns of the marks and the blanks between the columns are taken
    let room = look.width.saturating_sub(count + chance + 2 * (NUMBER + 1) + 4 * 2 + 2);
    let name = widest(&|row| display_width(&row.name), noun).min(room / 2);
    let cells = (room.saturating_sub(name) / 2).clamp(1, WIDEST);
    let most = Counted::scale(&rows);
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
    let cell = |p: Option<f64>, ink: Ink, sum: bool| {
        let Some(p) = p else { return pad_left("-", column) };
        let drawn = if sum { String::new() } else { bar(p / most, cells, look.ascii) };
        format!("{}{} {}", look.paint(ink, &drawn), " ".repeat(cells - display_width(&drawn)), share(p))
    };
    for row in &rows {
        let name = pad(&look.clip(&row.name, name), name);
        let mark = if row.outside { format!(" {}", look.paint(Ink::Chosen, "!")) } else { String::new() };
        let ink = if row.sum { Ink::Removed } else { Ink::Bar };
        let line = format!(
            "{name}  {}  {}  {}  {}{mark}",
            cell(Some(row.drawn), ink, row.sum),
            cell(row.prob, Ink::Removed, row.sum),
            pad_left(&row.count.to_string(), count),
            pad_left(&row.chance, chance),
        );
        writeln!(to, "{}", line.trim_end())?;
    }
    writeln!(to)?;
    let words = format!("the longest bar: {}; {}", share(most).trim_start(), counted.words());
    wrap(&words, look.width).iter().try_for_each(|line| writeln!(to, "{line}"))
}
