//! Columns of text.

use std::io::{self, Write};

/// Rows of cells, written with every column as wide as its widest cell.
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
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table; `alignment` has an `l` (left) or `r` (right) for each column, the last one counts for all that follow.
    pub fn new(alignment: &str) -> Self {
        Table { right: alignment.chars().map(|c| c == 'r').collect(), rows: Vec::new() }
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
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| self.rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (c, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[c] - cell.chars().count());
                let right = self.right.get(c).or(self.right.last()).copied().unwrap_or(false);
                let (before, after) = if right { (pad, String::new()) } else { (String::new(), pad) };
                line.extend([if c > 0 { "  " } else { "" }, &before, cell, &after]);
            }
            writeln!(to, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
