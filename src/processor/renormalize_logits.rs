use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param};
use crate::Result;

/// Renormalisation: scores become log-probabilities of the candidates.
///
/// `score ← score − ln Σ exp(score)`. transformers, `LogitNormalization`.
///
/// - `value`: `true`; disabling value `false`.
///
/// The distribution stays as it is. What looks at the scores themselves sees the change: repetition penalty, softcap, beam search.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![5.0, 5.0]), 0, 0)?;
/// settings::chain("renormalize_logits=true")?.apply_alone(&mut c)?;
/// assert!((c.max_score() - 0.5_f64.ln()).abs() < 1e-6);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenormalizeLogits {
    value: bool,
}

pub(super) static INFO: Info = Info {
    name: "renormalize_logits",
    kind: Kind::Shape,
    flag: "--renormalize-logits",
    off: "false",
    summary: "turns scores into log-probabilities",
    source: "transformers 5",
    parse: |form| {
        let p: param::Switch = param::read("renormalize_logits", "value", form)?;
        Ok(Box::new(RenormalizeLogits::new(p.value)))
    },
};

impl RenormalizeLogits {
    /// On or off.
    pub fn new(value: bool) -> Self {
        RenormalizeLogits { value }
    }
}

impl Processor for RenormalizeLogits {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.value.into()
    }

    fn is_off(&self) -> bool {
        !self.value
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        if !c.is_empty() {
            c.log_softmax();
        }
        Ok(())
    }
}
