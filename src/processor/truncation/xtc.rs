use crate::processor::method::*;

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
/// use tokpick::processor::{Chain, xtc};
///
/// let p: [f32; 4] = [0.4, 0.3, 0.2, 0.1];
/// let kept = Chain::new([xtc(1.0, 0.2, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.members().map(|m| m.0).collect::<Vec<_>>(), [2, 3]);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// A probability or threshold outside [0, 1].
pub fn xtc(probability: f64, threshold: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    stage(Xtc { probability, threshold, min_tokens_to_keep })
}

pub(super) static INFO: Info = Info {
    name: "xtc",
    summary: "now and then removes the most probable tokens, all but the least probable of the good ones",
    source: "Weidmann 2024",
    off: Off::Number(0.0),
    flags: &[
        Flag::of("xtc-probability", "probability", Number, ""),
        Flag::of("xtc-threshold", "threshold", Number, "What counts as a top choice for XTC (default 0.1)"),
    ],
    keeps_the_best: false,
    needs: Needs { coin: true, ..Needs::NOTHING },
    places: Places { llama_cpp: (Sampling, 5), ..Places::GUEST_SAMPLING },
    parse: read::<Xtc>,
    ..Info::TRUNCATION
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Xtc {
    probability: f64,
    #[serde(default = "threshold")]
    threshold: f64,
    #[serde(default = "param::one", skip_serializing_if = "param::is_one")]
    min_tokens_to_keep: usize,
}

fn threshold() -> f64 {
    0.1
}

impl Method for Xtc {
    const INFO: &'static Info = &INFO;

    fn check(&self) -> Result<()> {
        let fits = |x: f64| (0.0..=1.0).contains(&x);
        let (probability, threshold) = (self.probability, self.threshold);
        param::check("xtc probability", probability, fits(probability), "from 0 to 1 (0 is off)")?;
        param::check("xtc threshold", threshold, fits(threshold), "from 0 to 1 (above 0.5 is off)")
    }

    fn is_off(&self) -> bool {
        self.probability == 0.0 || self.threshold > 0.5
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
