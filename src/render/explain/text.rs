//! The step as text.

use std::io::{self, Write};

use super::ruler::ruler;
use super::{Cut, Explained, FOOT, RACE, foot};
use crate::TokenId;
use crate::render::Tokens;
use crate::render::kit::{Ink, Look, Mark, bar, display_width, pad, pad_left, share, token, wrap};

/// The narrowest and the widest column of a stage.
const NARROWEST: usize = 14;
const WIDEST: usize = 30;
/// The columns of a number.
const NUMBER: usize = 5;

/// Writes a step as text: the stages side by side, below them entropy, effective vocabulary, kept count and kept mass, then the
/// draw.
///
/// # Errors
/// Those of the writer.
pub fn text(step: &Explained, tokens: Option<&Tokens>, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    for (at, line) in wrap(&look.text(&step.title()), look.width).iter().enumerate() {
        writeln!(to, "{}", if at == 0 { look.paint(Ink::Title, line) } else { line.clone() })?;
    }
    if let Some(history) = step.history() {
        wrap(&look.text(&history), look.width)
            .iter()
            .try_for_each(|line| writeln!(to, "{}", look.paint(Ink::Removed, line)))?;
    }
    let layout = Layout::new(step, tokens, look);
    for block in &layout.blocks {
        writeln!(to)?;
        layout.block(block.clone(), to)?;
    }
    writeln!(to)?;
    draw(step, tokens, look, to)
}

struct Layout<'a> {
    step: &'a Explained,
    look: &'a Look,
    /// The strings of the tokens, where there are some.
    names: Vec<String>,
    name_width: usize,
    id_width: usize,
    left: usize,
    cell: usize,
    blocks: Vec<std::ops::Range<usize>>,
}

impl<'a> Layout<'a> {
    fn new(step: &'a Explained, tokens: Option<&Tokens>, look: &'a Look) -> Self {
        let longest = if look.width < 80 { 10 } else { 16 };
        let names: Vec<String> = match tokens {
            Some(_) => step.tokens.iter().map(|t| look.clip(&token(tokens, t.id), longest)).collect(),
            None => Vec::new(),
        };
        let name_width = names.iter().map(|n| display_width(n)).max().map_or(0, |w| w + 1);
        let id_width = step.tokens.iter().map(|t| t.id.to_string().len()).max().unwrap_or(1);
        let left = (name_width + id_width).max(9).max(display_width(&rest(step, look)));
        // two blanks before each column, and room for the mark of the chosen token
        let room = look.width.saturating_sub(left + 3);
        let most = (room / (NARROWEST + 2)).max(1);
        let count = step.stages.len();
        let blocks = count.div_ceil(most).max(1);
        let each = count.div_ceil(blocks).max(1);
        let cell = (room / each).saturating_sub(2).clamp(NARROWEST, WIDEST);
        let blocks =
            (0..blocks).map(|b| b * each..((b + 1) * each).min(count)).filter(|b| !b.is_empty()).collect();
        Layout { step, look, names, name_width, id_width, left, cell, blocks }
    }

    fn block(&self, stages: std::ops::Range<usize>, to: &mut dyn Write) -> io::Result<()> {
        let (step, look) = (self.step, self.look);
        // a name that is too long for its column has its value in the line below
        let heads: Vec<Vec<String>> =
            step.stages[stages.clone()].iter().map(|s| wrap(&s.name, self.cell)).collect();
        for at in 0..heads.iter().map(Vec::len).max().unwrap_or(0) {
            let cells: Vec<String> = heads.iter().map(|h| h.get(at).cloned().unwrap_or_default()).collect();
            self.line(if at == 0 { "token" } else { "" }, &cells, "", to)?;
        }
        let cuts = step.cuts();
        for (row, shown) in step.tokens.iter().enumerate() {
            let chosen = shown.id == step.draw.id;
            let mut name = self.names.get(row).map_or(String::new(), |name| pad(name, self.name_width));
            name += &pad_left(&shown.id.to_string(), self.id_width);
            let name = if chosen { look.paint(Ink::Chosen, &name) } else { name };
            let cells: Vec<String> = stages
                .clone()
                .map(|s| match (shown.probs[s], s.checked_sub(1).and_then(|before| shown.probs[before])) {
                    (Some(p), _) => self.cell(p, chosen),
                    (None, Some(_)) => look.paint(Ink::Removed, look.mark(Mark::Removed)),
                    (None, None) => String::new(),
                })
                .collect();
            let mark = if chosen { look.paint(Ink::Chosen, look.mark(Mark::Chosen)) } else { String::new() };
            self.line(&name, &cells, &mark, to)?;
            for cut in cuts.iter().filter(|cut| cut.below == row) {
                self.cut(cut, &stages, to)?;
            }
        }
        if step.rest() > 0 {
            let cells: Vec<String> = stages
                .clone()
                .map(|s| match (&step.stages[s], s.checked_sub(1).map(|before| step.stages[before].tail)) {
                    (stage, _) if stage.tail > 0 => self.cell(stage.tail_mass, false),
                    (_, Some(1..)) => look.paint(Ink::Removed, look.mark(Mark::Removed)),
                    _ => String::new(),
                })
                .collect();
            self.line(&rest(step, look), &cells, "", to)?;
        }
        let feet: Vec<[String; 4]> = step.stages[stages].iter().map(foot).collect();
        for (at, name) in FOOT.iter().enumerate() {
            let cells: Vec<String> = feet.iter().map(|foot| foot[at].clone()).collect();
            self.line(name, &cells, "", to)?;
        }
        Ok(())
    }

    /// A bar with its number.
    fn cell(&self, p: f64, chosen: bool) -> String {
        let cells = self.cell - NUMBER - 1;
        let drawn = bar(p / self.step.most(), cells, self.look.ascii);
        let ink = if chosen { Ink::Chosen } else { Ink::Bar };
        let blanks = " ".repeat(cells.saturating_sub(display_width(&drawn)));
        format!("{}{blanks} {}", self.look.paint(ink, &drawn), share(p))
    }

    fn line(&self, left: &str, cells: &[String], mark: &str, to: &mut dyn Write) -> io::Result<()> {
        let width = |text: &str| display_width(&strip(text));
        let mut line = format!("{left}{}", " ".repeat(self.left.saturating_sub(width(left))));
        for cell in cells {
            line.extend(["  ", cell, &" ".repeat(self.cell.saturating_sub(width(cell)))]);
        }
        let line = if mark.is_empty() { line } else { format!("{line} {mark}") };
        writeln!(to, "{}", line.trim_end())
    }

    fn cut(&self, cut: &Cut, block: &std::ops::Range<usize>, to: &mut dyn Write) -> io::Result<()> {
        let names: Vec<&str> = cut
            .stages
            .iter()
            .filter(|s| block.contains(s))
            .map(|&s| self.step.stages[s].name.split(' ').next().unwrap_or(""))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let words = format!("{} cut{} here", names.join(", "), if names.len() == 1 { "s" } else { "" });
        let width = self.left + block.len() * (self.cell + 2);
        let dashes = width.saturating_sub(display_width(&words) + 1) / 2;
        let line = format!("{}{words}", self.look.mark(Mark::Cut).repeat(dashes));
        writeln!(to, "{}", self.look.paint(Ink::Removed, &self.look.clip(&line, self.look.width)))
    }
}

/// The tail's name.
fn rest(step: &Explained, look: &Look) -> String {
    format!("{} {}", look.mark(Mark::More), step.rest())
}

/// A text without its colours.
fn strip(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match c {
            '\x1b' => inside = true,
            'm' if inside => inside = false,
            _ if inside => {}
            c => plain.push(c),
        }
    }
    plain
}

fn draw(step: &Explained, tokens: Option<&Tokens>, look: &Look, to: &mut dyn Write) -> io::Result<()> {
    let drawn = &step.draw;
    let name = |id: TokenId| match tokens {
        Some(_) => format!("{id} {}", look.clip(&token(tokens, id), 16)),
        None => id.to_string(),
    };
    if let Some(u) = drawn.uniform {
        let head = format!("draw  u = {}  0 ", share(u).trim_start());
        let label = |id: TokenId| look.clip(&token(tokens, id), 16);
        let line = ruler(drawn, label, look.width.saturating_sub(display_width(&head) + 2), look);
        writeln!(to, "{head}{line} 1")?;
    }
    if !drawn.race.is_empty() {
        let mut table = crate::render::Table::new("lddddl");
        table.row(RACE);
        for (runner, [logprob, noise, sum, behind]) in drawn.race.iter().zip(drawn.runners()) {
            let mark = if runner.id == drawn.id { look.mark(Mark::Chosen) } else { "" };
            table.row([name(runner.id), logprob, noise, sum, behind, mark.to_string()]);
        }
        table.write_within(look, to)?;
        writeln!(to)?;
    }
    let words = format!("draw: {}", drawn.words(name));
    wrap(&words, look.width).iter().try_for_each(|line| writeln!(to, "{line}"))
}
