use crate::processor::method::*;

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
    stage(Temperature { value: t })
}

pub(super) static INFO: Info = Info {
    name: "temperature",
    summary: "divides every logit by T: below 1 sharper, above 1 flatter, 0 greedy",
    source: "Ackley, Hinton & Sejnowski 1985",
    off: Off::Number(1.0),
    flags: &[Flag { short: Some('t'), ..Flag::value("temperature", Number).also(&["temp"]) }],
    keeps_the_best: true,
    places: Places { hf: (Sampling, 0), llama_cpp: (End, 1), vllm: (Sampling, 0) },
    config: Config::Value,
    parse: read::<Temperature>,
    ..Info::SHAPE
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Temperature {
    value: f64,
}

impl Method for Temperature {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let fits = self.value >= 0.0 && self.value.is_finite();
        param::check("temperature", self.value, fits, "a finite number, 0 or more")
    }

    fn temperature(&self) -> Option<f64> {
        Some(self.value)
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        divide(c, cx, self.value)
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
