//! A step of 64 beams over a vocabulary of 128,256, in softmax-normaliser passes over as many rows.
//!
//! The promise: at most twice the time of those passes. Every beam needs one of them; what comes on top is finding the best
//! `2 · 64` of 8 million continuations.

#[path = "common/rows.rs"]
mod rows;

use std::time::{Duration, Instant};

use tokpick::kernel::{self, Band, Slice, Weigh};
use tokpick::processor::Chain;
use tokpick::sampler::{Beam, Job, Limits, Sampler, Variant};
use tokpick::source::{Access, LogitsSource, Query, Row, Shape};

const BEAMS: usize = 64;
const VOCAB: usize = 128_256;
const STEPS: usize = 40;

/// Rows that cost nothing: the buffers that come back still hold them.
struct Ready(Vec<Vec<f32>>);

impl LogitsSource for Ready {
    fn name(&self) -> &str {
        "ready"
    }

    fn shape(&self) -> Shape {
        Shape::following(Some(VOCAB), Access::Random)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> tokpick::Result<()> {
        while out.len() < at.len() {
            out.push(Row::dense(self.0[out.len() % self.0.len()].clone()));
        }
        Ok(())
    }
}

fn best_of(runs: usize, mut f: impl FnMut()) -> Duration {
    let time = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        f();
        start.elapsed()
    };
    (0..runs).map(|_| time(&mut f)).min().unwrap_or_default()
}

fn main() {
    let mut rng = rows::rng();
    let rows: Vec<Vec<f32>> = (0..BEAMS).map(|_| rows::normal(&mut rng, VOCAB, 2.5)).collect();
    let (mut maxima, mut blocks, mut sum) = (Vec::new(), Vec::new(), 0.0);
    let passes = best_of(9, || {
        for row in &rows {
            let scan = kernel::scan(row, &mut maxima);
            let weigh = Weigh { max: scan.max, scale: 1.0 };
            sum += kernel::mass(Slice { ids: None, values: row }, weigh, Band::ALL, &mut blocks);
        }
    });
    println!("{BEAMS} normaliser passes over V = {VOCAB}: {passes:?} (Σ {sum:.0}), {:?}", kernel::simd());
    let mut source = Ready(rows);
    let limits = Limits { max_new_tokens: Some(STEPS), eos: vec![0] };
    for (name, chain, variant) in [
        ("plain", "", Variant::Plain),
        ("diverse, 4 groups", "", Variant::Diverse { num_beam_groups: 4, diversity_penalty: 0.5 }),
        ("repetition penalty", "repetition-penalty=1.2", Variant::Plain),
        ("top-k 50", "top-k=50", Variant::Plain),
        ("constrained", "", Variant::Constrained { force_ids: vec![vec![5, 9].into()] }),
        ("drawn", "", Variant::Sample),
        ("stochastic", "", Variant::Stochastic { noise: 1.0 }),
    ] {
        let chain = if chain.is_empty() {
            Chain::default()
        } else {
            tokpick::settings::chain(chain).expect("a chain")
        };
        let job = Job::new(&chain).limits(&limits).seed(1).logprobs(true);
        let mut beam = Beam { variant, ..Beam::new(BEAMS).expect("beams") };
        let run = best_of(4, || {
            beam.run(&mut source, &job, &mut (), &mut |_| Ok(())).expect("a search");
        });
        // the first step has one beam
        let step = run.div_f64((STEPS - 1) as f64 + 1.0 / BEAMS as f64);
        println!("{name:20} {step:?} a step, {:.2} of the passes", step.as_secs_f64() / passes.as_secs_f64());
    }
}
