use serde_json::{Value, json};

use super::{Candidates, Context, Cut, Info, Kind, Needs, Processor, param, slack};
use crate::Result;

/// XTC (exclude top choices): now and then removes the most probable tokens, all but the least probable of the good ones.
///
/// With probability `probability`, and if at least two tokens have `p ≥ threshold`: all that are better than the worst of these are
/// removed. P. E. Weidmann 2024 (text-generation-webui); llama.cpp.
///
/// - `probability`: in [0, 1]; disabling value 0.
/// - `threshold`: in [0, 1]; default 0.1. Above 0.5 no two tokens can reach it: nothing happens.
/// - `min_tokens_to_keep`: where fewer would stay, nothing is removed (default 1).
///
/// The coin is addressed by seed, sequence, sample, step and position in the chain, apart from the token's own random number.
/// Tokens tied with the worst good one stay, where llama.cpp leaves one of them. `p ≥ threshold` is inclusive, at
/// threshold · (1 − 1e-6). llama.cpp draws its coin from a generator of the sampler's own.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.4, 0.3, 0.2, 0.1];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("xtc(probability=1,threshold=0.2)")?.apply_alone(&mut c)?;
/// assert_eq!(c.members().map(|m| m.0).collect::<Vec<_>>(), [2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Xtc {
    probability: f64,
    threshold: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "xtc",
    kind: Kind::Truncation,
    flag: "--xtc-probability",
    off: "0",
    summary: "now and then removes the most probable tokens, all but the least probable of the good ones",
    source: "Weidmann 2024",
    parse: |form| {
        let p: Parameters = param::read("xtc", "probability", form)?;
        Ok(Box::new(Xtc::new(p.probability, p.threshold, p.min_tokens_to_keep)?))
    },
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    probability: f64,
    #[serde(default = "threshold")]
    threshold: f64,
    #[serde(default = "param::one")]
    min_tokens_to_keep: usize,
}

fn threshold() -> f64 {
    0.1
}

impl Xtc {
    /// Excludes the top choices above `threshold` with probability `probability`, if `min_tokens_to_keep` tokens stay.
    ///
    /// # Errors
    /// A probability or threshold outside [0, 1].
    pub fn new(probability: f64, threshold: f64, min_tokens_to_keep: usize) -> Result<Self> {
        let unit = 0.0..=1.0;
        param::check("xtc probability", probability, unit.contains(&probability), "from 0 to 1 (0 is off)")?;
        param::check(
            "xtc threshold",
            threshold,
            unit.contains(&threshold),
            "from 0 to 1 (above 0.5 is off)",
        )?;
        Ok(Xtc { probability, threshold, min_tokens_to_keep })
    }
}

impl Processor for Xtc {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        let mut form = json!({"probability": self.probability, "threshold": self.threshold});
        if self.min_tokens_to_keep != 1 {
            form["min_tokens_to_keep"] = self.min_tokens_to_keep.into();
        }
        form
    }

    fn is_off(&self) -> bool {
        self.probability == 0.0 || self.threshold > 0.5
    }

    fn needs(&self) -> Needs {
        Needs { coin: true, ..Needs::default() }
    }

    fn apply(&self, c: &mut Candidates, cx: &Context<'_>, position: usize) -> Result<()> {
        if cx.coins.coin(position) >= self.probability {
            return Ok(());
        }
        let cut = c.cut_at_probability(slack::at_least(self.threshold));
        let good = c.count_at_or_above(cut);
        if good < 2 {
            return Ok(());
        }
        let Some(worst) = c.kth_best(good) else { return Ok(()) };
        let excluded = c.count_at_or_above(worst.above());
        if excluded > 0 && c.count() - excluded >= self.min_tokens_to_keep {
            c.keep_band(Cut::NONE, worst);
        }
        Ok(())
    }
}
