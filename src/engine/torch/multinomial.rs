//! torch 2.15.0 on the CPU: `torch.multinomial(softmax(logits), n, replacement)`, n draws in one call.
//!
//! - Seeding and uniforms as in `torch`.
//! - With replacement, n > 1: running sums of the probabilities from left to right in float32, each divided by the last
//!   one in float32, the last set to 1; for each draw one double u, and the first id whose sum is ≥ u, compared in
//!   float64. No race.
//! - Without replacement, or n = 1: one exponential race over V doubles; the ids are the n largest ratios, falling.
//! - Consumption: a step is a call: n doubles for each row with replacement, V without, in row order.
//! - Temperature and truncation as in `torch`.

use crate::draw::Filtered;
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Evidence, Params, Replay, ReplayRow, Watch,
    shared::{
        filters::{self, Filters},
        float,
        plan::{Plan, saturate},
        race, row,
        torch::{SEEDS, check_categories, generator},
        uniform,
    },
};
use crate::kernel::Mt;
use crate::{Error, Result};
use std::sync::Arc;

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "torch-multinomial",
    version: "torch 2.15.0, CPU",
    method: "torch.multinomial(probs, num_samples, replacement): inverse CDF in float32 with replacement, a race without",
    reproduced: "n draws in each call, for one row or a batch",
    not_reproduced: "CUDA; softmax sums of processors without AVX-512 (at V = 32000 they change one id in a thousand); drawing more ids without replacement than have a probability above 0; which of several equal logits top_p keeps",
    parameters: &["temperature", "top_k", "top_p", "num_samples", "replacement"],
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
    let n = plan.whole("num_samples", params.num_samples, 1, "a whole number, at least 1")?;
    Ok(Box::new(Multinomial {
        filters: Filters::new(filters),
        mt: generator(&INFO, seed)?,
        batch,
        n: saturate(n.unwrap_or(1)),
        replacement: params.replacement.unwrap_or(false),
        scores: Vec::new(),
    }))
}

struct Multinomial {
    filters: Filters,
    mt: Mt,
    batch: usize,
    n: usize,
    replacement: bool,
    /// The scores of a race, or the running sums.
    scores: Vec<f32>,
}

impl Replay for Multinomial {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        let v = row::check(INFO.name, rows, self.batch)?;
        check_categories(INFO.name, v)?;
        let inverse = self.replacement && self.n > 1;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                race::skip(if inverse { self.n } else { v }, &mut self.mt);
                continue;
            }
            self.filters.probabilities(INFO.name, row, input, watch)?;
            let stages = self.filters.log.take();
            if inverse {
                self.with_replacement(row, watch, &stages, out);
            } else {
                self.without_replacement(row, watch, &stages, out)?;
            }
        }
        Ok(())
    }
}

impl Multinomial {
    fn with_replacement(&mut self, row: usize, watch: Watch, stages: &[Filtered], out: &mut Vec<Drawn>) {
        let sums = &mut self.scores;
        sums.clear();
        let mut sum = 0f32;
        sums.extend(self.filters.probs.iter().map(|&p| {
            sum += p;
            sum
        }));
        sums.iter_mut().for_each(|c| *c /= sum);
        if let Some(last) = sums.last_mut() {
            *last = 1.0;
        }
        let tables = watch.evidence().then(|| {
            let ids: Arc<[u32]> = (0..sums.len() as u32).collect();
            let upper: Arc<[f64]> = sums.iter().map(|&c| f64::from(c)).collect();
            (ids, upper)
        });
        for _ in 0..self.n {
            let u = uniform::torch_f64(&mut self.mt);
            let id = sums.partition_point(|&c| f64::from(c) < u) as u32;
            let evidence =
                tables.clone().map(|(ids, upper)| Evidence::Interval { uniform: u, ids, upper, winner: id });
            out.push(Drawn { row, id, evidence, stages: stages.to_vec() });
        }
    }

    fn without_replacement(
        &mut self,
        row: usize,
        watch: Watch,
        stages: &[Filtered],
        out: &mut Vec<Drawn>,
    ) -> Result<()> {
        let possible = self.filters.probs.iter().filter(|&&p| p > 0.0).count();
        if self.n > possible {
            return Err(Error::engine_row(
                INFO.name,
                row,
                format!(
                    "{} ids without replacement, but only {possible} have a probability above 0; torch would add others in no defined order",
                    self.n
                ),
            ));
        }
        race::run(&self.filters.probs, &mut self.mt, &mut self.scores);
        let scores = &self.scores;
        let mut ids: Vec<u32> = (0..scores.len() as u32).collect();
        // torch's topk holds NaN for the largest, as this order does.
        let falling = |&a: &u32, &b: &u32| scores[b as usize].total_cmp(&scores[a as usize]);
        if self.n < ids.len() {
            ids.select_nth_unstable_by(self.n - 1, falling);
            ids.truncate(self.n);
        }
        ids.sort_by(falling);
        let table = watch.evidence().then(|| float::widen(scores));
        for id in ids {
            let evidence = table.clone().map(|scores| Evidence::race(scores, true, id));
            out.push(Drawn { row, id, evidence, stages: stages.to_vec() });
        }
        Ok(())
    }
}
