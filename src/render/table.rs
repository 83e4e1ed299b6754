//! Columns of text.

use std::io::{self, Write};

use super::kit::{Look, display_width, pad, pad_left, wrap};

/// Rows of cells, written with every column as wide as its widest cell, by display width.
///
/// ```
/// use tokpick::render::Table;
/// let mut table = Table::new("lr");
/// table.row(["name", "off"]);
/// table.row(["top_k", "0"]);
/// let mut text = Vec::new();
/// table.write(&mut text)?;
/// assert_eq!(text, b"name   off\ntop_k    0\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    /// How many columns are repeated where a table goes on below.
    keys: usize,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Left,
    Right,
    /// Numbers, one point below the other.
    Decimal,
    /// Words that may go on in the next line.
    Words,
}

/// The fewest columns of the screen that words are set in.
const NARROWEST: usize = 18;

/// The fewest columns that a long string is cut to.
const SHORTEST: usize = 16;

impl Table {
    /// A table; `alignment` has for each column an `l` (left), `r` (right), `d` (numbers, aligned at the point) or `w` (words, which
    /// go on in the next line where the screen ends); the last one counts for all that follow.
    /// Another letter counts as `l`.
    pub fn new(alignment: &str) -> Self {
        let column = |c| match c {
            'r' => Column::Right,
            'd' => Column::Decimal,
            'w' => Column::Words,
            _ => Column::Left,
        };
        Table { columns: alignment.chars().map(column).collect(), keys: 1, rows: Vec::new() }
    }

    /// The first `n` columns name a row: they are repeated where the others don't fit side by side.
    pub fn keys(mut self, n: usize) -> Self {
        self.keys = n;
        self
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Writes the rows, two blanks between columns, no blanks at the end of a line.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.write_within(&Look::plain(usize::MAX), to)
    }

    /// The same on a screen: words go on in the next line, under their column; where there is no room for that,
    /// below their row, indented. A table without words goes on below itself, with the columns that didn't fit.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_within(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let width = look.width;
        let rows = self.aligned();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest =
            |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| display_width(s)).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns).map(widest).collect();
        let is_words = |c: usize| self.column(c) == Column::Words;
        let whole = widths.iter().map(|w| w + 2).sum::<usize>().saturating_sub(2);
        for c in (0..columns).filter(|&c| whole > width && self.column(c) == Column::Left) {
            let least = if c < self.keys { SHORTEST.max(width * 2 / 5) } else { SHORTEST };
            widths[c] = widths[c].min((width + widths[c]).saturating_sub(whole).max(least));
        }
        let taken: usize = (0..columns).filter(|&c| !is_words(c)).map(|c| widths[c] + 2).sum();
        let words: Vec<usize> = (0..columns).filter(|&c| is_words(c)).collect();
        let wanted: usize = words.iter().map(|&c| widths[c] + 2).sum();
        if (taken + wanted).saturating_sub(2) > width && !words.is_empty() {
            let room = (width + 2).saturating_sub(taken);
            if room < words.len() * (NARROWEST + 2) {
                return self.write_below(&rows, width, to);
            }
            share_out(&mut widths, &words, room);
        }
        for (at, block) in self.blocks(&widths, width).iter().enumerate() {
            if at > 0 {
                writeln!(to)?;
            }
            self.write_block(&rows, block, &widths, look, to)?;
        }
        Ok(())
    }

    /// The columns that stand side by side.
    fn blocks(&self, widths: &[usize], width: usize) -> Vec<Vec<usize>> {
        let keys: Vec<usize> = (0..self.keys.min(widths.len())).collect();
        let size = |block: &[usize]| block.iter().map(|&c| widths[c] + 2).sum::<usize>().saturating_sub(2);
        let mut blocks = vec![keys.clone()];
        for (c, &own) in widths.iter().enumerate().skip(keys.len()) {
            let block = blocks.last_mut().filter(|b| b.len() == keys.len() || size(b) + 2 + own <= width);
            match block {
                Some(block) => block.push(c),
                None => blocks.push(keys.iter().copied().chain([c]).collect()),
            }
        }
        blocks
    }

    fn write_block(
        &self,
        rows: &[Vec<String>],
        block: &[usize],
        widths: &[usize],
        look: &Look,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        let is_words = |c: usize| self.column(c) == Column::Words;
        for row in rows {
            let cells: Vec<(usize, Vec<String>)> = block
                .iter()
                .filter_map(|&c| Some((c, row.get(c)?)))
                .map(|(c, cell)| {
                    (c, if is_words(c) { wrap(cell, widths[c]) } else { vec![look.clip(cell, widths[c])] })
                })
                .collect();
            for at in 0..cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0) {
                let mut line = String::new();
                for (place, (c, lines)) in cells.iter().enumerate() {
                    let c = *c;
                    let cell = lines.get(at).map_or("", String::as_str);
                    let right = matches!(self.column(c), Column::Right | Column::Decimal);
                    let padded = if right { pad_left(cell, widths[c]) } else { pad(cell, widths[c]) };
                    line.extend([if place > 0 { "  " } else { "" }, &padded]);
                }
                writeln!(to, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }

    /// Each row as a line, its words indented below.
    fn write_below(&self, rows: &[Vec<String>], width: usize, to: &mut dyn Write) -> io::Result<()> {
        for row in rows {
            let (words, rest): (Vec<_>, Vec<_>) =
                row.iter().enumerate().partition(|&(c, _)| self.column(c) == Column::Words);
            let head: Vec<&str> =
                rest.iter().map(|(_, cell)| cell.trim()).filter(|c| !c.is_empty()).collect();
            wrap(&head.join("  "), width).iter().try_for_each(|line| writeln!(to, "{line}"))?;
            for (_, cell) in words.iter().filter(|(_, cell)| !cell.is_empty()) {
                wrap(cell, width.saturating_sub(4)).iter().try_for_each(|line| writeln!(to, "    {line}"))?;
            }
        }
        Ok(())
    }

    fn column(&self, c: usize) -> Column {
        self.columns.get(c).or(self.columns.last()).copied().unwrap_or(Column::Left)
    }

    /// The cells, those of numbers with blanks behind them, so that their points stand below each other.
    fn aligned(&self) -> Vec<Vec<String>> {
        let mut rows = self.rows.clone();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        for c in (0..columns).filter(|&c| self.column(c) == Column::Decimal) {
            let behind = |cell: &str| cell.find('.').map_or(0, |at| cell.len() - at);
            let is_number =
                |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
            let most = rows.iter().filter_map(|r| r.get(c)).filter(|s| is_number(s)).map(|s| behind(s)).max();
            for cell in rows.iter_mut().filter_map(|r| r.get_mut(c)).filter(|s| is_number(s)) {
                let blanks = most.unwrap_or(0) - behind(cell);
                cell.push_str(&" ".repeat(blanks));
            }
        }
        rows
    }
}

/// Gives columns of words the room there is: what a column doesn't need goes to the others.
fn share_out(widths: &mut [usize], words: &[usize], mut room: usize) {
    let mut left: Vec<usize> = words.to_vec();
    left.sort_by_key(|&c| widths[c]);
    for (at, &c) in left.iter().enumerate() {
        let fair = (room / (left.len() - at)).saturating_sub(2);
        widths[c] = widths[c].min(fair);
        room = room.saturating_sub(widths[c] + 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(table: &Table, width: usize) -> Vec<String> {
        let mut text = Vec::new();
        table.write_within(&Look::plain(width), &mut text).unwrap();
        String::from_utf8(text).unwrap().lines().map(str::to_string).collect()
    }

    #[test]
    fn columns_are_padded_by_display_width() {
        let mut table = Table::new("lr");
        for token in ["the", "日本", "👍", "e\u{301}", "שלום\u{200e}"] {
            table.row([token, "1"]);
        }
        let lines = within(&table, 80);
        assert!(lines.iter().all(|l| display_width(l) == 7), "{lines:?}");
    }

    #[test]
    fn points_stand_below_each_other() {
        let mut table = Table::new("d");
        for x in ["p", "0.25", "12", "-3.5", "1e-7", "-"] {
            table.row([x]);
        }
        assert_eq!(
            within(&table, 80),
            ["      p", "   0.25", "  12", "  -3.5", "1e-7", "   -"].map(str::to_string)
        );
    }

    #[test]
    fn columns_that_do_not_fit_go_on_below() {
        let mut table = Table::new("r");
        table.row(["step", "first", "second", "third"]);
        table.row(["0", "1", "2", "3"]);
        let lines = within(&table, 20);
        assert_eq!(lines, ["step  first  second", "   0      1       2", "", "step  third", "   0      3"]);
    }

    #[test]
    fn words_go_on_under_their_column_or_below_their_row() {
        let mut table = Table::new("lw");
        table.row(["name", "what it does"]);
        table.row(["top_k", "keeps the k most probable tokens and all that are tied with the last of them"]);
        let lines = within(&table, 40);
        assert_eq!(lines[..2], ["name   what it does", "top_k  keeps the k most probable tokens"]);
        assert_eq!(lines[2], "       and all that are tied with the");
        let lines = within(&table, 20);
        assert_eq!(lines[2..4], ["top_k", "    keeps the k most"]);
        for width in 20..100 {
            assert!(within(&table, width).iter().all(|l| display_width(l) <= width));
        }
    }
}
