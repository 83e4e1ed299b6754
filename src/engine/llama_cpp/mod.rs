//! llama.cpp, commit 0c1e57098bba (llama-cpp-python 0.3.36; libstdc++, glibc, x86-64).
//!
//! - Seeding: each sampler with a seed owns a `std::mt19937(seed)`; `dist` and `xtc` of one chain get the same seed and
//!   separate generators. The seed 4294967295 means "random" and cannot be replayed.
//! - Words to uniform: a double u = (w₀ + w₁ · 2³²) / 2⁶⁴, low word first; for xtc a float, f32(f32(w) / 2³²).
//! - Uniform to token: `dist` walks the candidates in their current order: e = expf(l − max) (float32), S = Σ e in
//!   float64, the first whose running sum is ≥ S · u. mirostat and adaptive-p draw with `std::discrete_distribution`.
//! - The order of the candidates is the vocabulary's until a sampler sorts: top_k (k > 0), top_p (p < 1), typical, xtc
//!   (whenever its number lets it act), mirostat, and the dynamic temperature leave falling logits; typical leaves rising
//!   |−ln p − H|. It decides which id a given u yields.
//! - Consumption: one double a step, also for a single candidate (mirostat and adaptive-p then draw none), and one float
//!   for xtc.
//! - Filters, float32 throughout: logit bias, penalties (prompt included), dry, top_n_sigma, top_k, typical, top_p, min_p,
//!   xtc, temperature. Temperature comes last: the filters see untempered probabilities. With mirostat: temperature only.
//!   T ≤ 0: all but the best get −∞, and `dist` still draws. `min_tokens_to_keep` is llama.cpp's `min_keep`, for top_p,
//!   min_p, typical and xtc.
//!
//! llama.cpp sets top_k 40, top_p 0.95, min_p 0.05 and temperature 0.8 by default; the replay sets nothing. Left out, the
//! penalties' and dry's windows are 64, the base 1.75, the allowed length 2, the xtc threshold 0.1, τ 5, η 0.1, m 100,
//! the decay 0.9, as in llama.cpp.

use crate::engine::{
    Batch, Defaults, Drawn, EngineInfo, Evidence, Params, Replay, ReplayRow, Watch,
    shared::{
        log::Log,
        row,
        scores::{self, Scores},
        seed, uniform,
    },
};
use crate::{Error, Result};

mod adaptive;
mod candidates;
mod dry;
mod filters;
mod mirostat;
mod penalties;
mod select;
mod settings;

use crate::kernel::{Mt, Scale};
use candidates::Candidates;
use settings::{Settings, Stage, Terminal};

/// See the module.
pub(super) static INFO: EngineInfo = EngineInfo {
    name: "llama.cpp",
    version: "llama.cpp 0c1e57098bba (llama-cpp-python 0.3.36), x86-64, libstdc++, glibc",
    method: "sampler chain in float32, then dist: inverse CDF in candidate order over std::mt19937",
    reproduced: "dist, the default chain with penalties, dry and xtc, mirostat 1 and 2, adaptive-p; of several sequences, each is a run of its own",
    not_reproduced: "infill, grammar, backend sampling; the order of equal logits, and of tokens equally far from the entropy under typical_p (std::sort); typical_p where a probability is 0; a draw within 1e-7 of a boundary (glibc's expf is not always correctly rounded)",
    parameters: &settings::PARAMETERS,
    order: &settings::ORDER,
    reorders: true,
    seeds: "a whole number from 0 to 2^32 - 2 (4294967295 means random)",
    batch: Batch::EachRow,
    float32_logits: true,
    defaults: Defaults::CommandLine(&[
        ("top_k", 40.0),
        ("top_p", 0.95),
        ("min_p", 0.05),
        ("temperature", 0.8),
    ]),
    note: None,
    releases: &["llama.cpp 0c1e57098bba, llama-cpp-python 0.3.36"],
    build,
};

fn build(params: &Params, seed: &str, batch: usize) -> Result<Box<dyn Replay>> {
    let settings = Settings::new(params)?;
    let seed = parse_seed(seed)?;
    let rows = (0..batch).map(|_| Row::new(&settings, seed)).collect();
    Ok(Box::new(LlamaCpp {
        stages: settings.stages,
        rows,
        candidates: Candidates::default(),
        starts: Vec::new(),
        log: Log::default(),
    }))
}

fn parse_seed(text: &str) -> Result<u32> {
    let seed = seed::whole(&INFO, text, -1, i128::from(u32::MAX))?;
    match u32::try_from(seed) {
        Ok(seed) if seed < u32::MAX => Ok(seed),
        _ => Err(seed::refuse(
            &INFO,
            text,
            "llama.cpp takes a random seed for it and does not repeat; use the seed that it printed",
        )),
    }
}

/// The generators and the state of one sequence.
struct Row {
    xtc: Mt,
    chooser: Chooser,
}

enum Chooser {
    Dist(Mt),
    Mirostat(mirostat::Mirostat),
    Adaptive(adaptive::Adaptive),
}

impl Row {
    fn new(settings: &Settings, seed: u32) -> Self {
        let mt = Mt::new(seed);
        let chooser = match settings.terminal {
            Terminal::Dist => Chooser::Dist(mt.clone()),
            Terminal::Mirostat { version, tau, eta } => {
                Chooser::Mirostat(mirostat::Mirostat::new(version, tau, eta, mt.clone()))
            }
            Terminal::Adaptive { target, decay } => {
                Chooser::Adaptive(adaptive::Adaptive::new(target, decay, mt.clone()))
            }
        };
        Self { xtc: mt, chooser }
    }

    fn choose(&mut self, c: &mut Candidates, vocabulary: usize, watch: Watch) -> (usize, Option<Evidence>) {
        match &mut self.chooser {
            Chooser::Dist(mt) => select::dist(c, mt, watch),
            Chooser::Mirostat(m) => m.select(c, vocabulary, watch),
            Chooser::Adaptive(a) => a.select(c, watch),
        }
    }
}

struct LlamaCpp {
    stages: Vec<Stage>,
    rows: Vec<Row>,
    candidates: Candidates,
    /// Running masses of spans.
    starts: Vec<f64>,
    log: Log,
}

impl Replay for LlamaCpp {
    fn engine(&self) -> &'static EngineInfo {
        &INFO
    }

    /// Its penalties and DRY look up the candidates in the history, not the history among the candidates.
    fn skips_unknown_ids(&self) -> bool {
        true
    }

    fn step(&mut self, rows: &[ReplayRow<'_>], watch: Watch, out: &mut Vec<Drawn>) -> Result<()> {
        out.clear();
        let v = row::check_logits(INFO.name, rows, self.rows.len())?;
        let c = &mut self.candidates;
        let scale = match self.stages[..] {
            _ if watch.evidence() => None,
            [] => Some(Scale::One),
            [Stage::Temperature { value, range, .. }] if range <= 0.0 => scores::over(value),
            _ => None,
        };
        for (row, (input, state)) in rows.iter().zip(&mut self.rows).enumerate() {
            if input.finished {
                continue;
            }
            if let (Some(scale), Chooser::Dist(mt)) = (scale, &mut state.chooser) {
                let before = mt.clone();
                let u = uniform::libstdcxx_f64(mt);
                let scores = Scores { values: input.logits, scale };
                if let Some(id) = select::quick(scores, u, &mut self.starts) {
                    out.push(Drawn { row, id: id as u32, evidence: None, stages: Vec::new() });
                    continue;
                }
                *mt = before;
            }
            self.log.start(watch);
            c.reset(input.logits);
            for stage in &self.stages {
                apply(stage, c, input.history, &mut state.xtc, row)?;
                let left = c.data.iter().map(|x| (x.id, f64::from(x.logit)));
                self.log.scores(|| stage.to_string(), left);
            }
            let (at, evidence) = state.choose(c, v, watch);
            let id = c.data[at].id;
            out.push(Drawn { row, id, evidence, stages: self.log.take() });
        }
        Ok(())
    }

    fn accept(&mut self, row: usize, id: u32) {
        match self.rows.get_mut(row).map(|r| &mut r.chooser) {
            Some(Chooser::Mirostat(m)) => m.accept(id),
            Some(Chooser::Adaptive(a)) => a.accept(id),
            Some(Chooser::Dist(_)) | None => {}
        }
    }
}

/// One sampler of the chain.
fn apply(stage: &Stage, c: &mut Candidates, history: &[u32], mt: &mut Mt, row: usize) -> Result<()> {
    match stage {
        Stage::LogitBias(bias) => filters::logit_bias(c, bias),
        Stage::Penalties(p) => p.apply(c, history),
        Stage::Dry(d) => d.apply(c, history),
        Stage::TopNSigma(n) => filters::top_n_sigma(c, *n),
        Stage::TopK(k) => filters::top_k(c, *k),
        Stage::Typical(p) => {
            if !filters::typical(c, *p) {
                return Err(Error::engine_row(INFO.name, row, "typical_p meets a probability of 0, where llama.cpp's entropy is NaN and its choice undefined; cut such tokens first, with top_k or top_p".to_owned()));
            }
        }
        Stage::TopP(p) => filters::top_p(c, *p),
        Stage::MinP(p) => filters::min_p(c, *p),
        Stage::Xtc { probability, threshold } => filters::xtc(c, *probability, *threshold, mt),
        Stage::Temperature { value, range, exponent } => {
            filters::temperature_ext(c, *value, *range, *exponent)
        }
    }
    let sound = c.max().is_finite() && !c.data.iter().any(|x| x.logit.is_nan());
    if sound { Ok(()) } else { Err(row::overflow(INFO.name, row)) }
}

#[cfg(test)]
mod tests;
