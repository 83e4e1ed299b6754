use super::temperature::divide;
use crate::processor::method::*;

/// Dynamic temperature: flat distributions get a higher temperature than peaked ones.
///
/// `T' = low + (high − low) · h^exponent`, `low = max(0, temperature − range)`, `high = temperature + range`, where h = H / ln n is
/// the entropy relative to that of n equally probable tokens, n the number of candidates; then `score ← score / T'`. kalomaze 2023;
/// llama.cpp (`temp_ext`).
///
/// - `temperature`: at least 0, finite.
/// - `range`: at least 0, finite; default 0: plain temperature.
/// - `exponent`: at least 0, finite; default 1.
///
/// Temperature 1 with range 0 disables it. A single candidate keeps its score. T' = 0 keeps the best token alone, as temperature 0
/// does. llama.cpp counts masked tokens in n.
///
/// ```
/// use tokpick::processor::{Chain, dynamic_temperature};
///
/// // flat: h = 1, T' = 1.5
/// let kept = Chain::new([dynamic_temperature(1.0, 0.5, 1.0)?]).on(&[3.0, 3.0])?;
/// assert!((kept.max_score() - 2.0).abs() < 1e-6);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A negative parameter, NaN or infinity.
pub fn dynamic_temperature(temperature: f64, range: f64, exponent: f64) -> Result<Stage> {
    stage(DynamicTemperature { temperature, range, exponent })
}

pub(super) static INFO: Info = Info {
    name: "dynamic_temperature",
    summary: "temperature that rises with the entropy",
    source: "kalomaze 2023 (llama.cpp)",
    off: Off::All(&[("temperature", 1.0), ("range", 0.0)]),
    flags: &[
        Flag { aliases: &["dynamic-temperature-range"], ..Flag::of("dynatemp-range", "range", Number, "") },
        Flag {
            aliases: &["dynatemp-exp", "dynamic-temperature-exponent"],
            ..Flag::of(
                "dynatemp-exponent",
                "exponent",
                Number,
                "Exponent of the relative entropy in dynamic temperature (default 1)",
            )
        },
    ],
    lone: Some("temperature"),
    keeps_the_best: true,
    takes_over: Some("temperature"),
    places: Places { llama_cpp: (End, 0), ..Places::GUEST_SHAPE },
    parse: read::<DynamicTemperature>,
    ..Info::SHAPE
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DynamicTemperature {
    temperature: f64,
    #[serde(default)]
    range: f64,
    #[serde(default = "param::unit")]
    exponent: f64,
}

impl DynamicTemperature {
    /// The temperature at a relative entropy.
    fn at(&self, relative: f64) -> f64 {
        let low = (self.temperature - self.range).max(0.0);
        let high = (self.temperature + self.range).min(f64::MAX);
        let power = match relative.clamp(0.0, 1.0) {
            _ if self.exponent == 0.0 => 1.0,
            h => kernel::exp(self.exponent * kernel::ln(h)),
        };
        low + (high - low) * power
    }
}

impl Method for DynamicTemperature {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let named = [("temperature", self.temperature), ("range", self.range), ("exponent", self.exponent)];
        named.into_iter().try_for_each(|(name, value)| {
            let name = format!("dynamic_temperature {name}");
            param::check(&name, value, value >= 0.0 && value.is_finite(), "a finite number, 0 or more")
        })
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        match c.count() {
            _ if self.range == 0.0 => divide(c, cx, self.temperature),
            0 | 1 => Ok(()),
            n => divide(c, cx, self.at(c.entropy() / kernel::ln(n as f64))),
        }
    }
}
