use crate::processor::method::*;

/// Quadratic smoothing: bends the logits into a parabola around the best one.
///
/// With `d = score − max score ≤ 0`: `score ← max score − k·f·d² + s·f·d³`, `k = (3 − curve) / 2`, `s = (curve − 1) / 2`. Tokens
/// near the best come closer to it, distant ones fall away. kalomaze 2024 (koboldcpp, text-generation-webui).
///
/// - `factor`: f, at least 0, finite; disabling value 0.
/// - `curve`: at least 1, finite; default 1, the plain parabola. Above 3, tokens a little below the best rise above it, as they do in
///   those engines.
///
/// Nothing is removed; a token that falls below every finite f32 stays with probability 0.
///
/// ```
/// use tokpick::processor::{Chain, smoothing};
///
/// let kept = Chain::new([smoothing(0.5, 1.0)?]).on(&[3.0, 2.0, 0.0])?;
/// assert_eq!(kept.members().map(|m| m.1).collect::<Vec<_>>(), [3.0, 2.5, -1.5]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A negative factor, a curve below 1, NaN or infinity.
pub fn smoothing(factor: f64, curve: f64) -> Result<Stage> {
    stage(Smoothing { factor, curve })
}

pub(super) static INFO: Info = Info {
    name: "smoothing",
    summary: "bends the logits into a parabola around the best one",
    source: "kalomaze 2024 (koboldcpp)",
    off: Off::Number(0.0),
    flags: &[
        Flag::of("smoothing-factor", "factor", Number, ""),
        Flag::of("smoothing-curve", "curve", Number, "Curve of the smoothing (default 1)"),
    ],
    parse: read::<Smoothing>,
    ..Info::SHAPE
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Smoothing {
    factor: f64,
    #[serde(default = "param::unit")]
    curve: f64,
}

impl Method for Smoothing {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let (factor, curve) = (self.factor, self.curve);
        let fits = factor >= 0.0 && factor.is_finite();
        param::check("smoothing factor", factor, fits, "a finite number, 0 or more (0 is off)")?;
        let fits = curve >= 1.0 && curve.is_finite();
        param::check("smoothing curve", curve, fits, "a finite number, 1 or more")
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let best = c.max_score();
        let bounded = |x: f64| (x * self.factor).clamp(-1e100, 1e100);
        let (k, s) = (bounded((3.0 - self.curve) / 2.0), bounded((self.curve - 1.0) / 2.0));
        // relative to the best, where f32 is finest; its own score comes back as a shift
        c.map(|_, score| {
            let d = score - best;
            // an overflow must not look like a mask
            (d * d * (s * d - k)).clamp(f64::MIN, f64::MAX)
        });
        c.shift(best);
        Ok(())
    }
}
