use std::sync::Arc;

use serde_json::Value;

use crate::processor::{
    Candidates, Config, Context, Flag, Info, Part, Places, Processor, Stage, Written, param,
};
use crate::{Error, Place, Result};

/// Temperature: `score ← score / T`.
///
/// T < 1 sharpens the distribution, T > 1 flattens it. (Ackley, Hinton & Sejnowski 1985; every engine.)
///
/// - `value`: T ≥ 0, finite; default and disabling value 1. T = 0 keeps the best token alone, the lowest id among equals, as
///   greedy search does.
///
/// Engines differ in rounding: transformers divides in f32, candle and mlx multiply by 1/T in f32. Here the factor 1/T stays
/// pending in f64 and meets `score − max score`, so that no temperature overflows.
///
/// ```
/// use tokpick::processor::{Chain, temperature};
///
/// let kept = Chain::new([temperature(0.5)?]).on(&[1.0, 3.0])?;
/// assert_eq!(kept.score(1), Some(6.0));
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A negative T, NaN or infinity.
pub fn temperature(t: f64) -> Result<Stage> {
    param::check("temperature", t, t >= 0.0 && t.is_finite(), "a finite number, 0 or more")?;
    Ok(Arc::new(Temperature(t)))
}

pub(in crate::processor) static INFO: Info = Info {
    name: "temperature",
    summary: "divides every logit by T: below 1 sharper, above 1 flatter, 0 greedy",
    source: "Ackley, Hinton & Sejnowski 1985",
    off: "1",
    flags: &[Flag { short: Some('t'), ..Flag::value("temperature", Written::Number) }],
    keeps_the_best: true,
    places: Places { hf: (Part::Sampling, 0), llama_cpp: (Part::End, 1), vllm: (Part::Sampling, 0) },
    config: Config::Value,
    parse: |form| temperature(param::read::<param::Lone<f64>>(&INFO, form)?.value),
    ..Info::SHAPE
};

struct Temperature(f64);

impl Processor for Temperature {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.0.into()
    }

    fn is_off(&self) -> bool {
        self.0 == 1.0
    }

    fn temperature(&self) -> Option<f64> {
        Some(self.0)
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        divide(c, cx, self.0)
    }
}

/// Divides every score by T ≥ 0; T = 0 leaves the best token alone.
pub(super) fn divide(c: &mut Candidates, cx: &Context<'_>, t: f64) -> Result<()> {
    if t > 0.0 {
        // 1/T of a denormal T is infinite; the largest finite factor sharpens as much as anything can
        c.scale((1.0 / t).min(f64::MAX));
        return Ok(());
    }
    let none = || Error::decode(Place::row(cx.sequence, cx.step), "temperature 0 finds no candidate");
    let best = c.argmax().ok_or_else(none)?;
    c.keep_ids(&[best]);
    Ok(())
}
