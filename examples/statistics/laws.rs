//! Tests of randomness and of distribution, each with the probability that true randomness gives such a value or a worse one.

use rayon::prelude::*;
use tokpick::candidates::Candidates;
use tokpick::check::normal_tail;
use tokpick::draw::{Gumbel, Key, uniform};
use tokpick::engine::{Batch, Params, ReplayRow, Watch, build, engines};

/// A test and what came.
pub struct Law {
    pub name: String,
    pub n: usize,
    pub value: f64,
    pub p: f64,
}

const LOGITS: [f32; 8] = [1.0, 0.0, 0.5, -0.5, 1.5, -1.0, 0.25, 0.75];

fn probabilities() -> [f64; 8] {
    let w = LOGITS.map(|x| f64::from(x).exp());
    w.map(|x| x / w.iter().sum::<f64>())
}

/// χ² of counts, its tail by Wilson and Hilferty (1931).
fn chi_square(name: String, counts: &[u64], p: &[f64]) -> Law {
    let n: u64 = counts.iter().sum();
    let term = |(&count, p): (&u64, &f64)| (count as f64 - p * n as f64).powi(2) / (p * n as f64);
    let value: f64 = counts.iter().zip(p).map(term).sum();
    let k = (counts.len() - 1) as f64;
    let z = ((value / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt();
    Law { name, n: n as usize, value, p: normal_tail(z) }
}

fn count(n: usize, cells: usize, cell: impl Fn(usize) -> usize + Sync + Send) -> Vec<u64> {
    let add = |mut a: Vec<u64>, at: usize| {
        a[at] += 1;
        a
    };
    let sum = |a: Vec<u64>, b: Vec<u64>| a.iter().zip(&b).map(|(x, y)| x + y).collect();
    let each = (0..n).into_par_iter().map(cell);
    each.fold(|| vec![0; cells], add).reduce(|| vec![0; cells], sum)
}

/// The uniform of the i-th address along an axis.
fn along(axis: &str, i: usize) -> f64 {
    let key = Key { seed: 7, purpose: 0, lane: 0, sequence: 0, sample: 0 };
    match axis {
        "steps" => uniform(&key, i, 0),
        "samples" => uniform(&Key { sample: i, ..key }, 3, 0),
        "sequences" => uniform(&Key { sequence: i, ..key }, 3, 0),
        "lanes" => uniform(&Key { lane: i as u32, ..key }, 3, 0),
        _ => uniform(&Key { seed: i as u64, ..key }, 3, 0),
    }
}

/// Kolmogorov and Smirnov's distance of sorted numbers to the uniform distribution.
fn kolmogorov(name: String, mut u: Vec<f64>) -> Law {
    u.par_sort_unstable_by(f64::total_cmp);
    let n = u.len() as f64;
    let apart = |(i, u): (usize, &f64)| (u - i as f64 / n).max((i + 1) as f64 / n - u);
    let d = u.par_iter().enumerate().map(apart).reduce(|| 0.0, f64::max);
    let x = d * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
    let p: f64 = (1..100i32)
        .map(f64::from)
        .map(|k| 2.0 * f64::powi(-1.0, k as i32 - 1) * (-2.0 * k * k * x * x).exp())
        .sum();
    Law { name, n: u.len(), value: d, p: p.clamp(0.0, 1.0) }
}

/// Uniforms along every axis of their addresses: their distribution (KS), and the correlation of neighbours (its z).
fn uniforms(n: usize) -> Vec<Law> {
    let mut laws = Vec::new();
    for axis in ["steps", "samples", "sequences", "lanes", "seeds"] {
        let products: f64 =
            (0..n).into_par_iter().map(|i| (along(axis, i) - 0.5) * (along(axis, i + 1) - 0.5)).sum();
        // each product has the variance 1/144
        let z = products * 12.0 / (n as f64).sqrt();
        laws.push(Law { name: format!("neighbours, {axis}: z"), n, value: z, p: 2.0 * normal_tail(z.abs()) });
        // sorted numbers are kept: a tenth of them is enough
        let u = (0..n / 10).into_par_iter().map(|i| along(axis, i)).collect();
        laws.push(kolmogorov(format!("uniforms, {axis}: KS"), u));
    }
    laws
}

/// The addressed draw and the race follow the distribution; the first two of a race are drawn without replacement.
fn draws(n: usize) -> Vec<Law> {
    let p = probabilities();
    let drawn = (0..n).into_par_iter().fold(
        || (Candidates::from(&LOGITS[..]), vec![0u64; 8]),
        |(mut c, mut counts), i| {
            counts[c.pick(along("steps", i)).expect("something") as usize] += 1;
            (c, counts)
        },
    );
    let drawn =
        drawn.map(|d| d.1).reduce(|| vec![0; 8], |a, b| a.iter().zip(&b).map(|(x, y)| x + y).collect());
    let ids: Vec<u32> = (0..8).collect();
    let two = |i: usize| {
        let noise = Gumbel::new(5).noise(0, 0, 0, i, &ids);
        let mut sums: Vec<(f64, usize)> = (0..8).map(|id| (f64::from(LOGITS[id]) + noise[id], id)).collect();
        sums.sort_by(|a, b| b.0.total_cmp(&a.0));
        sums[0].1 * 8 + sums[1].1
    };
    let races = n / 10;
    let pairs = count(races, 64, two);
    let winners: Vec<u64> = pairs.chunks(8).map(|c| c.iter().sum()).collect();
    // p_i p_j / (1 − p_i), of stochastic beams, too
    let cells = (0..64).filter(|at| at / 8 != at % 8);
    let (found, exact): (Vec<u64>, Vec<f64>) =
        cells.map(|at| (pairs[at], p[at / 8] * p[at % 8] / (1.0 - p[at / 8]))).unzip();
    vec![
        chi_square("chacha8-v1, inverse CDF: χ²".into(), &drawn, &p),
        chi_square("gumbel, winners: χ²".into(), &winners, &p),
        chi_square("gumbel, first and second: χ²".into(), &found, &exact),
    ]
}

/// Every engine's own draws against its row.
fn replays(n: usize) -> Vec<Law> {
    let p = probabilities();
    let law = |info: &&tokpick::engine::EngineInfo| {
        let addressed = info.batch == Batch::Addressed;
        let params = Params { position: addressed.then(|| "0".to_string()), ..Params::default() };
        let mut replay = build(info.name, &params, "11", 1).expect("defaults");
        let (mut counts, mut drawn) = (vec![0u64; 8], Vec::new());
        for _ in 0..n {
            let row = ReplayRow { logits: &LOGITS, history: &[], prompt_len: 0, finished: false };
            replay.step(&[row], Watch::Ids, &mut drawn).expect("a row");
            counts[drawn[0].id as usize] += 1;
        }
        chi_square(format!("{}: χ²", info.name), &counts, &p)
    };
    engines().par_iter().map(law).collect()
}

/// All of them, with `n` uniforms along each axis, `n` draws, a tenth of it races, and a thousandth for each engine.
pub fn all(n: usize) -> Vec<Law> {
    let mut laws = uniforms(n);
    laws.extend(draws(n));
    laws.extend(replays((n / 1000).max(4000)));
    laws
}
