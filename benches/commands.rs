//! Time of one row of what isn't plain sampling (scores, reports, races, engines), one thread, beside (b), the softmax normaliser of the same
//! rows.
//!
//! Every number is a least time: of each pass over all rows (for (b): of each row). `cargo bench --bench commands`, or
//! `cargo bench --bench commands -- score diff` for lines whose names contain these words.

mod common;

use std::hint::black_box;
use std::io;
use std::time::Instant;

use common::limits;
use common::rows::{ROWS, SHAPES};
use tokpick::TokenId;
use tokpick::candidates::Candidates;
use tokpick::check::{self, DiffOptions, VerifyOptions};
use tokpick::draw::{Addressed, Draw, Gumbel};
use tokpick::engine::{EngineDraw, Params};
use tokpick::processor::Chain;
use tokpick::render::{Distribution, Explain, Probs, ProbsFormat, RowInfo};
use tokpick::sampler::{Beam, Job, Sample, Sampler, Variant, walk};
use tokpick::source::{Row, Steps};

/// Beams of the searches, each of which reads its row.
const BEAMS: usize = 8;
/// Passes of which the best counts.
const PASSES: usize = 5;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let mut table: Vec<(String, Vec<String>)> = Vec::new();
    for (_, make) in SHAPES {
        let mut rng = common::rows::rng();
        let rows: Vec<Vec<f32>> = (0..ROWS).map(|_| make(&mut rng)).collect();
        // a second file, a little different, as after quantisation
        let near =
            rows.iter().flatten().enumerate().map(|(i, x)| x + 0.01 * ((i % 17) as f32 - 8.0)).collect();
        let vocab = rows[0].len();
        let steps = |logits| Steps::new("rows", &[ROWS, vocab], None, logits).expect("steps");
        let (mut source, mut other) = (steps(rows.concat()), steps(near));
        let b = least_of_each(&rows, |row| black_box(limits::softmax(row)));
        let mut line = |name: &str, per_row: usize, run: &mut dyn FnMut()| {
            if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word.as_str())) {
                return;
            }
            let micros = least(run) / (ROWS * per_row) as f64;
            let cell = format!("{micros:.1} µs, {:.2} (b)", micros / b);
            match table.iter_mut().find(|(known, _)| known == name) {
                Some((_, cells)) => cells.push(cell),
                None => table.push((name.to_string(), vec![cell])),
            }
        };
        line("(b) softmax normaliser", 1, &mut || {
            rows.iter().for_each(|row| _ = black_box(limits::softmax(row)))
        });

        let chain = Chain::default();
        let job = Job::new(&chain).seed(7).parallel(false);
        let ids: Vec<TokenId> = (0..ROWS as u32).map(|step| step * 977 % vocab as u32).collect();
        let mut sample = |source: &mut Steps, draw: Box<dyn Draw>, n: usize, logprobs: bool| {
            let job = Job { logprobs, ..job };
            let mut sampler = Sample { draw, samples: n };
            sampler
                .run(source, &job, &mut (), &mut |event| {
                    black_box(&event);
                    Ok(())
                })
                .expect("ids");
        };
        let found = Sample::new(Addressed::new(7)).decode(&mut source, &job).expect("ids");
        let own: Vec<Vec<TokenId>> = found.into_iter().map(|hypothesis| hypothesis.ids).collect();
        line("score", 1, &mut || {
            _ = black_box(check::score(&mut source, &job, &[ids.clone()]).expect("scores"))
        });
        line("info", 1, &mut || {
            let mut c = Candidates::default();
            for (step, row) in rows.iter().enumerate() {
                let mut row = Row::dense(row.clone());
                black_box(RowInfo::new(0, step, &mut row, 3, &mut c));
            }
        });
        line("probs --top 10", 1, &mut || {
            let mut probs = Probs::new(ProbsFormat::Tsv, Some(10), false);
            walk(&mut source, &job, None, &mut (), &mut |visit| {
                let row = Distribution::top(visit.sequence, visit.step, visit.candidates, 10);
                probs.row(row, None, &mut io::sink()).expect("a sink");
                Ok(())
            })
            .expect("rows");
        });
        line("diff, a pair of rows", 1, &mut || {
            let options = DiffOptions::default();
            black_box(check::diff(&mut source, &mut other, &job, &options, &mut |_| Ok(())).expect("a diff"));
        });
        line("verify, ids that agree", 1, &mut || {
            let mut draw = Addressed::new(7);
            let options = VerifyOptions::default();
            black_box(check::verify(&mut source, &job, &mut draw, 1, &own, &options).expect("a verdict"));
        });
        line("verify, ids that don't", 1, &mut || {
            let mut draw = Addressed::new(7);
            let options = VerifyOptions::default();
            black_box(
                check::verify(&mut source, &job, &mut draw, 1, &[ids.clone()], &options).expect("a verdict"),
            );
        });
        line("explain", 1, &mut || {
            let mut see = |explained| {
                black_box(&explained);
                Ok(())
            };
            let mut trace = Explain::new(10, 0..ROWS, &mut see);
            let mut sampler = Sample::new(Addressed::new(7));
            sampler.run(&mut source, &job, &mut trace, &mut |_| Ok(())).expect("ids");
        });
        line("sample --format json (log-probabilities)", 1, &mut || {
            sample(&mut source, Box::new(Addressed::new(7)), 1, true);
        });
        line("--draw gumbel, a sample", 8, &mut || sample(&mut source, Box::new(Gumbel::new(7)), 8, false));
        for (name, variant) in [
            ("plain beams, a beam and step", Variant::Plain),
            ("drawn beams, a beam and step", Variant::Sample),
            ("stochastic beams, a beam and step", Variant::Stochastic { noise: 1.0 }),
        ] {
            line(name, BEAMS, &mut || {
                let mut beam = Beam { variant: variant.clone(), ..Beam::new(BEAMS).expect("beams") };
                beam.run(&mut source, &job, &mut (), &mut |_| Ok(())).expect("a search");
            });
        }
        for engine in ENGINES {
            line(&format!("--engine {engine}"), 1, &mut || {
                let draw = EngineDraw::new(engine, &Params::default(), "7", 1, 1).expect("an engine");
                sample(&mut source, Box::new(draw), 1, false);
            });
        }
    }
    print(&table);
}

const ENGINES: [&str; 9] =
    ["torch", "transformers", "vllm", "jax-split", "mlx", "mlx-lm", "numpy", "llama.cpp", "candle"];

/// The least time of a run, in microseconds.
fn least(run: &mut dyn FnMut()) -> f64 {
    let mut time = || {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e6
    };
    (0..PASSES).map(|_| time()).fold(f64::INFINITY, f64::min)
}

/// The mean over the rows of the least time of each, in microseconds.
fn least_of_each(rows: &[Vec<f32>], f: impl Fn(&[f32]) -> f32) -> f64 {
    let mut times = vec![f64::INFINITY; rows.len()];
    for _ in 0..20 {
        for (row, time) in rows.iter().zip(&mut times) {
            let start = Instant::now();
            black_box(f(row));
            *time = time.min(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.iter().sum::<f64>() / times.len() as f64
}

fn print(table: &[(String, Vec<String>)]) {
    println!("\nµs per row and ratios to (b), one thread, {} instructions\n", tokpick::kernel::simd());
    println!("| | {} |", SHAPES.map(|(shape, _)| shape).join(" | "));
    println!("| --- | --- | --- | --- |");
    for (name, cells) in table {
        println!("| {name} | {} |", cells.join(" | "));
    }
}
