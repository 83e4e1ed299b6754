//! What an input says of its tokens beside its rows.

use std::sync::Arc;

use super::Shape;
use crate::TokenId;

/// The tokens of one sequence as its input carries them: a server's answer, or a file of llama-perplexity, tells which tokens were
/// taken at its steps.
///
/// ```
/// use tokpick::source::Carried;
/// let carried = Carried { ids: vec![7, 2, 9], ..Carried::default() };
/// assert_eq!(carried.from_step(1), [2, 9]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Carried {
    /// The ids before step 0: the prompt. Empty where they are not known. The choices of one request share it.
    pub prompt: Arc<[TokenId]>,
    /// The token that was taken at each step, from step 0 of the input on.
    pub ids: Vec<TokenId>,
    /// Natural logarithms of the probabilities that the input claims for them; `None` where it claims none. Empty where it claims none
    /// at all, else as long as `ids`.
    pub logprobs: Vec<Option<f64>>,
    /// The steps for which it claims a floor (−9999, the lowest float) in place of a number; `logprobs` has `None` there.
    pub floors: Vec<usize>,
    /// The text of the tokens, where the input has it.
    pub text: Option<String>,
    /// The steps, ascending, for whose tokens the input names no ids: these were numbered in order of appearance, and mean nothing beside
    /// another input.
    pub numbered: Vec<usize>,
}

impl Carried {
    /// The ids that were taken at the steps of an input that has this shape.
    pub fn at_steps(&self, shape: &Shape) -> &[TokenId] {
        let end = shape.end_step.map_or(self.ids.len(), |end| end.min(self.ids.len()));
        self.ids.get(shape.first_step..end).unwrap_or_default()
    }

    /// The ids that were taken at a step and after it.
    pub fn from_step(&self, step: usize) -> &[TokenId] {
        self.ids.get(step..).unwrap_or_default()
    }
}
