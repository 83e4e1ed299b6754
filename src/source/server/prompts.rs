//! The prompts of a request's choices, which may be one and long.

use std::collections::HashMap;
use std::sync::Arc;

use crate::TokenId;

/// Counts how often each prompt came; one that is held once is compared once.
#[derive(Default)]
pub(super) struct Prompts {
    counts: HashMap<Option<Arc<[TokenId]>>, i128>,
    last: Option<(Option<Arc<[TokenId]>>, i128)>,
}

impl Prompts {
    /// How often a prompt came before.
    pub fn seen(&mut self, prompt: Option<&Arc<[TokenId]>>) -> i128 {
        match &mut self.last {
            Some((last, count)) if same(last.as_ref(), prompt) => {
                *count += 1;
                *count - 1
            }
            _ => {
                if let Some((last, count)) = self.last.take() {
                    self.counts.insert(last, count);
                }
                let before = self.counts.get(&prompt.cloned()).copied().unwrap_or(0);
                self.last = Some((prompt.cloned(), before + 1));
                before
            }
        }
    }
}

/// True for what is held once; what is only equal is found otherwise.
pub(super) fn same(a: Option<&Arc<[TokenId]>>, b: Option<&Arc<[TokenId]>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}
