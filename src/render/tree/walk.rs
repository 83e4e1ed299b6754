//! The nodes that are shown, in the order of reading.

use super::{Tree, TreeView};

/// A step of a walk, which goes down to each child of a node in turn, and up again after the last.
pub(super) enum Step {
    /// To a node; whether nothing comes after it below its parent.
    Down { at: usize, last: bool },
    /// Up from a node (the root: `None`), the last of whose children that are shown is this one; so many others are not.
    Up { of: Option<usize>, child: Option<usize>, hidden: usize },
}

/// The children of a node, and how many of them have been visited.
struct Level {
    of: Option<usize>,
    children: Vec<usize>,
    hidden: usize,
    visited: usize,
}

/// A walk with a stack of its own: a tree is as deep as a search is long.
struct Walk<'a> {
    tree: &'a Tree,
    pruned: usize,
    levels: Vec<Level>,
}

impl Walk<'_> {
    fn enter(&mut self, of: Option<usize>) {
        let (children, hidden) = self.tree.children(of, self.pruned);
        self.levels.push(Level { of, children, hidden, visited: 0 });
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let level = self.levels.last_mut()?;
        let Some(&at) = level.children.get(level.visited) else {
            let Level { of, children, hidden, .. } = self.levels.pop()?;
            return Some(Step::Up { of, child: children.last().copied(), hidden });
        };
        level.visited += 1;
        let last = level.visited == level.children.len() && level.hidden == 0;
        self.enter(Some(at));
        Some(Step::Down { at, last })
    }
}

impl TreeView<'_> {
    /// From the root through all nodes that are shown, and back.
    pub(super) fn walk<'t>(&self, tree: &'t Tree) -> impl Iterator<Item = Step> + use<'t> {
        let mut walk = Walk { tree, pruned: self.pruned, levels: Vec::new() };
        walk.enter(None);
        walk
    }
}
