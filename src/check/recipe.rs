//! Ways in which ids may have been drawn.

use serde::Serialize;

use super::addresses::Chance;
use crate::source::Layout;

/// How the sequences of a batch may have been drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// All rows of a step together, as the engine draws a batch.
    Batch,
    /// Each sequence in a run of its own, with the same seed.
    Alone,
    /// Each sequence in a run of its own, with seed + number of the sequence.
    SeedPlusRow,
    /// One sequence after the other from one generator.
    InTurn,
}

/// A way in which ids may have been drawn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// The engine, or tokpick's own draw (`chacha8-v1`, `gumbel-chacha8-v1`, `argmax`).
    pub draw: String,
    /// How the sequences were drawn; `None` where there is one, or where draws don't depend on each other.
    pub convention: Option<Convention>,
    /// The order of the stages that are on.
    pub order: Vec<String>,
    /// Parameters that were not given, but tried because the engine sets them by itself or has no default.
    pub assumed: Vec<String>,
    /// The layout under which the input was read, where that was tried, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
}

impl Recipe {
    /// Whether two recipes differ in nothing but the order.
    pub(super) fn is_like(&self, other: &Recipe) -> bool {
        (&self.draw, self.convention, &self.assumed) == (&other.draw, other.convention, &other.assumed)
    }
}

/// A recipe that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// The recipe; of several orders that draw the same ids, the engine's own or the given one.
    pub recipe: Recipe,
    /// Other orders that draw every id, too.
    pub same_orders: Vec<Vec<String>>,
    /// Ids that it draws as claimed, after the claimed history.
    pub matches: usize,
    /// Ids that were compared.
    pub compared: usize,
}

impl Guess {
    /// Adds what was found under another reading of the input.
    pub fn join(&mut self, other: Guess) {
        self.explained.extend(other.explained);
        self.partial.extend(other.partial);
        self.partial.sort_by(|a, b| b.share().total_cmp(&a.share()));
        self.tried += other.tried;
        self.refused.extend(other.refused);
        self.refused.dedup();
        self.chance = self.chance.or(other.chance);
    }

    /// Notes the layout in every recipe.
    pub fn under(mut self, layout: Layout) -> Self {
        self.explained
            .iter_mut()
            .chain(&mut self.partial)
            .for_each(|a| a.recipe.layout = Some(layout.to_string()));
        self
    }
}

impl Attempt {
    /// Share of the compared ids that it draws.
    pub fn share(&self) -> f64 {
        self.matches as f64 / self.compared.max(1) as f64
    }

    /// Every id is drawn as claimed.
    pub fn explains(&self) -> bool {
        self.matches == self.compared
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guess {
    /// The recipes that draw every id.
    pub explained: Vec<Attempt>,
    /// The best of the others, best first.
    pub partial: Vec<Attempt>,
    /// How many recipes were tried.
    pub tried: usize,
    /// Engines that could not be tried, and why.
    pub refused: Vec<(String, String)>,
    /// Where seeds and positions were looked for: how probable it is that chance found what was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<Chance>,
}
