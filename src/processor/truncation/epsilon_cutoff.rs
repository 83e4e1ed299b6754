use super::threshold::Threshold;
use crate::processor::method::*;

/// Epsilon cutoff: removes the tokens less probable than ε.
///
/// `kept = { x : p(x) ≥ ε }`, and the best token with its ties. Hewitt, Manning & Liang 2022, *Truncation Sampling as Language Model
/// Desmoothing*.
///
/// - `value`: ε in [0, 1); disabling value 0. The authors use 3e-4 to 9e-4.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at ε · (1 − 1e-6). transformers compares f32 probabilities.
///
/// ```
/// use tokpick::processor::{Chain, epsilon_cutoff};
///
/// let p: [f32; 4] = [0.5, 0.3, 0.1, 0.1];
/// let kept = Chain::new([epsilon_cutoff(0.3, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.count(), 2);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// ε outside [0, 1).
pub fn epsilon_cutoff(epsilon: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(epsilon, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "epsilon_cutoff",
    summary: "removes the tokens less probable than epsilon",
    source: "Hewitt, Manning & Liang 2022",
    off: Off::Number(0.0),
    flags: &[Flag::value("epsilon-cutoff", Number)],
    places: Places { hf: (Sampling, 6), ..Places::GUEST_SAMPLING },
    config: Config::ValueUnless(|epsilon| epsilon <= 0.0 || epsilon >= 1.0),
    parse: |form| RULE.read(form),
    ..Info::WARPER
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (|epsilon| (0.0..1.0).contains(&epsilon), "at least 0 and below 1"),
    keep: |c, epsilon, least| {
        let cut = c.cut_at_probability(slack::at_least(epsilon));
        c.keep_cut(cut, least);
    },
};
