use super::threshold::Threshold;
use crate::processor::method::*;

/// Eta cutoff: as the epsilon cutoff, but milder where the distribution is flat.
///
/// `kept = { x : p(x) ≥ η }`, `η = min(ε, √ε · exp(−H))` with the entropy H in nats, and the best token with its ties. Hewitt,
/// Manning & Liang 2022, *Truncation Sampling as Language Model Desmoothing*.
///
/// - `value`: ε in [0, 1); disabling value 0. The authors use 3e-4 to 4e-3.
/// - `min_tokens_to_keep`: at least so many tokens stay (default 1).
///
/// Equality stays, at η · (1 − 1e-6). transformers compares f32 probabilities.
///
/// ```
/// use tokpick::processor::{Chain, eta_cutoff};
///
/// let p: [f32; 4] = [0.25, 0.25, 0.25, 0.25];
/// let kept = Chain::new([eta_cutoff(0.5, 1)?]).on(&p.map(f32::ln))?;
/// assert_eq!(kept.count(), 4);
/// # Ok::<(), tokpick::Error>(())
/// ```
///
/// # Errors
/// ε outside [0, 1).
pub fn eta_cutoff(epsilon: f64, min_tokens_to_keep: usize) -> Result<Stage> {
    RULE.stage(epsilon, min_tokens_to_keep)
}

pub(super) static INFO: Info = Info {
    name: "eta_cutoff",
    summary: "removes the tokens less probable than a threshold that falls with the entropy",
    source: "Hewitt, Manning & Liang 2022",
    off: Off::Number(0.0),
    flags: &[Flag::value("eta-cutoff", Number)],
    places: Places { hf: (Sampling, 7), ..Places::GUEST_SAMPLING },
    config: Config::ValueUnless(|epsilon| epsilon <= 0.0 || epsilon >= 1.0),
    parse: |form| RULE.read(form),
    ..Info::WARPER
};

static RULE: Threshold = Threshold {
    info: &INFO,
    range: (|epsilon| (0.0..1.0).contains(&epsilon), "at least 0 and below 1"),
    keep: |c, epsilon, least| {
        let eta = epsilon.min(epsilon.sqrt() * kernel::exp(-c.entropy()));
        let cut = c.cut_at_probability(slack::at_least(eta));
        c.keep_cut(cut, least);
    },
};
