//! Trees as text.

use std::io::{self, Write};

use super::walk::Step;
use super::{NAME, Tree, TreeView};
use crate::kernel;
use crate::render::kit::{self, Ink, Look, display_width, pad, share, wrap};
use crate::trace::Fate;

impl TreeView<'_> {
    /// As text: a line for each continuation with its probability, that of all so far, and what became of it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        for (at, tree) in self.trees.iter().enumerate() {
            if at > 0 {
                writeln!(to)?;
            }
            if self.trees.len() > 1 {
                writeln!(to, "{}", look.paint(Ink::Title, &format!("sequence {}", tree.sequence)))?;
            }
            let lines = self.lines(tree, look);
            let widest =
                lines.iter().map(|l| display_width(&l.branch) + display_width(&l.name)).max().unwrap_or(0);
            // room for two numbers and a word
            let left = widest.min(look.width.saturating_sub(30)).max(12);
            let head = format!("{}  {:>5}  {:>6}", pad("token", left), "p", "so far");
            writeln!(to, "{}", look.paint(Ink::Removed, &head))?;
            lines.iter().try_for_each(|line| line.write(left, look, to))?;
            writeln!(to)?;
            wrap(&tree.moral(), look.width).iter().try_for_each(|line| writeln!(to, "{line}"))?;
        }
        Ok(())
    }

    fn lines(&self, tree: &Tree, look: &Look) -> Vec<Line> {
        // a deep tree stops moving to the right
        let deepest = (look.width.saturating_sub(42) / 2).max(4);
        let (mut lines, mut above) = (Vec::new(), Vec::new());
        for step in self.walk(tree) {
            let (at, last) = match step {
                Step::Down { at, last } => (at, last),
                Step::Up { hidden, .. } => {
                    if hidden > 0 {
                        lines.push(Line {
                            branch: branch(&above, true, deepest, look),
                            name: format!("{} {hidden} more pruned", if look.ascii { "..." } else { "…" }),
                            numbers: String::new(),
                            words: String::new(),
                            ink: Some(Ink::Removed),
                        });
                    }
                    above.pop();
                    continue;
                }
            };
            let node = &tree.nodes[at];
            let ink = match (node.rank, &node.fate) {
                (Some(0), _) => Some(Ink::Chosen),
                (_, Fate::Live | Fate::Finished(_)) => None,
                _ => Some(Ink::Removed),
            };
            let mut words = tree.fate(at);
            if node.greedy && !words.contains("greedy") {
                words = if words.is_empty() { "greedy".to_string() } else { format!("{words} · greedy") };
            }
            lines.push(Line {
                branch: branch(&above, last, deepest, look),
                name: look.clip(&kit::token(self.tokens, node.id), NAME),
                numbers: format!("{}  {:>6}", share(kernel::exp(node.score)), share(kernel::exp(node.sum))),
                words: look.text(&words).into_owned(),
                ink,
            });
            above.push(last);
        }
        lines
    }
}

/// The lines to the left of a node.
fn branch(above: &[bool], last: bool, deepest: usize, look: &Look) -> String {
    let (down, fork, end) = if look.ascii { ("| ", "+ ", "` ") } else { ("│ ", "├ ", "└ ") };
    let skipped = above.len().saturating_sub(deepest);
    let mut line = if skipped > 0 { format!("{skipped:>2} ") } else { String::new() };
    above[skipped..].iter().for_each(|&last| line += if last { "  " } else { down });
    line + if last { end } else { fork }
}

struct Line {
    branch: String,
    name: String,
    numbers: String,
    words: String,
    ink: Option<Ink>,
}

impl Line {
    fn write(&self, left: usize, look: &Look, to: &mut dyn Write) -> io::Result<()> {
        let name = look.clip(&self.name, left.saturating_sub(display_width(&self.branch)).max(1));
        let name = pad(&name, left.saturating_sub(display_width(&self.branch)));
        // a deep branch may reach beyond the column of names
        let taken = display_width(&self.branch) + display_width(&name) + 2 + display_width(&self.numbers) + 2;
        let words = look.clip(&self.words, look.width.saturating_sub(taken));
        let rest = format!("{name}  {}  {words}", self.numbers);
        let rest = rest.trim_end();
        writeln!(to, "{}{}", self.branch, self.ink.map_or(rest.to_string(), |ink| look.paint(ink, rest)))
    }
}
