use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param};
use crate::{Error, Result};

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
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(vec![1.0, 3.0]), 0, 0)?;
/// settings::chain("temperature=0.5")?.apply_alone(&mut c)?;
/// assert_eq!(c.score(1), Some(6.0));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature {
    value: f64,
}

pub(super) static INFO: Info = Info {
    name: "temperature",
    kind: Kind::Shape,
    flag: "--temperature",
    off: "1",
    summary: "divides every logit by T: below 1 sharper, above 1 flatter, 0 greedy",
    source: "Ackley, Hinton & Sejnowski 1985",
    parse: |form| {
        let p: param::Number = param::read("temperature", "value", form)?;
        Ok(Box::new(Temperature::new(p.value)?))
    },
};

impl Temperature {
    /// A temperature T ≥ 0.
    ///
    /// # Errors
    /// A negative T, NaN or infinity.
    pub fn new(value: f64) -> Result<Self> {
        param::check("temperature", value, value >= 0.0 && value.is_finite(), "a finite number, 0 or more")?;
        Ok(Temperature { value })
    }
}

impl Processor for Temperature {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        self.value.into()
    }

    fn is_off(&self) -> bool {
        self.value == 1.0
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, _position: usize) -> Result<()> {
        if self.value > 0.0 {
            // 1/T of a denormal T is infinite; the largest finite factor sharpens as much as anything can
            c.scale((1.0 / self.value).min(f64::MAX));
            return Ok(());
        }
        let best = c.argmax().ok_or_else(|| {
            Error::decode(crate::Place::row(cx.sequence, cx.step), "temperature 0 finds no candidate")
        })?;
        c.keep_ids(&[best]);
        Ok(())
    }
}
