//! Trees as a picture.

use std::collections::HashMap;

use super::walk::Step;
use super::{Tree, TreeView};
use crate::kernel;
use crate::render::kit::{Anchor, LETTER, MARGIN, SMALL, Svg, clip, display_width, share};
use crate::trace::Fate;

const ROW: f64 = 20.0;
const COLUMN: f64 = 150.0;
/// What the words of a leaf are nearer than its next step.
const GAP: f64 = 10.0;

impl TreeView<'_> {
    /// As SVG: from left to right step by step, the best hypothesis in colour, what was pruned in grey.
    pub fn svg(&self) -> String {
        let depth = self.trees.iter().flat_map(|t| &t.nodes).map(|n| n.depth + 1).max().unwrap_or(1) as f64;
        let rights = self.trees.iter().flat_map(|tree| {
            let shown = self.shown(tree);
            let leaves = shown.into_iter().filter(|&at| tree.children(Some(at), self.pruned).0.is_empty());
            leaves
                .map(|at| x(tree.nodes[at].depth + 1) - GAP + SMALL * display_width(&ending(tree, at)) as f64)
        });
        let whole = MARGIN + rights.fold(480.0, f64::max);
        let morals: Vec<String> = self.trees.iter().map(Tree::moral).collect();
        let mut svg = Svg::new("A beam search as a tree", &morals.join(". "));
        let mut y = MARGIN + 14.0;
        for tree in self.trees {
            if self.trees.len() > 1 {
                svg.text(MARGIN, y, Anchor::Start, "tp-head", &format!("sequence {}", tree.sequence));
                y += ROW;
            }
            for step in 0..depth as usize {
                svg.text(x(step), y, Anchor::Start, "tp-small", &format!("step {step}"));
            }
            y += ROW;
            let mut places = Places { nodes: vec![0.0; tree.nodes.len()], hidden: HashMap::new() };
            let root = self.place(tree, &mut y, &mut places);
            self.edges(&mut svg, tree, (MARGIN + 8.0, root), &places);
            svg.circle(MARGIN + 6.0, root - 4.0, 4.0, "tp-bar");
            y = svg.small(MARGIN, y + 8.0, whole - 2.0 * MARGIN, &tree.moral()) + 1.5 * ROW;
        }
        svg.finish_with(whole, y, self.made)
    }

    /// Gives every node its height, and returns that of the root: a leaf has its own row, the others the middle of their children.
    fn place(&self, tree: &Tree, y: &mut f64, places: &mut Places) -> f64 {
        // the heights of the first and the last child of each node on the way
        let mut spans = vec![(f64::MAX, f64::MIN)];
        let mut height = *y;
        for step in self.walk(tree) {
            let Step::Up { of, child, hidden } = step else {
                spans.push((f64::MAX, f64::MIN));
                continue;
            };
            let (first, last) = spans.pop().unwrap_or_default();
            height = if child.is_none() { *y } else { (first + last) / 2.0 };
            if child.is_some() && hidden > 0 {
                places.hidden.insert(of, (*y, hidden));
            }
            if child.is_none() || hidden > 0 {
                *y += ROW;
            }
            if let (Some(at), Some((first, last))) = (of, spans.last_mut()) {
                places.nodes[at] = height;
                (*first, *last) = (first.min(height), last.max(height));
            }
        }
        height
    }

    fn edges(&self, svg: &mut Svg, tree: &Tree, root: (f64, f64), places: &Places) {
        // where the edges from each node on the way begin
        let mut starts = vec![root];
        for step in self.walk(tree) {
            let at = match step {
                Step::Down { at, .. } => at,
                Step::Up { of, child, .. } => {
                    starts.pop();
                    if let (Some((y, hidden)), Some(child)) = (places.hidden.get(&of), child) {
                        let words = format!("… {hidden} more pruned");
                        svg.text(x(tree.nodes[child].depth), *y, Anchor::Start, "tp-small", &words);
                    }
                    continue;
                }
            };
            let (node, from) = (&tree.nodes[at], starts.last().copied().unwrap_or(root));
            let (left, y) = (x(node.depth), places.nodes[at]);
            let class = match (node.rank, &node.fate) {
                (Some(0), _) => "tp-chosen",
                (_, Fate::Live | Fate::Finished(_)) => "",
                _ => "tp-soft",
            };
            let line = if node.rank == Some(0) { "tp-stroke tp-s1" } else { "tp-axis" };
            svg.curve((from.0, from.1 - 4.0), (left - 4.0, y - 4.0), line);
            let text =
                format!("{} {}", clip(&self.name(node.id), 10), share(kernel::exp(node.score)).trim_start());
            svg.text(left, y, Anchor::Start, class, &text);
            let (below, _) = tree.children(Some(at), self.pruned);
            if below.is_empty() {
                svg.text(left + COLUMN - GAP, y, Anchor::Start, "tp-small", &ending(tree, at));
            }
            starts.push((left + LETTER * display_width(&text) as f64 + 4.0, y));
        }
    }
}

/// The heights of the nodes, and of the words that sum up how many are not shown below one.
struct Places {
    nodes: Vec<f64>,
    hidden: HashMap<Option<usize>, (f64, usize)>,
}

/// The probability of all that leads to a leaf, and what became of it.
fn ending(tree: &Tree, at: usize) -> String {
    format!("= {} {}", share(kernel::exp(tree.nodes[at].sum)).trim_start(), tree.fate(at))
}

/// Where the tokens of a step begin.
fn x(step: usize) -> f64 {
    MARGIN + 40.0 + step as f64 * COLUMN
}
