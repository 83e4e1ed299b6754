use serde_json::Value;

use super::{Candidates, Context, Info, Kind, Processor, param, slack};
use crate::{Result, kernel};

/// Tail-free sampling (z): cuts where the curve of the sorted probabilities has become flat.
///
/// With the probabilities sorted, `p₁ ≥ p₂ ≥ …`: `wᵢ = |pᵢ − 2pᵢ₊₁ + pᵢ₊₂|`, normalised to sum 1; the token of rank i + 1 stays if
/// `w₁ + … + wᵢ ≤ z`. The best token always stays. Bricken & Phénix 2019, *Tail Free Sampling*.
///
/// - `value`: z in [0, 1]; disabling value 1; z = 0 keeps the best token and its ties. The authors use 0.9 to 0.95.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Tokens tied with the last kept one are kept; the sum may reach z · (1 + 1e-6). Engines count the rank differently: this is
/// KoboldAI's and text-generation-webui's; the authors' own code keeps one token more, llama.cpp (until 2024) one less. Where the
/// curve is straight (Σ|second differences| ≤ 1e-6 · p₁) there is no tail, and nothing is removed.
///
/// ```
/// use tokpick::{processor::Candidates, settings};
/// use tokpick::source::Row;
///
/// let p: [f32; 5] = [0.6, 0.2, 0.1, 0.06, 0.04];
/// let mut c = Candidates::default();
/// c.load(&mut Row::dense(p.map(f32::ln).to_vec()), 0, 0)?;
/// settings::chain("tail_free=0.9")?.apply_alone(&mut c)?;
/// assert_eq!(c.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TailFree {
    value: f64,
    min_tokens_to_keep: usize,
}

pub(super) static INFO: Info = Info {
    name: "tail_free",
    kind: Kind::Truncation,
    flag: "--tail-free",
    off: "1",
    summary: "cuts the tail where the curve of the sorted probabilities has become flat",
    source: "Bricken & Phénix 2019",
    parse: |form| {
        let p: param::Threshold<f64> = param::read("tail_free", "value", form)?;
        Ok(Box::new(TailFree::new(p.value, p.min_tokens_to_keep)?))
    },
};

impl TailFree {
    /// The tokens before the tail at z = `value`, and at least `min_tokens_to_keep`.
    ///
    /// # Errors
    /// z outside [0, 1].
    pub fn new(value: f64, min_tokens_to_keep: usize) -> Result<Self> {
        param::check("tail_free", value, (0.0..=1.0).contains(&value), "from 0 to 1 (1 keeps all)")?;
        Ok(TailFree { value, min_tokens_to_keep })
    }
}

impl Processor for TailFree {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn json(&self) -> Value {
        param::write(self.value, self.min_tokens_to_keep)
    }

    fn is_off(&self) -> bool {
        self.value == 1.0
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _position: usize) -> Result<()> {
        let best = c.max_score();
        let mut weights: Vec<f64> = c.members().map(|(_, score)| score - best).collect();
        weights.sort_unstable_by(|a, b| b.total_cmp(a));
        kernel::each(&mut weights, kernel::exp);
        if let Some(cut) = c.kth_best(before_tail(&weights, self.value)) {
            c.keep_cut(cut, self.min_tokens_to_keep);
        }
        Ok(())
    }
}

/// How many of the falling weights (the first one is 1) come before the tail.
fn before_tail(weights: &[f64], z: f64) -> usize {
    let bend = |w: &[f64]| ((w[0] - w[1]) - (w[1] - w[2])).abs();
    let total: f64 = weights.windows(3).map(bend).sum();
    if total <= slack::LOGIT {
        return weights.len();
    }
    let bound = slack::at_most(z) * total;
    let mut sum = 0.0;
    1 + weights
        .windows(3)
        .map(bend)
        .take_while(|b| {
            sum += b;
            sum <= bound
        })
        .count()
}
