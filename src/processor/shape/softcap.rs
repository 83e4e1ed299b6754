use crate::processor::method::*;

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
    stage(Softcap { value: cap })
}

pub(super) static INFO: Info = Info {
    name: "softcap",
    summary: "squeezes every logit into (-c, c)",
    source: "Bello et al. 2017; Gemma 2",
    off: Off::Number(0.0),
    flags: &[Flag::value("softcap", Number)],
    parse: read::<Softcap>,
    ..Info::SHAPE
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Softcap {
    value: f64,
}

impl Method for Softcap {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let fits = self.value >= 0.0 && self.value.is_finite();
        param::check("softcap", self.value, fits, "a finite number, 0 or more (0 is off)")
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
