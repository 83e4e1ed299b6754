use super::threshold::Threshold;
use crate::processor::method::*;

/// P-less-norm: as p-less, but milder: chance agreement is taken off the threshold.
///
/// `kept = { x : p(x) ≥ (n·Σ p² − 1) / (n − 1) }`, n the number of candidates: p-less's threshold less the probability that two
/// draws agree by chance, relative to what that leaves. 0 where all are equally probable, 1 where one is certain; never above the
/// largest probability. Tan, Wu & Howard 2025, *p-less Sampling: A Robust Hyperparameter-Free Approach for LLM Decoding*, their second
/// method.
///
/// - `value`: `true`, or `false` (also 1 and 0); disabling value `false`.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// A single candidate stays. Masked tokens and those that are gone don't count in n. Equality stays, at the threshold · (1 − 1e-6).
///
/// ```
/// use tokpick::processor::{Chain, p_less_norm};
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let kept = Chain::new([p_less_norm(true, 1)?]).on(&p.map(f32::ln))?; // (4 · 0.36 − 1) / 3 = 0.147
/// assert_eq!(kept.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn p_less_norm(on: bool, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(param::Switch(on), min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "p_less_norm",
    summary: "keeps the tokens at least as probable as two draws are to agree beyond chance",
    source: "Tan, Wu & Howard 2025",
    off: Off::False,
    flags: &[Flag::value("p-less-norm", Switch)],
    parse: |form| RULE.read(form),
    ..Info::TRUNCATION
};

static RULE: Threshold<param::Switch> = Threshold {
    info: &INFO,
    range: (|_| true, "true or false"),
    keep: |c, _, least| {
        let n = c.count() as f64;
        if n > 1.0 {
            // of equal probabilities the sum may be a rounding below 1/n
            let threshold = ((n * c.collision() - 1.0) / (n - 1.0)).max(0.0);
            let cut = c.cut_at_probability(slack::at_least(threshold));
            c.keep_cut(cut, least);
        }
    },
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::processor::Chain;

    fn kept(p: &[f32], least: usize) -> Vec<TokenId> {
        let row: Vec<f32> = p.iter().map(|p| p.ln()).collect();
        let chain = Chain::new([p_less_norm(true, least).unwrap()]);
        chain.on(&row).unwrap().members().map(|(id, _)| id).collect()
    }

    /// Probabilities, the least number, what stays; by hand from the paper's formula.
    #[test]
    fn cases() {
        let cases: [(&[f32], usize, &[TokenId]); 8] = [
            (&[1.0], 1, &[0]),
            (&[0.0, 1.0, 0.0], 1, &[1]),         // n = 1: masked tokens don't count
            (&[0.5, 0.5], 1, &[0, 1]),           // 0
            (&[0.25; 4], 1, &[0, 1, 2, 3]),      // 0
            (&[0.9, 0.1], 1, &[0]),              // 2 · 0.82 − 1 = 0.64
            (&[0.5, 0.3, 0.1, 0.1], 1, &[0, 1]), // 0.1467
            (&[0.5, 0.3, 0.1, 0.1], 3, &[0, 1, 2, 3]), // ties at the floor stay
            (&[0.4, 0.2, 0.2, 0.2, 0.0], 1, &[0, 1, 2, 3]), // (4 · 0.28 − 1) / 3 = 0.04
        ];
        for (p, least, want) in cases {
            assert_eq!(kept(p, least), want, "{p:?}, {least}");
        }
    }

    proptest! {
        /// What the formula keeps in plain f64 is kept, away from the threshold; the best token always.
        #[test]
        fn keeps_what_the_formula_keeps(row in prop::collection::vec(-8.0f32..8.0, 1..200), t in 0.05..3.0f32) {
            let row: Vec<f32> = row.iter().map(|x| x / t).collect();
            let best = row.iter().copied().fold(f32::MIN, f32::max);
            let weights: Vec<f64> = row.iter().map(|&x| (f64::from(x) - f64::from(best)).exp()).collect();
            let total: f64 = weights.iter().sum();
            let p: Vec<f64> = weights.iter().map(|w| w / total).collect();
            let n = p.len() as f64;
            let threshold = if n > 1.0 { (n * p.iter().map(|p| p * p).sum::<f64>() - 1.0) / (n - 1.0) } else { 0.0 };
            let chain = Chain::new([p_less_norm(true, 1).unwrap()]);
            let c = chain.on(&row).unwrap();
            for (id, &p) in p.iter().enumerate() {
                if (p / threshold - 1.0).abs() > 1e-4 {
                    prop_assert_eq!(c.contains(id as TokenId), p >= threshold, "{} {}", p, threshold);
                }
            }
            prop_assert!(row.iter().enumerate().all(|(id, &x)| x < best || c.contains(id as TokenId)));
        }
    }
}
