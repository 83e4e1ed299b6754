//! Trees for Graphviz and Mermaid.

use super::TreeView;
use crate::trace::Fate;

impl TreeView<'_> {
    /// As a graph for Graphviz.
    pub fn dot(&self) -> String {
        let mut dot =
            "digraph tree {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"monospace\"];\n"
                .to_string();
        for tree in self.trees {
            let s = tree.sequence;
            dot += &format!("  s{s} [label=\"sequence {s}\", shape=plaintext];\n");
            for at in self.shown(tree) {
                let node = &tree.nodes[at];
                let style = match (node.rank, &node.fate) {
                    (Some(0), _) => ", penwidth=2, color=\"#b04a00\"",
                    (_, Fate::Live | Fate::Finished(_)) => "",
                    _ => ", style=\"rounded,dashed\", color=gray, fontcolor=gray40",
                };
                let label = quoted(&self.label(tree, at));
                dot += &format!("  s{s}n{at} [label=\"{label}\"{style}];\n");
                let above = node.parent.map_or(format!("s{s}"), |p| format!("s{s}n{p}"));
                dot += &format!("  {above} -> s{s}n{at};\n");
            }
        }
        dot + "}\n"
    }

    /// As a flowchart for Mermaid.
    pub fn mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_string();
        let mut best = Vec::new();
        for tree in self.trees {
            let s = tree.sequence;
            text += &format!("  s{s}((\"{s}\"))\n");
            for at in self.shown(tree) {
                let node = &tree.nodes[at];
                let goes_on = node.rank.is_some() || matches!(node.fate, Fate::Live | Fate::Finished(_));
                let above = node.parent.map_or(format!("s{s}"), |p| format!("s{s}n{p}"));
                let arrow = if goes_on { "-->" } else { "-.->" };
                text += &format!("  {above} {arrow} s{s}n{at}[\"{}\"]\n", entities(&self.label(tree, at)));
                best.extend((node.rank == Some(0)).then(|| format!("s{s}n{at}")));
            }
        }
        if !best.is_empty() {
            text += &format!(
                "  classDef best stroke:#b04a00,stroke-width:3px\n  class {} best\n",
                best.join(",")
            );
        }
        text
    }
}

/// A label as a quoted string of DOT, where an `&` begins an entity.
fn quoted(text: &str) -> String {
    text.replace('&', "&amp;").replace('\\', "\\\\").replace('"', "\\\"")
}

/// What Mermaid would read as its own, as entities by number; a label that begins like a list in Markdown is none.
fn entities(text: &str) -> String {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        match c {
            '-' | '+' if at == 0 => escaped += &format!("#{};", c as u32),
            '.' if at == digits && at > 0 => escaped += "#46;",
            '"' | '#' | '<' | '>' | '&' | '`' | ';' | '\\' | '[' | ']' | '{' | '}' | '(' | ')' | '|'
            | '%' | '*' | '_' | '~' => {
                escaped += &format!("#{};", c as u32);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
