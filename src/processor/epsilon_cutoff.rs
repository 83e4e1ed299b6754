use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::Result;

/// Epsilon cutoff: removes the tokens less probable than ε.
///
/// `kept = { x : p(x) ≥ ε }`, and the best token with its ties. Hewitt, Manning & Liang 2022, *Truncation Sampling as Language Model
/// Desmoothing*.
///
/// - `value`: ε in [0, 1); disabling value 0. The authors use 3e-4 to 9e-4.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at ε · (1 − 1e-6). transformers compares f32 probabilities.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("epsilon_cutoff=0.3")?.apply_alone(&mut c)?;
/// assert_eq!(c.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpsilonCutoff {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "epsilon_cutoff",
    kind: Kind::Truncation,
    flag: "--epsilon-cutoff",
    off: "0",
    summary: "removes the tokens less probable than epsilon",
    source: "Hewitt, Manning & Liang 2022",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("epsilon_cutoff", "value", form)?;
        Ok(Box::new(EpsilonCutoff::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl EpsilonCutoff {
    /// Tokens of probability at least `value`, and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// ε outside [0, 1).
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check(
            "epsilon_cutoff",
            value,
            (0.0..1.0).contains(&value),
            "at least 0 and below 1 (0 keeps all)",
        )?;
        Ok(EpsilonCutoff { value, min_tokens_to_keep })
    }
}

impl Processor for EpsilonCutoff {
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
        let cut = c.cut_at_probability(slack::at_least(self.value));
        c.keep_cut(cut, self.min_tokens_to_keep);
        Ok(())
    }
}
