//! mlx-lm 0.32.2 with MLX 0.32.4 on the CPU: log-probabilities through `make_sampler(temp, top_p, min_p, top_k)`.
//!
//! - Seeding and the keys of calls as in `mlx`.
//! - Arrays are \[1, V], as mlx-lm passes them: a single row in an array of more than one dimension is drawn by inverse
//!   CDF. m = max x, w = exp(x − m); target = U · Σw with one U = min(f32(f32(word) / 2³²), 1 − 2⁻²⁴); exclusive running
//!   sums c (c₀ = 0) from left to right; id = (number of cᵢ ≤ target) − 1. All in float32. (Older releases use Gumbel
//!   noise throughout.)
//! - Consumption: one key a step.
//! - Temperature and truncation: float32. l = x − logsumexp x; then, where set, top_p (the mass of strictly better
//!   tokens ≥ p · total is dropped, tokens tied with the last kept stay), min_p (l < max l + f32(ln m) is dropped), top_k
//!   (exactly k; among equal ones the lower ids); then l · f32(1 / T): temperature comes last. Temperature 0 is argmax,
//!   without random numbers.
//!
//! mlx-lm's own default temperature is 0; the replay sets nothing.

use super::random::{SEEDS, State, word};
use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Evidence, Params, Replay, ReplayRow, Watch,
    shared::{
        float,
        log::{self, Log},
        plan::{NOT_NEGATIVE, Plan},
        row,
        scores::Scores,
        uniform,
    },
};
use crate::kernel::{self, Scale};
use crate::{Error, Result};

/// See the module.
pub(in crate::engine) static INFO: EngineInfo = EngineInfo {
    name: "mlx-lm",
    version: "mlx-lm 0.32.2, mlx 0.32.4, CPU",
    method: "logprobs = logits - logsumexp(logits); make_sampler(temp, top_p, min_p, top_k)(logprobs) on [1, V]: inverse CDF in float32",
    reproduced: "one sequence; of several, each is a run of its own",
    not_reproduced: "the Metal backend; batched generation; XTC, penalties and logit bias; the order of equal logits in top_k; half types",
    parameters: &ORDER,
    order: &ORDER,
    reorders: true,
    seeds: SEEDS,
    batch: Batch::EachRow,
    float32_logits: false,
    defaults: Defaults::None,
    note: None,
    releases: &["mlx-lm 0.32 with MLX 0.32, CPU"],
    build,
};

const ORDER: [&str; 4] = ["top_p", "min_p", "top_k", "temperature"];

#[derive(Debug, Clone, Copy)]
enum Filter {
    TopP(f32),
    MinP(f32),
    TopK(usize),
    Temperature(f32),
}

impl Filter {
    fn name(self) -> &'static str {
        match self {
            Filter::TopP(_) => "top_p",
            Filter::MinP(_) => "min_p",
            Filter::TopK(_) => "top_k",
            Filter::Temperature(_) => "temperature",
        }
    }
}

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let plan = Plan::new(&INFO, params)?;
    let temperature = plan.real("temperature", params.temperature, NOT_NEGATIVE)?;
    let mut filters = Vec::new();
    // mlx-lm's top_p is off at 0, too.
    if let Some(p) = plan.share("top_p", params.top_p, 1.0)?.filter(|&p| p > 0.0) {
        filters.push(("top_p", Filter::TopP(p as f32)));
    }
    if let Some(m) = plan.share("min_p", params.min_p, 0.0)? {
        filters.push(("min_p", Filter::MinP(float::ln(m) as f32)));
    }
    if let Some(k) = plan.top_k()? {
        filters.push(("top_k", Filter::TopK(k)));
    }
    if let Some(t) = temperature.filter(|&t| t != 0.0 && t != 1.0) {
        filters.push(("temperature", Filter::Temperature((1.0 / t) as f32)));
    }
    let states = (0..batch).map(|_| State::new(&INFO, seed)).collect::<Result<_>>()?;
    Ok(Box::new(MlxLm {
        filters: plan.arrange(filters)?,
        greedy: temperature == Some(0.0),
        states,
        scores: Vec::new(),
        work: Vec::new(),
        starts: Vec::new(),
        order: Vec::new(),
        log: Log::default(),
    }))
}

struct MlxLm {
    filters: Vec<Filter>,
    greedy: bool,
    states: Vec<State>,
    scores: Vec<f32>,
    work: Vec<f32>,
    /// Running sums of spans of `work`.
    starts: Vec<f32>,
    order: Vec<u32>,
    log: Log,
}

impl Replay for MlxLm {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        row::check(INFO.name, rows, self.states.len())?;
        for (row, input) in rows.iter().enumerate() {
            if input.finished {
                continue;
            }
            self.log.start(watch);
            self.log_softmax(input.logits);
            let (id, evidence) = if self.greedy {
                row::greedy(&self.scores, watch)
            } else {
                self.filter(row)?;
                let u = uniform::mlx_f32(word(self.states[row].next_key()));
                self.inverse(u, watch)
            };
            out.push(Drawn { row, id, evidence, stages: self.log.take() });
        }
        Ok(())
    }
}

impl MlxLm {
    fn log_softmax(&mut self, logits: &[f32]) {
        let all = Scores { values: logits, scale: Scale::One };
        let max = all.max();
        all.exp(max, &mut self.work);
        let lse = max + float::ln32(kernel::sums_in_order(&self.work, &mut self.starts));
        self.scores.resize(logits.len(), 0.0);
        kernel::scaled(logits, Scale::One, lse, &mut self.scores);
    }

    fn filter(&mut self, at: usize) -> Result<()> {
        for i in 0..self.filters.len() {
            match self.filters[i] {
                Filter::TopP(p) => self.top_p(p),
                Filter::MinP(ln_m) => {
                    let bound = kernel::max(&self.scores) + ln_m;
                    let low = self.scores.iter_mut().filter(|l| **l < bound);
                    low.for_each(|l| *l = f32::NEG_INFINITY);
                }
                Filter::TopK(k) => self.top_k(k, at)?,
                Filter::Temperature(f) => self.scale(f, at)?,
            }
            self.log.scores(|| self.filters[i].name().to_owned(), log::by_id(&self.scores));
        }
        Ok(())
    }

    /// Multiplies by f32(1 / T); refuses scores that leave float32.
    fn scale(&mut self, factor: f32, at: usize) -> Result<()> {
        self.work.resize(self.scores.len(), 0.0);
        kernel::scaled(&self.scores, Scale::Times(factor), 0.0, &mut self.work);
        std::mem::swap(&mut self.scores, &mut self.work);
        if !kernel::max(&self.scores).is_finite() || kernel::first_invalid(&self.scores).is_some() {
            return Err(row::overflow(INFO.name, at));
        }
        Ok(())
    }

    /// The ids by falling score, equal ones by id.
    fn sort(&mut self) {
        let scores = &self.scores;
        self.order.clear();
        self.order.extend(0..scores.len() as u32);
        self.order.sort_by(|&a, &b| float::rising(scores[b as usize], scores[a as usize]));
    }

    fn top_p(&mut self, p: f32) {
        self.sort();
        self.work.clear();
        let falling = self.order.iter().map(|&i| self.scores[i as usize]);
        self.work.extend(falling.map(float::exp32));
        let total: f32 = self.work.iter().sum();
        let bound = p * total;
        let mut better = 0f32;
        let mut sum = 0f32;
        let mut last = f32::INFINITY;
        for (&i, &e) in self.order.iter().zip(&self.work) {
            let l = &mut self.scores[i as usize];
            if *l < last {
                (better, last) = (sum, *l);
            }
            sum += e;
            if better >= bound {
                *l = f32::NEG_INFINITY;
            }
        }
    }

    fn top_k(&mut self, k: usize, at: usize) -> Result<()> {
        if k >= self.scores.len() {
            return Err(Error::engine_row(
                INFO.name,
                at,
                format!(
                    "top_k is {k}, which mlx-lm takes only below the vocabulary size, {}",
                    self.scores.len()
                ),
            ));
        }
        self.sort();
        for &i in &self.order[k..] {
            self.scores[i as usize] = f32::NEG_INFINITY;
        }
        Ok(())
    }

    fn inverse(&mut self, u: f32, watch: Watch) -> (u32, Option<Evidence>) {
        let scores = Scores { values: &self.scores, scale: Scale::One };
        scores.exp(scores.max(), &mut self.work);
        let sum = kernel::sums_in_order(&self.work, &mut self.starts);
        let target = u * sum;
        // the exclusive sums are 0 and all running ones but the last
        let passed = kernel::first_passed(&self.work, &self.starts, |c| c > target);
        let id = passed.min(self.work.len().saturating_sub(1)) as u32;
        let evidence = watch.evidence().then(|| Evidence::Interval {
            uniform: f64::from(target) / f64::from(sum),
            ids: (0..self.work.len() as u32).collect(),
            upper: uniform::running(&self.work).map(|c| f64::from(c) / f64::from(sum)).collect(),
            winner: id,
        });
        (id, evidence)
    }
}
