use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param};
use crate::{Result, kernel};

/// Logit softcap: squeezes every logit into (−c, c).
///
/// `score ← c · tanh(score / c)`. Bello et al. 2017; Gemma 2 caps its final logits at 30.
///
/// - `value`: c, at least 0, finite; disabling value 0.
///
/// Not shift-invariant: it belongs on raw logits. Nothing is removed.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![100.0, 0.5, -100.0]), 0, 0)?;
/// settings::chain("softcap=2")?.apply_alone(&mut c)?;
/// let scores: Vec<_> = c.members().map(|m| format!("{:.3}", m.1)).collect();
/// assert_eq!(scores, ["2.000", "0.490", "-2.000"]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Softcap {
    value: f64,
}

pub(super) static INFO: Info = Info {
    name: "softcap",
    kind: Kind::Shape,
    flag: "--softcap",
    off: "0",
    summary: "squeezes every logit into (-c, c)",
    source: "Bello et al. 2017; Gemma 2",
    parse: |form| {
        let p: param::Number = param::read("softcap", "value", form)?;
        Ok(Box::new(Softcap::new(p.value)?))
    },
};

impl Softcap {
    /// The cap c.
    ///
    /// # Errors
    /// A negative cap, NaN or infinity.
    pub fn new(value: f64) -> Result<Self> {
        let fits = value >= 0.0 && value.is_finite();
        param::check("softcap", value, fits, "a finite number, 0 or more (0 is off)")?;
        Ok(Softcap { value })
    }
}

impl Processor for Softcap {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.value.into()
    }

    fn is_off(&self) -> bool {
        self.value == 0.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let cap = |score: f64| self.value * kernel::tanh(score / self.value);
        let best = cap(c.max_score());
        // relative to the best, where f32 is finest; its own score comes back as a shift
        c.map_each(|score| cap(score) - best);
        c.shift(best);
        Ok(())
    }
}
