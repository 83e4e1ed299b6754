use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::{Result, kernel};

/// Top-a: keeps the tokens of at least a times the square of the largest probability.
///
/// `kept = { x : p(x) ≥ a · (max p)² }`: strict where the model is sure, lenient where it isn't. BlinkDL, RWKV-LM.
///
/// - `value`: a in [0, 1]; disabling value 0. The author uses 0.2.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at a · (1 − 1e-6). KoboldAI and text-generation-webui compare f32 probabilities.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("top_a=0.8")?.apply_alone(&mut c)?;
/// assert_eq!(c.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopA {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "top_a",
    kind: Kind::Truncation,
    flag: "--top-a",
    off: "0",
    summary: "keeps the tokens of at least a times the square of the largest probability",
    source: "BlinkDL (RWKV-LM)",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("top_a", "value", form)?;
        Ok(Box::new(TopA::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl TopA {
    /// Tokens of probability at least `value` · max², and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// a outside [0, 1].
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check("top_a", value, (0.0..=1.0).contains(&value), "from 0 to 1 (0 keeps all)")?;
        Ok(TopA { value, min_tokens_to_keep })
    }
}

impl Processor for TopA {
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
        // max p = 1 / mass, where a weight of 1 is the best token's
        let largest = -kernel::ln(c.mass());
        let cut = c.cut_below_best(-kernel::ln(slack::at_least(self.value)) - largest);
        c.keep_cut(cut, self.min_tokens_to_keep);
        Ok(())
    }
}
