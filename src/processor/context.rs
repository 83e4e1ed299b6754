use crate::TokenId;

/// What a processor may look at besides the candidates.
///
/// ```
/// use tokpick::processor::Context;
/// let cx = Context { context: &[5, 6, 7], prompt_len: 1, ..Context::default() };
/// assert_eq!(cx.generated(), [6, 7]);
/// ```
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Prompt and generated ids, oldest first.
    pub context: &'a [TokenId],
    /// How many of `context` are the prompt.
    pub prompt_len: usize,
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// The coins of this step, by the processor's position in the chain.
    pub coins: &'a dyn Coins,
}

impl<'a> Context<'a> {
    /// The ids generated so far.
    pub fn generated(&self) -> &'a [TokenId] {
        &self.context[self.prompt_len.min(self.context.len())..]
    }
}

/// No history, and every coin is 0.
impl Default for Context<'_> {
    fn default() -> Self {
        Context { context: &[], prompt_len: 0, sequence: 0, step: 0, coins: &0.0 }
    }
}

/// Uniform numbers in [0, 1) for processors that toss a coin, addressed by the processor's position in the chain, so that one
/// processor's coin never shifts another's.
pub trait Coins: Sync {
    /// The coin of the processor at `position`, in [0, 1).
    fn coin(&self, position: usize) -> f64;
}

/// Always the same number: for tests, and where no processor of the chain tosses a coin.
impl Coins for f64 {
    fn coin(&self, _position: usize) -> f64 {
        *self
    }
}
