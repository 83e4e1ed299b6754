//! torch 2.15.0 on the CPU: `torch.multinomial(softmax(logits), 1)` on one sequence, or on a batch with one generator.
//!
//! - Seeding: `manual_seed(z)` is MT19937 with `init_genrand(z mod 2³²)`. The upper bits are ignored (2⁴⁰ + 7 draws
//!   like 7); −1 is 2⁶⁴ − 1.
//! - Words to uniform: a double from two words, the high one first, of which the low 53 bits count.
//! - Uniform to token: the exponential race of `race`, one double for each token of the vocabulary.
//! - Consumption: V doubles a row, rows in order. A script knows no end of sequence, so finished rows consume too.
//! - Temperature and truncation: float32, temperature, top_k, top_p, as in `torch_filters`; then softmax in float32.
//!
//! torch draws from at most 2²⁴ categories. The race's winner hangs on an ulp of the softmax only where two ratios agree
//! to 1e-7.

use super::{
    Batch, Drawn, EngineError, EngineInfo, Params, Replay, ReplayRow, Watch,
    plan::Plan,
    race, row, seed,
    torch_filters::{self, Filters},
};
use rand_mt::Mt;

/// See the module.
pub(super) static INFO: EngineInfo = EngineInfo {
    name: "torch",
    version: "torch 2.15.0, CPU",
    method: "softmax in float32, then torch.multinomial(probs, 1, generator=g): an exponential race over MT19937",
    reproduced: "one sequence, or a batch [B, V] with one generator; the upper half of the seed is ignored, as in torch",
    not_reproduced: "CUDA (Philox), probabilities in half precision or float64; which of several equal logits top_p keeps",
    parameters: &torch_filters::PLAIN,
    order: &torch_filters::PLAIN,
    reorders: true,
    seeds: SEEDS,
    batch: Batch::Shared,
    build,
};

/// What `torch.manual_seed` takes.
pub(super) const SEEDS: &str = "a whole number from -2^63 to 2^64 - 1, of which the low 32 bits count";

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>, EngineError> {
    let plan = Plan::new(&INFO, params)?;
    let filters = plan.arrange(torch_filters::plain(&plan)?)?;
    Ok(Box::new(Torch::new(&INFO, filters, seed, batch)?))
}

/// The generator that `torch.manual_seed` leaves.
pub(super) fn generator(info: &'static EngineInfo, seed: &str) -> Result<Mt, EngineError> {
    let z = seed::whole(info, seed, i128::from(i64::MIN), i128::from(u64::MAX))?;
    Ok(Mt::new(z as u32))
}

/// Refuses more categories than `torch.multinomial` does.
pub(super) fn check_categories(engine: &'static str, v: usize) -> Result<(), EngineError> {
    if v > 1 << 24 {
        return Err(EngineError::Row {
            engine,
            row: 0,
            why: format!("torch.multinomial takes at most 2^24 tokens, the vocabulary has {v}"),
        });
    }
    Ok(())
}

/// A batch that shares one generator; transformers draws in the same way.
pub(super) struct Torch {
    info: &'static EngineInfo,
    filters: Filters,
    mt: Mt,
    batch: usize,
    scores: Vec<f32>,
}

impl Torch {
    pub(super) fn new(
        info: &'static EngineInfo,
        filters: Vec<torch_filters::Filter>,
        seed: &str,
        batch: usize,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            info,
            filters: Filters::new(filters),
            mt: generator(info, seed)?,
            batch,
            scores: Vec::new(),
        })
    }
}

impl Replay for Torch {
    fn engine(&self) -> &'static EngineInfo {
        self.info
    }

    fn step(
        &mut self,
        rows: &[ReplayRow<'_>],
        watch: Watch,
        out: &mut Vec<Drawn>,
    ) -> Result<(), EngineError> {
        out.clear();
        let v = row::check(self.info.name, rows, self.batch)?;
        check_categories(self.info.name, v)?;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                race::skip(v, &mut self.mt);
                continue;
            }
            self.filters.probabilities(self.info.name, row, input)?;
            let (id, evidence) = race::race(&self.filters.probs, &mut self.mt, &mut self.scores, watch);
            out.push(Drawn { row, id, evidence });
        }
        Ok(())
    }
}
