//! transformers 5.23.0, `generate(do_sample=True)` with torch 2.15.0 on the CPU.
//!
//! - Seeding: `torch.manual_seed(seed)`, as in `torch`.
//! - Uniform to token: softmax of the processed scores in float32, then `torch.multinomial(probs, 1)`: the exponential
//!   race of `shared::race`.
//! - Consumption: one global generator, B · V doubles a step in row order, nothing else. Rows that have ended go on
//!   drawing; what they draw is replaced by the padding id. The run ends when all rows have ended.
//! - Temperature and truncation: float32, in the order in which `generate` builds its list: repetition_penalty (over
//!   prompt and output), temperature, top_k, top_p, min_p, typical_p, as in `shared::filters`.
//!
//! `generate` sets top_k 50 by itself unless the model's generation config says otherwise; the replay sets nothing.

use super::one::Torch;
use crate::Result;
use crate::engine::{
    Batch, Defaults, EngineInfo, Params, Replay,
    shared::{
        filters::{self, Filter},
        plan::{POSITIVE, Plan},
        torch::SEEDS,
    },
};

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "transformers",
    version: "transformers 5.23.0, torch 2.15.0, CPU",
    method: "torch.manual_seed(seed); generate(do_sample=True): one exponential race for each row and step",
    reproduced: "one sequence or a batch; rows go on drawing after their EOS",
    not_reproduced: "CUDA; other processors (top_h, epsilon and eta cutoff, n-grams, biases, watermarks); top_k 50, which generate sets by default; which of several equal logits top_p keeps",
    parameters: &ORDER,
    order: &ORDER,
    reorders: true,
    seeds: SEEDS,
    batch: Batch::Shared,
    float32_logits: true,
    defaults: Defaults::Library(&[("top_k", 50.0)]),
    note: None,
    releases: &["transformers 5.23, CPU"],
    build,
};

const ORDER: [&str; 6] = ["repetition_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p"];

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let plan = Plan::new(&INFO, params)?;
    let mut filters = Vec::new();
    if let Some(r) = plan.real("repetition_penalty", params.repetition_penalty, POSITIVE)?
        && r != 1.0
    {
        filters.push(("repetition_penalty", Filter::Repetition(r as f32)));
    }
    filters.extend(filters::plain(&plan)?);
    if let Some(m) = plan.share("min_p", params.min_p, 0.0)? {
        filters.push(("min_p", Filter::MinP(m as f32)));
    }
    let typical = ("in (0, 1]", (|v| v > 0.0 && v <= 1.0) as fn(f64) -> bool);
    if let Some(mass) = plan.real("typical_p", params.typical_p, typical)?
        && mass < 1.0
    {
        filters.push(("typical_p", Filter::Typical(mass as f32)));
    }
    let filters = plan.arrange(filters)?;
    Ok(Box::new(Torch::new(&INFO, filters, seed, batch)?))
}
