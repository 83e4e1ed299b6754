//! Which ids of the history a penalty counts.

use crate::processor::{Context, param};
use crate::{Result, TokenId};

/// Whether the prompt counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Prompt and generated ids.
    All,
    /// Generated ids alone.
    Generated,
}

/// The part of the history that a penalty counts: the newest `last_n` ids of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    last_n: Option<usize>,
    scope: Scope,
}

impl Window {
    /// The newest `last_n` ids (−1: all of them, 0: none).
    ///
    /// # Errors
    /// `last_n` below −1.
    pub fn new(last_n: i64, scope: Scope) -> Result<Self> {
        param::check("last_n", last_n, last_n >= -1, "-1 (all), 0 (off) or a number of tokens")?;
        Ok(Window { last_n: usize::try_from(last_n).ok(), scope })
    }

    /// True if no id ever counts.
    pub fn is_empty(&self) -> bool {
        self.last_n == Some(0)
    }

    /// `last_n` as it is written.
    pub fn last_n(&self) -> i64 {
        self.last_n.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// The ids that count, oldest first.
    pub fn ids<'a>(&self, cx: &Context<'a>) -> &'a [TokenId] {
        let ids = match self.scope {
            Scope::All => cx.context,
            Scope::Generated => cx.generated(),
        };
        &ids[ids.len() - self.last_n.map_or(ids.len(), |n| n.min(ids.len()))..]
    }

    /// Whether the prompt counts.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

/// The default of `last_n`: everything counts.
pub(super) fn all() -> i64 {
    -1
}
