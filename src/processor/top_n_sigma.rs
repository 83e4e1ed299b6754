use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::Result;

/// Top-nσ: keeps the tokens whose logit is at most n standard deviations below the largest.
///
/// `kept = { x : score(x) ≥ max − n·σ }`, σ the population standard deviation over the scores of the candidates. Tang et al. 2024,
/// *Top-nσ: Not All Logits Are You Need*. Temperature before it changes nothing.
///
/// - `value`: n; disabling value 0, and, as in llama.cpp, everything below it. The authors use 1.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Masked and removed tokens are left out of mean and σ. Equality stays, with a slack of 1e-6 nats. llama.cpp (0c1e570) does the
/// same in f32; other implementations use the sample standard deviation, which divides by count − 1.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 4] = [0.1, 0.2, 0.3, 0.4];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("top_n_sigma=1")?.apply_alone(&mut c)?;
/// assert_eq!(c.members().map(|m| m.0).collect::<Vec<_>>(), [2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopNSigma {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "top_n_sigma",
    kind: Kind::Truncation,
    flag: "--top-n-sigma",
    off: "0",
    summary: "keeps the logits at most n standard deviations below the largest",
    source: "Tang et al. 2024",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("top_n_sigma", "value", form)?;
        Ok(Box::new(TopNSigma::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl TopNSigma {
    /// Tokens at most n = `value` standard deviations below the best, and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// NaN or infinity.
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check("top_n_sigma", value, value.is_finite(), "a finite number (0 or less keeps all)")?;
        Ok(TopNSigma { value, min_tokens_to_keep })
    }
}

impl Processor for TopNSigma {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::write(self.value, self.min_tokens_to_keep)
    }

    fn is_off(&self) -> bool {
        self.value <= 0.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let (best, count) = (c.max_score(), c.count() as f64);
        let below = |(_, score): (_, f64)| best - score;
        let mean = c.members().map(below).sum::<f64>() / count;
        let variance = c.members().map(below).map(|b| (b - mean) * (b - mean)).sum::<f64>() / count;
        let cut = c.cut_below_best(self.value * variance.sqrt() + slack::LOGIT);
        c.keep_cut(cut, self.min_tokens_to_keep);
        Ok(())
    }
}
