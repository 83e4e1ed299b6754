use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::{Result, kernel};

/// Eta cutoff: as the epsilon cutoff, but milder where the distribution is flat.
///
/// `kept = { x : p(x) ≥ η }`, `η = min(ε, √ε · exp(−H))` with the entropy H in nats, and the best token with its ties. Hewitt,
/// Manning & Liang 2022, *Truncation Sampling as Language Model Desmoothing*.
///
/// - `value`: ε in [0, 1); disabling value 0. The authors use 3e-4 to 4e-3.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at η · (1 − 1e-6). transformers compares f32 probabilities.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.25, 0.25, 0.25, 0.25];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("eta_cutoff=0.5")?.apply_alone(&mut c)?;
/// assert_eq!(c.count(), 4);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EtaCutoff {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "eta_cutoff",
    kind: Kind::Truncation,
    flag: "--eta-cutoff",
    off: "0",
    summary: "removes the tokens less probable than a threshold that falls with the entropy",
    source: "Hewitt, Manning & Liang 2022",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("eta_cutoff", "value", form)?;
        Ok(Box::new(EtaCutoff::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl EtaCutoff {
    /// The cutoff of ε = `value`; at least `min_tokens_to_keep` tokens stay.
    ///
    /// # Errors
    /// ε outside [0, 1).
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check(
            "eta_cutoff",
            value,
            (0.0..1.0).contains(&value),
            "at least 0 and below 1 (0 keeps all)",
        )?;
        Ok(EtaCutoff { value, min_tokens_to_keep })
    }
}

impl Processor for EtaCutoff {
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
        let eta = self.value.min(self.value.sqrt() * kernel::exp(-c.entropy()));
        let cut = c.cut_at_probability(slack::at_least(eta));
        c.keep_cut(cut, self.min_tokens_to_keep);
        Ok(())
    }
}
