//! Time of one whole row, from loaded logits to a drawn id, for every strategy and three shapes of rows, one thread, against two
//! limits on the same rows: (a) the sum of the row's floats, (b) its softmax normaliser. A table of the ratios comes last.
//!
//! `cargo bench --bench rows`, or `cargo bench --bench rows -- flat` for one shape

mod common;

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use common::limits;
use common::rows::{ROWS, SHAPES};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use rand::RngExt;
use tokpick::candidates::Candidates;
use tokpick::draw::{Addressed, Argmax, Draw, Seat, Turn};
use tokpick::processor::Context;
use tokpick::settings;
use tokpick::source::Row;

/// Name and chain. Greedy search takes the best; everything else draws.
const STRATEGIES: [(&str, &str); 8] = [
    ("greedy", "[]"),
    ("top-k 40", "top-k=40"),
    ("temperature 0.8, top-k 50, top-p 0.95", "temperature=0.8,top-k=50,top-p=0.95"),
    ("temperature 0.8", "temperature=0.8"),
    ("top-p 0.9", "top-p=0.9"),
    ("min-p 0.05", "min-p=0.05"),
    ("typical 0.9", "typical-p=0.9"),
    ("repetition penalty, then the chain", "repetition-penalty=1.2,temperature=0.8,top-k=50,top-p=0.95"),
];

const LIMIT_A: &str = "(a) sum";
const LIMIT_B: &str = "(b) softmax normaliser";

/// Ids of the history that a penalty counts.
const HISTORY: usize = 512;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200))
        .sample_size(20)
        .configure_from_args();
    let mut summary = Summary::default();
    for (shape, make) in SHAPES {
        let mut rng = common::rows::rng();
        let mut rows: Vec<Row> = (0..ROWS).map(|_| Row::dense(make(&mut rng))).collect();
        let vocab = rows[0].logits.len();
        let history: Vec<u32> = (0..HISTORY + ROWS).map(|_| rng.random_range(0..vocab as u32)).collect();
        let mut group = criterion.benchmark_group(shape);
        group.throughput(Throughput::Bytes(4 * vocab as u64));
        summary.measure(&mut group, shape, LIMIT_A, |at| {
            black_box(limits::sum(&rows[at].logits));
        });
        summary.measure(&mut group, shape, LIMIT_B, |at| {
            black_box(limits::softmax(&rows[at].logits));
        });
        for (name, chain) in STRATEGIES {
            let chain = settings::chain(chain).expect("a chain");
            let draw: &dyn Draw = if name == "greedy" { &Argmax } else { &Addressed::new(7) };
            let draw = draw.shared().expect("draws that don't depend on each other");
            let mut c = Candidates::default();
            let mut seats = [Seat { line: 0, sample: 0, lane: 0, finished: false, pick: None }];
            summary.measure(&mut group, shape, name, |at| {
                let (row, context) = (&mut rows[at], &history[at..at + HISTORY]);
                c.load(std::mem::take(row), 0, at).expect("a finite row");
                let cx = Context { context, prompt_len: 0, sequence: 0, step: at, coins: &0.0 };
                chain.apply(&mut c, &cx).expect("candidates");
                let (candidates, seats) = (&mut c, &mut seats[..]);
                draw.row(&mut Turn { sequence: 0, step: at, context, prompt_len: 0, candidates, seats })
                    .expect("a token");
                black_box(&seats[0].pick);
                *row = c.take_row();
            });
        }
        group.finish();
    }
    criterion.final_summary();
    summary.print();
}

/// The least time of each row, by shape and name. A busy machine spoils some passes of a row, hardly all of them.
#[derive(Default)]
struct Summary(HashMap<(&'static str, &'static str), Vec<Duration>>);

impl Summary {
    fn measure(
        &mut self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        shape: &'static str,
        name: &'static str,
        mut row: impl FnMut(usize),
    ) {
        let least = self.0.entry((shape, name)).or_insert_with(|| vec![Duration::MAX; ROWS]);
        let mut next = 0;
        group.bench_function(name, |b| {
            b.iter_custom(|n| {
                let mut sum = Duration::ZERO;
                for _ in 0..n {
                    let start = Instant::now();
                    row(next);
                    let time = start.elapsed();
                    least[next] = least[next].min(time);
                    sum += time;
                    next = (next + 1) % ROWS;
                }
                sum
            });
        });
    }

    /// Microseconds: the mean of the rows' least times; `None` if nothing was measured.
    fn micros(&self, shape: &'static str, name: &'static str) -> Option<f64> {
        let measured = self.0.get(&(shape, name))?.iter().filter(|&&time| time < Duration::MAX);
        let times: Vec<f64> = measured.map(|time| time.as_secs_f64() * 1e6).collect();
        (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64)
    }

    fn print(&self) {
        println!(
            "\nµs per row and ratios to the limits, one thread, {} instructions\n",
            tokpick::kernel::simd()
        );
        let line = |cells: &[String]| println!("| {} |", cells.join(" | "));
        let heads = SHAPES.map(|(shape, _)| shape.to_string());
        line(&[&["".into()][..], &heads].concat());
        line(&["---".into(), "---".into(), "---".into(), "---".into()]);
        for name in [LIMIT_A, LIMIT_B].into_iter().chain(STRATEGIES.map(|(name, _)| name)) {
            let cell = |(shape, _): (&'static str, _)| {
                let Some(time) = self.micros(shape, name) else { return "–".to_string() };
                let ratio = |limit, sign| match self.micros(shape, limit) {
                    Some(limit) => format!("{:.2} {sign}", time / limit),
                    None => "–".to_string(),
                };
                match name {
                    LIMIT_A | LIMIT_B => format!("{time:.1} µs"),
                    "greedy" => format!("{time:.1} µs, {}", ratio(LIMIT_A, "(a)")),
                    _ => format!("{time:.1} µs, {}", ratio(LIMIT_B, "(b)")),
                }
            };
            line(&[&[name.to_string()][..], &SHAPES.map(cell)].concat());
        }
    }
}
