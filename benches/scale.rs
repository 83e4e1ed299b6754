//! How times grow: a row over V, beam search over the number of beams, samples of one row over their number, rows over threads. Prints
//! the points, and writes them as one picture.
//!
//! `cargo bench --bench scale -- [PICTURE.svg]`

mod common;

use std::time::Instant;

use common::limits;
use common::rows;
use tokpick::draw::{Addressed, Argmax, Draw, Gumbel};
use tokpick::processor::Chain;
use tokpick::render::kit::{Anchor, MARGIN, Svg};
use tokpick::sampler::{Beam, Job, Sample, Sampler};
use tokpick::settings;
use tokpick::source::Steps;

/// Makes a draw.
type Make = fn() -> Box<dyn Draw>;

/// Name and points.
type Curve = (String, Vec<(f64, f64)>);

fn main() {
    let charts = [
        ("µs a row", "V", over_vocab()),
        ("µs a step", "beams, V = 32,000", over_beams()),
        ("ns a sample", "samples of a row, V = 128,256", over_samples()),
        ("times as fast", "threads, top-p 0.9, V = 128,256", over_threads()),
    ];
    for (what, over, curves) in &charts {
        println!("\n{what}, over {over}");
        for (name, points) in curves {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{x}: {y:.3}")).collect();
            println!("  {name:22} {}", points.join("  "));
        }
    }
    if let Some(path) = std::env::args().skip(1).find(|arg| !arg.starts_with("--")) {
        std::fs::write(&path, picture(&charts)).expect("a place for the picture");
        println!("\n{path}");
    }
}

/// The least of some times, in seconds.
fn least(passes: usize, mut run: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..passes {
        let start = Instant::now();
        run();
        least = least.min(start.elapsed().as_secs_f64());
    }
    least
}

/// Gaussian rows as the steps of one sequence.
fn steps(count: usize, vocab: usize) -> Steps {
    let mut rng = rows::rng();
    let all = (0..count).flat_map(|_| rows::normal(&mut rng, vocab, 3.0)).collect();
    Steps::new("rows", &[count, vocab], None, all).expect("steps")
}

fn sample(source: &mut Steps, job: &Job<'_>, draw: Box<dyn Draw>, samples: usize) {
    Sample { draw, samples }.run(source, job, &mut (), &mut |_| Ok(())).expect("ids");
}

fn over_vocab() -> Vec<Curve> {
    const SIZES: [usize; 7] = [1_000, 3_000, 10_000, 32_000, 100_000, 300_000, 1_000_000];
    const ROWS: usize = 8;
    let strategies: [(&str, &str, Make); 4] = [
        ("greedy", "", || Box::new(Argmax)),
        ("temperature 0.8", "temperature=0.8", || Box::new(Addressed::new(7))),
        ("top-p 0.9", "top-p=0.9", || Box::new(Addressed::new(7))),
        ("gumbel", "", || Box::new(Gumbel::new(7))),
    ];
    let mut curves: Vec<Curve> = vec![("(b) normaliser".into(), Vec::new())];
    curves.extend(strategies.iter().map(|(name, ..)| (name.to_string(), Vec::new())));
    for vocab in SIZES {
        let mut source = steps(ROWS, vocab);
        let mut rng = rows::rng();
        let all: Vec<Vec<f32>> = (0..ROWS).map(|_| rows::normal(&mut rng, vocab, 3.0)).collect();
        let passes = (4_000_000 / vocab).clamp(5, 200);
        let mut point = |curve: usize, seconds: f64| {
            curves[curve].1.push((vocab as f64, seconds * 1e6 / ROWS as f64));
        };
        let b = least(passes, || {
            for row in &all {
                std::hint::black_box(limits::softmax(row));
            }
        });
        point(0, b);
        for (at, (_, chain, draw)) in strategies.iter().enumerate() {
            let chain =
                if chain.is_empty() { Chain::default() } else { settings::chain(chain).expect("a chain") };
            let job = Job::new(&chain).steps(false);
            point(at + 1, least(passes, || sample(&mut source, &job, draw(), 1)));
        }
    }
    curves
}

fn over_beams() -> Vec<Curve> {
    const STEPS: usize = 16;
    const VOCAB: usize = 32_000;
    let mut source = steps(STEPS, VOCAB);
    let chain = Chain::default();
    let job = Job::new(&chain);
    let mut rng = rows::rng();
    let row = rows::normal(&mut rng, VOCAB, 3.0);
    let pass = least(50, || _ = std::hint::black_box(limits::softmax(&row)));
    let (mut curve, mut passes) = (Vec::new(), Vec::new());
    for beams in [1usize, 4, 16, 64, 256, 1024] {
        let mut beam = Beam::new(beams).expect("beams");
        let run = least(3, || beam.run(&mut source, &job, &mut (), &mut |_| Ok(())).expect("a search"));
        curve.push((beams as f64, run * 1e6 / STEPS as f64));
        passes.push((beams as f64, pass * beams as f64 * 1e6));
    }
    vec![("(b), once a beam".into(), passes), ("beam search".into(), curve)]
}

fn over_samples() -> Vec<Curve> {
    let chain = Chain::default();
    let mut source = steps(1, 128_256);
    let job = Job::new(&chain).steps(false);
    let mut curve = Vec::new();
    for samples in [1usize, 10, 100, 1_000, 10_000, 100_000, 1_000_000] {
        let run = least(3, || sample(&mut source, &job, Box::new(Addressed::new(7)), samples));
        curve.push((samples as f64, run * 1e9 / samples as f64));
    }
    vec![("inverse CDF".into(), curve)]
}

fn over_threads() -> Vec<Curve> {
    let mut source = steps(256, 128_256);
    let chain = settings::chain("top-p=0.9").expect("a chain");
    let mut curve = Vec::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut one = f64::NAN;
    for threads in (0..).map(|n| 1 << n).take_while(|&n| n <= cores) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let job = Job::new(&chain).steps(false).parallel(threads > 1);
        let draw = || Box::new(Addressed::new(7));
        let run = pool.install(|| least(5, || sample(&mut source, &job, draw(), 1)));
        one = if threads == 1 { run } else { one };
        curve.push((threads as f64, one / run));
    }
    let ideal = curve.iter().map(|&(x, _)| (x, x)).collect();
    vec![("ideal".into(), ideal), ("top-p 0.9".into(), curve)]
}

/// Width and height of a chart.
const CHART: (f64, f64) = (380.0, 250.0);

fn picture(charts: &[(&str, &str, Vec<Curve>)]) -> String {
    let mut svg =
        Svg::new("How times grow", "Four charts, both axes logarithmic: over V, beams, samples and threads.");
    let mut bottom: f64 = 0.0;
    for (at, chart) in charts.iter().enumerate() {
        let left = MARGIN + (at % 2) as f64 * (CHART.0 + MARGIN);
        let top = MARGIN + (at / 2) as f64 * (CHART.1 + 110.0);
        bottom = bottom.max(draw(&mut svg, chart, left, top));
    }
    svg.finish(2.0 * (CHART.0 + MARGIN) + MARGIN, bottom + MARGIN)
}

/// Draws one chart with its legend; returns where it ends.
fn draw(svg: &mut Svg, (what, over, curves): &(&str, &str, Vec<Curve>), left: f64, top: f64) -> f64 {
    let points = || curves.iter().flat_map(|(_, points)| points.iter());
    let span = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points().map(of).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        (low.ln(), high.max(low * 1.001).ln())
    };
    let ((x0, x1), (y0, y1)) = (span(|p| p.0), span(|p| p.1));
    let (from, to, base, ceiling) = (left + 64.0, left + CHART.0 - 8.0, top + CHART.1 - 22.0, top + 28.0);
    let at_x = |x: f64| from + (x.ln() - x0) / (x1 - x0) * (to - from);
    let at_y = |y: f64| base - (y.ln() - y0) / (y1 - y0) * (base - ceiling);
    svg.text(left, top + 12.0, Anchor::Start, "tp-head", what);
    for part in [0.0, 0.5, 1.0] {
        let y = (y0 + part * (y1 - y0)).exp();
        svg.line((from, at_y(y)), (to, at_y(y)), "tp-line");
        svg.text(from - 6.0, at_y(y) + 4.0, Anchor::End, "tp-small", &short(y));
    }
    svg.text(from, base + 16.0, Anchor::Start, "tp-small", &short(x0.exp()));
    svg.text(to, base + 16.0, Anchor::End, "tp-small", &short(x1.exp()));
    svg.text((from + to) / 2.0, base + 16.0, Anchor::Middle, "tp-small", over);
    let mut y = base + 36.0;
    for (at, (name, points)) in curves.iter().enumerate() {
        let place: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (at_x(x), at_y(y))).collect();
        svg.polyline(&place, &format!("tp-curve tp-s{at}"));
        for (x, y) in place {
            svg.circle(x, y, 2.5, &format!("tp-fill tp-s{at}"));
        }
        svg.line((from, y - 4.0), (from + 36.0, y - 4.0), &format!("tp-curve tp-s{at}"));
        svg.text(from + 44.0, y, Anchor::Start, "tp-small", name);
        y += 15.0;
    }
    y
}

/// Three digits.
fn short(x: f64) -> String {
    match x {
        _ if x >= 100.0 => format!("{x:.0}"),
        _ if x >= 10.0 => format!("{x:.1}"),
        _ => format!("{x:.2}"),
    }
}
