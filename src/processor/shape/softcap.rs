use std::sync::Arc;

use serde_json::Value;

use crate::processor::{Candidates, Context, Flag, Info, Processor, Stage, Written, param};
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
/// use tokpick::processor::{Chain, softcap};
///
/// let kept = Chain::new([softcap(2.0)?]).on(&[100.0, 0.5, -100.0])?;
/// let scores: Vec<_> = kept.members().map(|m| format!("{:.3}", m.1)).collect();
/// assert_eq!(scores, ["2.000", "0.490", "-2.000"]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A negative cap, NaN or infinity.
pub fn softcap(cap: f64) -> Result<Stage> {
    param::check("softcap", cap, cap >= 0.0 && cap.is_finite(), "a finite number, 0 or more (0 is off)")?;
    Ok(Arc::new(Softcap(cap)))
}

pub(in crate::processor) static INFO: Info = Info {
    name: "softcap",
    summary: "squeezes every logit into (-c, c)",
    source: "Bello et al. 2017; Gemma 2",
    off: "0",
    flags: &[Flag::value("softcap", Written::Number)],
    parse: |form| softcap(param::read::<param::Lone<f64>>(&INFO, form)?.value),
    ..Info::SHAPE
};

struct Softcap(f64);

impl Processor for Softcap {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.0.into()
    }

    fn is_off(&self) -> bool {
        self.0 == 0.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let cap = |score: f64| self.0 * kernel::tanh(score / self.0);
        let best = cap(c.max_score());
        // relative to the best, where f32 is finest; its own score comes back as a shift
        c.map_each(|score| cap(score) - best);
        c.shift(best);
        Ok(())
    }
}
