use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::{Result, kernel};

/// Top-h: keeps the best tokens as long as their share of the entropy stays below h.
///
/// Only the 100 best tokens take part. With q their softmax: `kept = { x : Σ −q ln q over x and what is better ≤ h · H(q) }`, and
/// the best token. Potraghloo et al. 2025, *Top-H Decoding*, as transformers 5 (`TopHLogitsWarper`) does it.
///
/// - `value`: h in (0, 1]. No value disables it: h = 1 still removes all beyond the 100th. The authors use 0.4.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Of tied tokens all stay if the terms of the strictly better ones plus one of their own fit, also where they go beyond the 100th.
/// The bound is inclusive, at h · H · (1 + 1e-6), so h = 1 keeps the 100th; in transformers that hangs on f32 rounding.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("top_h=0.7")?.apply_alone(&mut c)?;
/// assert_eq!(c.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopH {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "top_h",
    kind: Kind::Truncation,
    flag: "--top-h",
    off: "none",
    summary: "keeps the best tokens as long as their share of the entropy stays below h",
    source: "Potraghloo et al. 2025",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("top_h", "value", form)?;
        Ok(Box::new(TopH::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl TopH {
    /// The best tokens with the share h = `value` of the entropy, and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// h outside (0, 1].
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check("top_h", value, value > 0.0 && value <= 1.0, "above 0 and at most 1")?;
        Ok(TopH { value, min_tokens_to_keep })
    }
}

impl Processor for TopH {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::write(self.value, self.min_tokens_to_keep)
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let best = c.max_score();
        let below: Vec<f64> = c.ranked(TAKE_PART).iter().map(|&(_, score)| best - score).collect();
        if let Some(cut) = c.kth_best(fitting(&below, self.value)) {
            c.keep_cut(cut, self.min_tokens_to_keep);
        }
        Ok(())
    }
}

/// How many of the best tokens take part.
const TAKE_PART: usize = 100;

/// How many tokens fit, given how far each is below the best one (ascending).
fn fitting(below: &[f64], h: f64) -> usize {
    // −ln q of the best token: the sum leaves its own weight of 1 out, so that a tiny rest isn't lost beside it
    let least = kernel::ln_1p(below.iter().skip(1).map(|&b| kernel::exp(-b)).sum());
    let term = |b: f64| kernel::exp(-(b + least)) * (b + least);
    let bound = slack::at_most(h * below.iter().map(|&b| term(b)).sum::<f64>());
    let mut sum = 0.0;
    let mut kept = 0;
    for group in below.chunk_by(|a, b| a == b) {
        if kept > 0 && sum + term(group[0]) > bound {
            break;
        }
        sum += term(group[0]) * group.len() as f64;
        kept += group.len();
    }
    kept
}
