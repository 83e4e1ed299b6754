//! The formula of vLLM's native sampler, evaluated with torch 2.15.0 on the CPU; vLLM itself was not run.
//!
//! - Seeding: torch's, for the global generator (`seed`) and for each request that has a seed of its own
//!   (`row_seeds`: "0,43,none"; −1 is vLLM's "none").
//! - Consumption: if a row has no generator of its own, the global one gives V doubles for every row, in row order;
//!   the rows with their own then draw V doubles from it instead. If every row has its own, the global one is not
//!   touched. A request that has ended leaves the batch and consumes nothing.
//! - Uniform to token: q = f32(−ln(1 − u)), argmax of p / q: the race of `shared::race`. A row with its own seed therefore draws
//!   the same ids in any batch.
//! - Temperature and truncation: float32; penalties (repetition over prompt and output, frequency and presence over the
//!   output), temperature, min_p, top_k, top_p, as in `shared::filters`. Temperature 0 is greedy: argmax after the
//!   penalties, without the other filters and without random numbers.

use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Params, Replay, ReplayRow, Watch,
    shared::{
        filters::{self, Filter, Filters},
        plan::{Allowed, Plan},
        race, row,
        torch::{SEEDS, generator},
    },
};
use crate::kernel::Mt;
use crate::{Error, Result};

/// Which name belongs to which release.
const NAMES: &str = "vllm is the native sampler of vLLM's V1 runner, on the CPU; Model Runner V2, which newer releases use by default, draws otherwise: vllm-v2 (0.24 - 0.30), vllm-v2-murmur3 (0.31 - 0.33), each with -fp64 where use_fp64_gumbel is on";

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "vllm",
    version: "vLLM's native sampler on torch 2.15.0, CPU",
    method: "q from the global generator for all rows, then from each row's own generator; argmax(probs / q)",
    reproduced: "a batch with a seed for some or all rows, and the global generator for the others",
    not_reproduced: "CUDA (Philox), FlashInfer, the fused CPU kernel, the float64 Gumbel option; the order into which vLLM moves requests when one has ended; which of several equal logits top_p keeps",
    parameters: &[
        "repetition_penalty",
        "frequency_penalty",
        "presence_penalty",
        "temperature",
        "min_p",
        "top_k",
        "top_p",
        "row_seeds",
    ],
    order: &["penalties", "temperature", "min_p", "top_k", "top_p"],
    reorders: true,
    seeds: SEEDS,
    batch: Batch::RowSeeds,
    float32_logits: true,
    defaults: Defaults::None,
    note: Some(NAMES),
    releases: &["vLLM's V1 runner (before Model Runner V2; or VLLM_USE_V2_MODEL_RUNNER=0), CPU generators"],
    build,
};

const TEMPERATURE: Allowed = ("0 (greedy) or in [0.01, 2] (vLLM raises smaller ones to 0.01)", |t| {
    t == 0.0 || (0.01..=2.0).contains(&t)
});

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let plan = Plan::new(&INFO, params)?;
    let greedy = plan.real("temperature", params.temperature, TEMPERATURE)? == Some(0.0);
    plan.real("top_p", params.top_p, super::TOP_P)?;
    let mut filters: Vec<_> = super::penalties(&plan)?.map(|f| ("penalties", f)).into_iter().collect();
    let top_k = super::top_k(&plan)?.map(|k| k as i64);
    let temperature = params.temperature.filter(|_| !greedy);
    let rest = Params { top_k, temperature, ..params.clone() };
    let mut rest = filters::plain(&Plan { info: &INFO, params: &rest })?;
    if let Some(m) = plan.share("min_p", params.min_p, 0.0)? {
        let at = usize::from(rest.first().is_some_and(|(n, _)| *n == "temperature"));
        rest.insert(at, ("min_p", Filter::MinP(m as f32)));
    }
    if !greedy {
        filters.extend(rest);
    }
    Ok(Box::new(Vllm {
        filters: Filters::new(plan.arrange(filters)?),
        greedy,
        global: generator(&INFO, seed)?,
        own: row_seeds(params.row_seeds.as_deref(), batch)?,
        scores: Vec::new(),
    }))
}

/// The generators of the rows that have their own.
fn row_seeds(seeds: Option<&str>, batch: usize) -> Result<Vec<Option<Mt>>> {
    let Some(seeds) = seeds else {
        return Ok((0..batch).map(|_| None).collect());
    };
    let own = seeds
        .split(',')
        .map(|s| match s.trim() {
            "none" | "-1" => Ok(None),
            s => generator(&INFO, s).map(Some),
        })
        .collect::<Result<Vec<_>>>()?;
    if own.len() != batch {
        return Err(Error::engine(
            INFO.name,
            format!(
                "row_seeds names {} rows, the batch has {batch}; write none for a row without a seed",
                own.len()
            ),
        ));
    }
    Ok(own)
}

struct Vllm {
    filters: Filters,
    greedy: bool,
    global: Mt,
    own: Vec<Option<Mt>>,
    scores: Vec<f32>,
}

impl Replay for Vllm {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        let v = row::check(INFO.name, rows, self.own.len())?;
        let mut live = rows.iter().zip(&self.own).filter(|(r, _)| !r.finished);
        let global = live.any(|(_, own)| own.is_none());
        for (row, (input, own)) in rows.iter().zip(&mut self.own).enumerate() {
            if input.finished {
                continue;
            }
            let (id, evidence) = if self.greedy {
                self.filters.apply(INFO.name, row, input, watch)?;
                row::greedy(&self.filters.scores, watch)
            } else {
                if global && own.is_some() {
                    race::skip(v, &mut self.global);
                }
                let mt = own.as_mut().unwrap_or(&mut self.global);
                race::race(&mut self.filters, (INFO.name, row), input, mt, &mut self.scores, watch)?
            };
            out.push(Drawn { row, id, evidence, stages: self.filters.log.take() });
        }
        Ok(())
    }
}
