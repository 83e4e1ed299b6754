//! Time of one row of what isn't plain sampling (scores, reports, races, engines), one thread, beside (b), the softmax normaliser of the same
//! rows.
//!
//! Every number is the mean over 64 rows of the least time of each. `cargo bench --bench commands`, or
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

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let mut table: Vec<(String, Vec<String>)> = Vec::new();
    for (_, make) in SHAPES {
        let mut rng = common::rows::rng();
        let rows: Vec<Vec<f32>> = (0..ROWS).map(|_| make(&mut rng)).collect();
        let vocab = rows[0].len();
        let file = |row: Vec<f32>| Steps::new("row", &[1, vocab], None, row).expect("a step");
        let mut files: Vec<Steps> = rows.iter().cloned().map(file).collect();
        // a second file, a little different, as after quantisation
        let near = |(i, x): (usize, &f32)| x + 0.01 * ((i % 17) as f32 - 8.0);
        let steps =
            |rows: Vec<f32>| Steps::new("rows", &[rows.len() / vocab, vocab], None, rows).expect("steps");
        let mut near_files: Vec<[Steps; 2]> = rows
            .chunks(16)
            .map(|rows| {
                let others = rows.iter().map(|row| row.iter().enumerate().map(near).collect::<Vec<f32>>());
                [steps(rows.concat()), steps(others.collect::<Vec<_>>().concat())]
            })
            .collect();
        let mut b = f64::NAN;
        let mut line = |name: &str, passes: usize, per_row: usize, run: &mut dyn FnMut(usize)| {
            let is_b = name == LIMIT_B;
            if !is_b && !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word.as_str())) {
                return;
            }
            let micros = least(passes, run) / per_row as f64;
            b = if is_b { micros } else { b };
            let ratio = if is_b { String::new() } else { format!(", {:.2} (b)", micros / b) };
            let cell = format!("{micros:.1} µs{ratio}");
            match table.iter_mut().find(|(known, _)| known == name) {
                Some((_, cells)) => cells.push(cell),
                None => table.push((name.to_string(), vec![cell])),
            }
        };
        line(LIMIT_B, 30, 1, &mut |at| _ = black_box(limits::softmax(&rows[at])));

        let chain = Chain::default();
        let job = Job::new(&chain).seed(7).parallel(false);
        let own: Vec<Vec<Vec<TokenId>>> = files
            .iter_mut()
            .map(|file| {
                let found = Sample::new(Addressed::new(7)).decode(file, &job).expect("ids");
                found.into_iter().map(|hypothesis| hypothesis.ids).collect()
            })
            .collect();
        let sample = |file: &mut Steps, draw: Box<dyn Draw>, samples: usize, logprobs: bool| {
            let emit = &mut |event: tokpick::sampler::Event<'_>| {
                black_box(&event);
                Ok(())
            };
            Sample { draw, samples }.run(file, &job.logprobs(logprobs), &mut (), emit).expect("ids");
        };
        line("sample", 9, 1, &mut |at| sample(&mut files[at], Box::new(Addressed::new(7)), 1, false));
        line("score", 9, 1, &mut |at| {
            _ = black_box(check::score(&mut files[at], &job, &own[at]).expect("scores"));
        });
        let mut c = Candidates::default();
        let mut dense: Vec<Row> = rows.iter().cloned().map(Row::dense).collect();
        line("info", 9, 1, &mut |at| _ = black_box(RowInfo::new(0, at, &mut dense[at], 3, &mut c)));
        line("probs --top 10", 9, 1, &mut |at| {
            let mut probs = Probs::new(ProbsFormat::Tsv, Some(10), false);
            walk(&mut files[at], &job, None, &mut (), &mut |visit| {
                let row = Distribution::top(visit.sequence, visit.step, visit.candidates, 10);
                probs.row(row, None, &mut io::sink()).expect("a sink");
                Ok(())
            })
            .expect("rows");
        });
        // files of several rows, as buffers of one serve the next
        for (name, gumbel) in [("diff, a pair of rows", false), ("diff --draw gumbel, a pair of rows", true)]
        {
            line(name, 3, 1, &mut |at| {
                let Some([a, b]) = near_files.get_mut(at) else { return };
                let options = DiffOptions { gumbel, ..DiffOptions::default() };
                _ = black_box(check::diff(a, b, &job, &options, &mut |_| Ok(())).expect("a diff"));
            });
        }
        let mut verify = |at: usize, ids: &[Vec<TokenId>]| {
            let (mut draw, options) = (Addressed::new(7), VerifyOptions::default());
            _ = black_box(
                check::verify(&mut files[at], &job, &mut draw, 1, ids, &options).expect("a verdict"),
            );
        };
        line("verify, ids that agree", 9, 1, &mut |at| verify(at, &own[at]));
        line("verify, ids that don't", 2, 1, &mut |at| verify(at, &[vec![(at * 977 % vocab) as TokenId]]));
        line("explain", 3, 1, &mut |at| {
            let Some([file, _]) = near_files.get_mut(at) else { return };
            let mut see = |explained| {
                black_box(&explained);
                Ok(())
            };
            let mut trace = Explain::new(10, 0..ROWS, &mut see);
            Sample::new(Addressed::new(7)).run(file, &job, &mut trace, &mut |_| Ok(())).expect("ids");
        });
        line("sample --format json", 9, 1, &mut |at| {
            sample(&mut files[at], Box::new(Addressed::new(7)), 1, true);
        });
        line("--draw gumbel, a sample", 5, 8, &mut |at| {
            sample(&mut files[at], Box::new(Gumbel::new(7)), 8, false);
        });
        for (name, variant) in [
            ("drawn beams, a beam and step", Variant::Sample),
            ("stochastic beams, a beam and step", Variant::Stochastic { noise: 1.0 }),
        ] {
            // the first step has one beam, the others have all
            let steps: Vec<f32> = rows[..STEPS].concat();
            let mut file = Steps::new("rows", &[STEPS, vocab], None, steps).expect("steps");
            line(name, 1, (STEPS - 1) * BEAMS + 1, &mut |_| {
                let mut beam = Beam { variant: variant.clone(), ..Beam::new(BEAMS).expect("beams") };
                beam.run(&mut file, &job, &mut (), &mut |_| Ok(())).expect("a search");
            });
        }
        for engine in ENGINES {
            line(&format!("--engine {engine}"), 3, 1, &mut |at| {
                let draw = EngineDraw::new(engine, &Params::default(), "7", 1, 1).expect("an engine");
                sample(&mut files[at], Box::new(draw), 1, false);
            });
        }
    }
    print(&table);
}

const LIMIT_B: &str = "(b) softmax normaliser";
/// Beams of the searches, each of which reads its row.
const BEAMS: usize = 8;
/// Steps of the searches.
const STEPS: usize = 4;

const ENGINES: [&str; 9] =
    ["torch", "transformers", "vllm", "jax-split", "mlx", "mlx-lm", "numpy", "llama.cpp", "candle"];

/// The mean over the rows of the least time of each, in microseconds. A busy machine spoils some passes of a row, hardly all of them.
fn least(passes: usize, run: &mut dyn FnMut(usize)) -> f64 {
    let mut least = [f64::INFINITY; ROWS];
    for _ in 0..passes {
        for (at, least) in least.iter_mut().enumerate() {
            let start = Instant::now();
            run(at);
            *least = least.min(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    least.iter().sum::<f64>() / ROWS as f64
}

fn print(table: &[(String, Vec<String>)]) {
    println!("\nµs per row and ratios to (b), one thread, {} instructions\n", tokpick::kernel::simd());
    println!("| | {} |", SHAPES.map(|(shape, _)| shape).join(" | "));
    println!("| --- | --- | --- | --- |");
    for (name, cells) in table {
        println!("| {name} | {} |", cells.join(" | "));
    }
}
