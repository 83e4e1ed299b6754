use serde_json::{Value, json};

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::{Error, Result};

/// P-less: keeps the tokens at least as probable as two draws are to agree.
///
/// `kept = { x : p(x) ≥ Σ p² }`: the threshold comes from the whole distribution (its collision probability), never exceeds the
/// largest probability, and needs no parameter. Tan, Wu & Howard 2025, *p-less Sampling: A Robust Hyperparameter-Free Approach for
/// LLM Decoding*.
///
/// - `value`: `true`, or `false` (also 1 and 0); disabling value `false`.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at Σ p² · (1 − 1e-6): equal probabilities all stay.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("p_less=true")?.apply_alone(&mut c)?; // Σ p² = 0.36
/// assert_eq!(c.count(), 1);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PLess {
    value: bool,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "p_less",
    kind: Kind::Truncation,
    flag: "--p-less",
    off: "false",
    summary: "keeps the tokens at least as probable as two draws are to agree",
    source: "Tan, Wu & Howard 2025",
    parse: |form| {
        let p: param::Threshold<Value> = param::read("p_less", "value", form)?;
        Ok(Box::new(PLess::new(switch(&p.value)?, p.min_tokens_to_keep)))
    },
};

/// The method has no parameter: a number can only switch it.
fn switch(value: &Value) -> Result<bool> {
    match (value.as_bool(), value.as_f64()) {
        (Some(on), _) => Ok(on),
        (_, Some(0.0)) => Ok(false),
        (_, Some(1.0)) => Ok(true),
        _ => Err(Error::setting("p_less", value, "must be true or false: the method has no parameter")),
    }
}

impl PLess {
    /// On or off; at least `min_tokens_to_keep` tokens stay.
    pub fn new(value: bool, min_tokens_to_keep: usize) -> Self {
        PLess { value, min_tokens_to_keep }
    }
}

impl Processor for PLess {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        match self.min_tokens_to_keep {
            1 => self.value.into(),
            m => json!({"value": self.value, "min_tokens_to_keep": m}),
        }
    }

    fn is_off(&self) -> bool {
        !self.value
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let threshold = slack::at_least(c.collision());
        let cut = c.cut_at_probability(threshold);
        c.keep_cut(cut, self.min_tokens_to_keep);
        Ok(())
    }
}
