use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Needs, Processor, param};
use crate::Result;

/// Repairs invalid logits: NaN becomes 0, +∞ the largest and −∞ the smallest finite f32.
///
/// transformers, `InfNanRemoveLogitsProcessor`.
///
/// - `value`: `true`; disabling value `false`.
///
/// Without it a row with NaN or +∞ is an error. It makes every token possible that is masked or removed at its place in the chain:
/// with probability 0, unless no token has another score. Processors before it see NaN and +∞ as masked, where transformers
/// computes with them (and a softmax over them is NaN throughout).
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let chain = settings::chain("remove_invalid_values=true")?;
/// let mut c = Candidates::default();
/// chain.load(&mut c, &mut Row::dense(vec![f32::NAN, -1.0, f32::NEG_INFINITY]), 0, 0)?;
/// chain.apply_alone(&mut c)?;
/// assert_eq!(c.members().map(|m| m.1 as f32).collect::<Vec<_>>(), [0.0, -1.0, f32::MIN]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoveInvalidValues {
    value: bool,
}

pub(super) static INFO: Info = Info {
    name: "remove_invalid_values",
    kind: Kind::Constraint,
    flag: "--remove-invalid-values",
    off: "false",
    summary: "repairs NaN and infinite logits instead of refusing them",
    source: "transformers 5",
    parse: |form| {
        let p: param::Switch = param::read("remove_invalid_values", "value", form)?;
        Ok(Box::new(RemoveInvalidValues::new(p.value)))
    },
};

impl RemoveInvalidValues {
    /// On or off.
    pub fn new(value: bool) -> Self {
        RemoveInvalidValues { value }
    }
}

impl Processor for RemoveInvalidValues {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.value.into()
    }

    fn is_off(&self) -> bool {
        !self.value
    }

    fn needs(&self) -> Needs {
        Needs { invalid: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        c.repair();
        Ok(())
    }
}
