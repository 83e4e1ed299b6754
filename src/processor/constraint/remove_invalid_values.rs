use crate::processor::method::*;
use crate::processor::switch::OnOff;

/// Repairs invalid logits: NaN becomes 0, +∞ the largest and −∞ the smallest finite f32.
///
/// transformers, `InfNanRemoveLogitsProcessor`.
///
/// - `value`: `true`; disabling value `false`.
///
/// Without it a row with NaN or +∞ is an error. It makes every token possible that is masked or removed at its place in the chain:
/// with probability 0, unless no token has another score. Processors before it see NaN and +∞ as masked, where transformers
/// computes with them (and a softmax over them is NaN throughout).
///
/// ```
/// use tokpick::processor::{Chain, remove_invalid_values};
///
/// let chain = Chain::new([remove_invalid_values(true)]);
/// let kept = chain.on(&[f32::NAN, -1.0, f32::NEG_INFINITY])?;
/// assert_eq!(kept.members().map(|m| m.1 as f32).collect::<Vec<_>>(), [0.0, -1.0, f32::MIN]);
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn remove_invalid_values(on: bool) -> Stage {
    METHOD.stage(on)
}

pub(super) static INFO: Info = Info {
    name: "remove_invalid_values",
    summary: "repairs NaN and infinite logits instead of refusing them",
    source: "transformers 5",
    off: Off::False,
    flags: &[Flag::value("remove-invalid-values", Switch)],
    needs: Needs { invalid: true, ..Needs::NOTHING },
    places: Places { hf: (Logits, 12), llama_cpp: (Row, 0), vllm: (Row, 0) },
    config: Config::Value,
    parse: |form| METHOD.read(form),
    ..Info::CONSTRAINT
};

static METHOD: OnOff = OnOff { info: &INFO, apply: Candidates::repair };
