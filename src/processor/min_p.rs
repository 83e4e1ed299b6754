use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::{Result, kernel};

/// Min-p: keeps the tokens that are at least m times as probable as the best one.
///
/// `kept = { x : p(x) ≥ m · max p }`, compared in logits: `score ≥ max score + ln m`. Nguyen et al. 2024, *Turning Up the Heat:
/// Min-p Sampling for Creative and Coherent LLM Outputs*.
///
/// - `value`: m in [0, 1]; disabling value 0; m = 1 keeps the best token and its ties.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at m · (1 − 1e-6). transformers compares f32 probabilities; llama.cpp compares f32 logits, and takes m above 1
/// as 1.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("min_p=0.6")?.apply_alone(&mut c)?;
/// assert_eq!(c.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinP {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "min_p",
    kind: Kind::Truncation,
    flag: "--min-p",
    off: "0",
    summary: "keeps the tokens at least m times as probable as the best one",
    source: "Nguyen et al. 2024",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("min_p", "value", form)?;
        Ok(Box::new(MinP::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl MinP {
    /// Tokens of at least `value` times the largest probability, and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// m outside [0, 1].
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check("min_p", value, (0.0..=1.0).contains(&value), "from 0 to 1 (0 keeps all)")?;
        Ok(MinP { value, min_tokens_to_keep })
    }
}

impl Processor for MinP {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::write(self.value, self.min_tokens_to_keep)
    }

    fn is_off(&self) -> bool {
        self.value == 0.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let cut = c.cut_below_best(-kernel::ln(slack::at_least(self.value)));
        c.keep_cut(cut, self.min_tokens_to_keep);
        Ok(())
    }
}
