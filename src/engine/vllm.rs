//! The formula of vLLM's native sampler, evaluated with torch 2.15.0 on the CPU; vLLM itself was not run.
//!
//! - Seeding: torch's, for the global generator (`seed`) and for each request that has a seed of its own
//!   (`row_seeds`: "0,43,none"; −1 is vLLM's "none").
//! - Consumption: if a row has no generator of its own, the global one gives V doubles for every row, in row order;
//!   the rows with their own then draw V doubles from it instead. If every row has its own, the global one is not
//!   touched. A request that has ended leaves the batch and consumes nothing.
//! - Uniform to token: q = f32(−ln(1 − u)), argmax of p / q: the race of `race`. A row with its own seed therefore draws
//!   the same ids in any batch.
//! - Temperature and truncation: float32; penalties (repetition over prompt and output, frequency and presence over the
//!   output), temperature, min_p, top_k, top_p, as in `torch_filters`. Temperature 0 is greedy: argmax after the
//!   penalties, without the other filters and without random numbers.

use super::{
    Batch, Drawn, EngineError, EngineInfo, Evidence, Params, Replay, ReplayRow, Watch,
    plan::{Allowed, POSITIVE, Plan},
    race, row,
    torch::{SEEDS, generator},
    torch_filters::{self, Filter, Filters},
};
use rand_mt::Mt;

/// See the module.
pub(super) static INFO: EngineInfo = EngineInfo {
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
    build,
};

const TEMPERATURE: Allowed = ("0 (greedy) or in [0.01, 2] (vLLM raises smaller ones to 0.01)", |t| {
    t == 0.0 || (0.01..=2.0).contains(&t)
});
const PENALTY: Allowed = ("in [-2, 2]", |v| (-2.0..=2.0).contains(&v));
const TOP_P: Allowed = ("in (0, 1]", |v| v > 0.0 && v <= 1.0);

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>, EngineError> {
    let plan = Plan::new(&INFO, params)?;
    let greedy = plan.real("temperature", params.temperature, TEMPERATURE)? == Some(0.0);
    plan.real("top_p", params.top_p, TOP_P)?;
    let mut filters = penalties(&plan)?;
    // vLLM's other spelling of off.
    let top_k = params.top_k.filter(|&k| k != -1);
    let temperature = params.temperature.filter(|_| !greedy);
    let rest = Params { top_k, temperature, ..params.clone() };
    let mut rest = torch_filters::plain(&Plan { info: &INFO, params: &rest })?;
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

fn penalties(plan: &Plan<'_>) -> Result<Vec<(&'static str, Filter)>, EngineError> {
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
    Ok(if filter == off { Vec::new() } else { vec![("penalties", filter)] })
}

/// The generators of the rows that have their own.
fn row_seeds(seeds: Option<&str>, batch: usize) -> Result<Vec<Option<Mt>>, EngineError> {
    let Some(seeds) = seeds else {
        return Ok((0..batch).map(|_| None).collect());
    };
    let own = seeds
        .split(',')
        .map(|s| match s.trim() {
            "none" | "-1" => Ok(None),
            s => generator(&INFO, s).map(Some),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if own.len() != batch {
        return Err(EngineError::Setting {
            engine: INFO.name,
            why: format!(
                "row_seeds names {} rows, the batch has {batch}; write none for a row without a seed",
                own.len()
            ),
        });
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

    fn step(
        &mut self,
        rows: &[ReplayRow<'_>],
        watch: Watch,
        out: &mut Vec<Drawn>,
    ) -> Result<(), EngineError> {
        out.clear();
        let v = row::check(INFO.name, rows, self.own.len())?;
        let mut live = rows.iter().zip(&self.own).filter(|(r, _)| !r.finished);
        let global = live.any(|(_, own)| own.is_none());
        for (row, (input, own)) in rows.iter().zip(&mut self.own).enumerate() {
            if input.finished {
                continue;
            }
            let (id, evidence) = if self.greedy {
                self.filters.apply(INFO.name, row, input)?;
                greedy(&self.filters.scores, watch)
            } else {
                self.filters.probabilities(INFO.name, row, input)?;
                let probs = &self.filters.probs;
                match own {
                    Some(mt) => {
                        if global {
                            race::skip(v, &mut self.global);
                        }
                        race::race(probs, mt, &mut self.scores, watch)
                    }
                    None => race::race(probs, &mut self.global, &mut self.scores, watch),
                }
            };
            out.push(Drawn { row, id, evidence });
        }
        Ok(())
    }
}

/// The best score, the lowest id on ties.
pub(super) fn greedy(scores: &[f32], watch: Watch) -> (u32, Option<Evidence>) {
    let winner = row::argmax(scores);
    let evidence =
        (watch == Watch::Evidence).then(|| Evidence::Race { scores: scores.into(), ratios: false, winner });
    (winner, evidence)
}
