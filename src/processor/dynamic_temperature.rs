use serde_json::{Value, json};

use super::{Candidates, Context, Info, Kind, Processor, Temperature, param};
use crate::{Result, kernel};

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
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![3.0, 3.0]), 0, 0)?; // flat: h = 1, T' = 1.5
/// settings::chain("dynamic_temperature(temperature=1,range=0.5)")?.apply_alone(&mut c)?;
/// assert!((c.max_score() - 2.0).abs() < 1e-6);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicTemperature {
    temperature: f64,
    range: f64,
    exponent: f64,
}

pub(super) static INFO: Info = Info {
    name: "dynamic_temperature",
    kind: Kind::Shape,
    flag: "--dynatemp-range",
    off: "1, range 0",
    summary: "temperature that rises with the entropy",
    source: "kalomaze 2023 (llama.cpp)",
    parse: |form| {
        let p: Parameters = param::read("dynamic_temperature", "temperature", form)?;
        Ok(Box::new(DynamicTemperature::new(p.temperature, p.range, p.exponent)?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    temperature: f64,
    #[serde(default)]
    range: f64,
    #[serde(default = "param::unit")]
    exponent: f64,
}

impl DynamicTemperature {
    /// A temperature between `temperature − range` and `temperature + range`.
    ///
    /// # Errors
    /// A negative parameter, NaN or infinity.
    pub fn new(temperature: f64, range: f64, exponent: f64) -> Result<Self> {
        let named = [("temperature", temperature), ("range", range), ("exponent", exponent)];
        for (name, value) in named {
            let name = format!("dynamic_temperature {name}");
            param::check(&name, value, value >= 0.0 && value.is_finite(), "a finite number, 0 or more")?;
        }
        Ok(DynamicTemperature { temperature, range, exponent })
    }

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

impl Processor for DynamicTemperature {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        json!({"temperature": self.temperature, "range": self.range, "exponent": self.exponent})
    }

    fn is_off(&self) -> bool {
        self.temperature == 1.0 && self.range == 0.0
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, position: usize) -> Result<()> {
        let temperature = if self.range == 0.0 {
            self.temperature
        } else {
            match c.count() {
                0 | 1 => return Ok(()),
                n => self.at(c.entropy() / kernel::ln(n as f64)),
            }
        };
        Temperature::new(temperature)?.apply(c, cx, position)
    }
}
