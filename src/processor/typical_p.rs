use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::Result;

/// Typical-p (locally typical sampling): keeps the tokens whose surprise is nearest to the entropy, until their mass reaches p.
///
/// `d(x) = |−ln p(x) − H|`; the kept set is the smallest `{ x : d(x) ≤ D }` of mass at least p. Meister et al. 2023, *Locally
/// Typical Sampling*. The best token may go.
///
/// - `value`: p in [0, 1]; disabling value 1; p = 0 keeps the most typical token and its ties.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1), the most typical ones.
///
/// Tokens as typical as the last kept one are kept: d within 1e-6, on both sides of H. The mass counts as reached at
/// `p − 1e-6·p·(1 − p)`. transformers sums in f32 and keeps equal d; llama.cpp wants a mass strictly above p and splits ties.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.4, 0.2, 0.2, 0.2];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("typical_p=0.5")?.apply_alone(&mut c)?;
/// assert_eq!(c.members().map(|m| m.0).collect::<Vec<_>>(), [1, 2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TypicalP {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "typical_p",
    kind: Kind::Truncation,
    flag: "--typical-p",
    off: "1",
    summary: "keeps the tokens whose surprise is nearest to the entropy, until their probability reaches p",
    source: "Meister et al. 2023",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("typical_p", "value", form)?;
        Ok(Box::new(TypicalP::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl TypicalP {
    /// The most typical tokens of mass p, and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// p outside [0, 1].
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check("typical_p", value, (0.0..=1.0).contains(&value), "from 0 to 1 (1 keeps all)")?;
        Ok(TypicalP { value, min_tokens_to_keep })
    }
}

impl Processor for TypicalP {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::write(self.value, self.min_tokens_to_keep)
    }

    fn is_off(&self) -> bool {
        self.value == 1.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let share = slack::mass(self.value);
        if let Some((low, high)) = c.typical(share, slack::LOGIT, self.min_tokens_to_keep) {
            c.keep_band(low, high);
        }
        Ok(())
    }
}
