use super::threshold::Threshold;
use crate::processor::method::*;

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
/// use tokpick::processor::{Chain, tail_free};
///
/// let p: [f32; 5] = [0.6, 0.2, 0.1, 0.06, 0.04];
/// let kept = Chain::new([tail_free(0.9, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// z outside [0, 1].
pub fn tail_free(z: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(z, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "tail_free",
    summary: "cuts the tail where the curve of the sorted probabilities has become flat",
    source: "Bricken & Phénix 2019",
    off: Off::Number(1.0),
    flags: &[Flag::value("tail-free", Number).also(&["tfs", "tfs-z"])],
    parse: |form| RULE.read(form),
    ..Info::TRUNCATION
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (|z| (0.0..=1.0).contains(&z), "from 0 to 1"),
    keep: |c, z, least| {
        let best = c.max_score();
        let mut weights: Vec<f64> = c.members().map(|(_, score)| score - best).collect();
        weights.sort_unstable_by(|a, b| b.total_cmp(a));
        kernel::each(&mut weights, kernel::exp);
        if let Some(cut) = c.kth_best(before_tail(&weights, z)) {
            c.keep_cut(cut, least);
        }
    },
};

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
