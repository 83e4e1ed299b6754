use crate::processor::method::*;
use crate::processor::switch::OnOff;

/// Renormalisation: scores become log-probabilities of the candidates.
///
/// `score ← score − ln Σ exp(score)`. transformers, `LogitNormalization`.
///
/// - `value`: `true`; disabling value `false`.
///
/// The distribution stays as it is. What looks at the scores themselves sees the change: repetition penalty, softcap, beam search.
///
/// ```
/// use tokpick::processor::{Chain, renormalize_logits};
///
/// let kept = Chain::new([renormalize_logits(true)]).on(&[5.0, 5.0])?;
/// assert!((kept.max_score() - 0.5_f64.ln()).abs() < 1e-6);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn renormalize_logits(on: bool) -> Stage {
    METHOD.stage(on)
}

pub(super) static INFO: Info = Info {
    name: "renormalize_logits",
    summary: "turns scores into log-probabilities",
    source: "transformers 5",
    off: Off::False,
    flags: &[Flag::value("renormalize-logits", Switch)],
    places: Places { hf: (End, 0), llama_cpp: (GuestSampling, 99), vllm: (GuestSampling, 99) },
    config: Config::Value,
    parse: |form| METHOD.read(form),
    ..Info::SHAPE
};

static METHOD: OnOff = OnOff {
    info: &INFO,
    apply: |c| {
        if !c.is_empty() {
            c.log_softmax();
        }
    },
};
