//! torch 2.15.0 on the CPU: `torch.multinomial(softmax(logits), 1)` on one sequence, or on a batch with one generator.
//!
//! - Seeding: `manual_seed(z)` is MT19937 with `init_genrand(z mod 2³²)`. The upper bits are ignored (2⁴⁰ + 7 draws
//!   like 7); −1 is 2⁶⁴ − 1.
//! - Words to uniform: a double from two words, the high one first, of which the low 53 bits count.
//! - Uniform to token: the exponential race of `shared::race`, one double for each token of the vocabulary.
//! - Consumption: V doubles a row, rows in order. A script knows no end of sequence, so finished rows consume too.
//! - Temperature and truncation: float32, temperature, top_k, top_p, as in `shared::filters`; then softmax in float32.
//!
//! torch draws from at most 2²⁴ categories. The race's winner hangs on an ulp of the softmax only where two ratios agree
//! to 2.5e-7.

use crate::Result;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Params, Replay, ReplayRow, Watch,
    shared::{
        filters::{self, Filters},
        plan::Plan,
        race, row,
        torch::{SEEDS, check_categories, generator},
    },
};
use crate::kernel::Mt;

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "torch",
    version: "torch 2.15.0, CPU",
    method: "softmax in float32, then torch.multinomial(probs, 1, generator=g): an exponential race over MT19937",
    reproduced: "one sequence, or a batch [B, V] with one generator; the upper half of the seed is ignored, as in torch",
    not_reproduced: "CUDA (Philox), probabilities in half precision or float64; which of several equal logits top_p keeps",
    parameters: &filters::PLAIN,
    order: &filters::PLAIN,
    reorders: true,
    seeds: SEEDS,
    batch: Batch::Shared,
    float32_logits: false,
    defaults: Defaults::None,
    note: None,
    releases: &["torch 2.15 scripts, CPU"],
    build,
};

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let plan = Plan::new(&INFO, params)?;
    let filters = plan.arrange(filters::plain(&plan)?)?;
    Ok(Box::new(Torch::new(&INFO, filters, seed, batch)?))
}

/// A batch that shares one generator; transformers draws in the same way.
pub(in crate::engine) struct Torch {
    info: &'static EngineInfo,
    filters: Filters,
    mt: Mt,
    batch: usize,
    scores: Vec<f32>,
}

impl Torch {
    pub(in crate::engine) fn new(
        info: &'static EngineInfo,
        filters: Vec<filters::Filter>,
        seed: &str,
        batch: usize,
    ) -> Result<Self> {
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

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        let v = row::check(self.info.name, rows, self.batch)?;
        check_categories(self.info.name, v)?;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                race::skip(v, &mut self.mt);
                continue;
            }
            let at = (self.info.name, row);
            let (id, evidence) =
                race::race(&mut self.filters, at, input, &mut self.mt, &mut self.scores, watch)?;
            out.push(Drawn { row, id, evidence, stages: self.filters.log.take() });
        }
        Ok(())
    }
}
