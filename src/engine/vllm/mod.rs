//! vLLM's samplers: the native one of the V1 runner, and Model Runner V2.

pub(super) mod native;
mod noise;
pub(super) mod v2;

pub(super) use noise::Noise;
pub(super) use v2::columns;

use super::shared::filters::Filter;
use super::shared::plan::{Allowed, POSITIVE, Plan, saturate};
use crate::Result;

const PENALTY: Allowed = ("in [-2, 2]", |v| (-2.0..=2.0).contains(&v));
const TOP_P: Allowed = ("in (0, 1]", |v| v > 0.0 && v <= 1.0);

/// The penalties, unless all are off.
fn penalties(plan: &Plan<'_>) -> Result<Option<Filter>> {
    let p = plan.params;
    let repetition = plan.real("repetition_penalty", p.repetition_penalty, POSITIVE)?;
    let frequency = plan.real("frequency_penalty", p.frequency_penalty, PENALTY)?;
    let presence = plan.real("presence_penalty", p.presence_penalty, PENALTY)?;
    let filter = Filter::Penalties {
        repetition: repetition.unwrap_or(1.0) as f32,
        frequency: frequency.unwrap_or(0.0) as f32,
        presence: presence.unwrap_or(0.0) as f32,
    };
    let off = Filter::Penalties { repetition: 1.0, frequency: 0.0, presence: 0.0 };
    Ok((filter != off).then_some(filter))
}

/// top_k: −1 is vLLM's other spelling of off.
fn top_k(plan: &Plan<'_>) -> Result<Option<usize>> {
    let allowed = "a whole number, at least 0 (0 and -1 are off)";
    let k = plan.whole("top_k", plan.params.top_k, -1, allowed)?;
    Ok(k.filter(|&k| k > 0).map(saturate))
}
