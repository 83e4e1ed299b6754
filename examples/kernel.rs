//! Times of the kernel per row, one thread, against two limits: (a) the sum of the row's floats, (b) its maximum and
//! Σ exp(x − max) in `f32`. Sixty-four different rows stream, so that the cache doesn't flatter.
//!
//! `cargo run --release --example kernel`

use std::hint::black_box;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use tokpick::kernel::*;

const ROWS: usize = 64;

fn peaked(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let noise = Normal::new(0.0, 0.1).expect("a positive deviation");
    let mut row: Vec<f32> =
        (0..128_256).map(|rank| -1.76 * f32::ln(rank as f32 + 1.0) + noise.sample(rng) as f32).collect();
    for x in &mut row[..10] {
        *x += rng.random_range(0.0..4.0);
    }
    for i in (1..row.len()).rev() {
        row.swap(i, rng.random_range(0..=i));
    }
    row
}

fn flat(rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..131_072).map(|_| rng.random_range(-1.0..=1.0)).collect()
}

fn gauss(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let normal = Normal::new(0.0, 3.0).expect("a positive deviation");
    (0..32_000).map(|_| normal.sample(rng) as f32).collect()
}

fn dense(values: &[f32]) -> Slice<'_> {
    Slice { ids: None, values }
}

/// Limit (a).
fn sum(row: &[f32]) -> f32 {
    arch_run(
        #[inline(always)]
        || {
            let mut lanes = [0.0f32; 128];
            let (chunks, rest) = row.as_chunks::<128>();
            for c in chunks {
                for i in 0..128 {
                    lanes[i] += c[i];
                }
            }
            lanes.iter().chain(rest).sum()
        },
    )
}

/// Limit (b).
fn softmax(row: &[f32]) -> f32 {
    arch_run(
        #[inline(always)]
        || {
            let mut lanes = [f32::NEG_INFINITY; 128];
            let (chunks, rest) = row.as_chunks::<128>();
            for c in chunks {
                for i in 0..128 {
                    lanes[i] = if c[i] > lanes[i] { c[i] } else { lanes[i] };
                }
            }
            let max = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |m, &x| m.max(x));
            let mut lanes = [0.0f32; 64];
            let (chunks, rest) = row.as_chunks::<64>();
            for c in chunks {
                for i in 0..64 {
                    lanes[i] += quick_exp(c[i] - max);
                }
            }
            lanes.iter().sum::<f32>() + rest.iter().map(|&x| quick_exp(x - max)).sum::<f32>()
        },
    )
}

/// e^x for x ≤ 0 with as few operations as `f32` allows.
#[inline(always)]
fn quick_exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0 + 127.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let t = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = t - ROUND;
    let r = n.mul_add(-std::f32::consts::LN_2, x);
    let p = 0.008_289_36f32.mul_add(r, 0.041_898_176);
    let p = p.mul_add(r, 0.166_676_52);
    let p = p.mul_add(r, 0.499_991_48);
    let p = p.mul_add(r, 0.999_999_7);
    let p = p.mul_add(r, 1.0);
    p * f32::from_bits(t.to_bits() << 23)
}

#[inline(always)]
fn arch_run<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if simd() == "v4"
            && let Some(v4) = pulp::x86::V4::try_new()
        {
            return v4.vectorize(f);
        }
        if simd() != "v1"
            && let Some(v3) = pulp::x86::V3::try_new()
        {
            return v3.vectorize(f);
        }
    }
    f()
}

/// Microseconds per row: the mean over rows of each row's least time, and of its median. A busy machine spoils some passes of
/// a row, hardly all of them.
fn time(rows: &[Vec<f32>], mut f: impl FnMut(&[f32])) -> (f64, f64) {
    let mut times = vec![Vec::new(); rows.len()];
    for _ in 0..40 {
        for (row, times) in rows.iter().zip(&mut times) {
            let start = Instant::now();
            f(row);
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    let mean = |rank: usize| times.iter().map(|t| t[rank]).sum::<f64>() / rows.len() as f64;
    (mean(0), mean(20))
}

fn main() {
    let wish: Vec<String> = std::env::args().skip(1).collect();
    type Make = fn(&mut ChaCha8Rng) -> Vec<f32>;
    let shapes: [(&str, Make); 3] = [("peaked", peaked), ("flat", flat), ("gauss", gauss)];
    println!("path {}", simd());
    for (name, make) in shapes {
        if !wish.is_empty() && !wish.iter().any(|w| w == name) {
            continue;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let rows: Vec<Vec<f32>> = (0..ROWS).map(|_| make(&mut rng)).collect();
        let (a, a_median) = time(&rows, |r| {
            black_box(sum(r));
        });
        let (b, b_median) = time(&rows, |r| {
            black_box(softmax(r));
        });
        println!("{name}: (a) {a:.1} µs (median {a_median:.1}), (b) {b:.1} µs (median {b_median:.1})");
        let report = |what: &str, f: &mut dyn FnMut(&[f32])| {
            let (least, median) = time(&rows, f);
            println!(
                "  {what:32} {least:8.1} µs  median {median:8.1}   {:.2} (a)  {:.2} (b)",
                least / a,
                least / b
            );
        };
        let (mut maxima, mut blocks, mut out) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ids, mut kept) = (Vec::new(), Vec::new());
        report("scan", &mut |r| {
            black_box(scan(r, &mut maxima));
        });
        report("scan + mass", &mut |r| {
            let max = scan(r, &mut maxima).max;
            black_box(mass(dense(r), Weigh { max, scale: 1.25 }, Band::ALL, &mut blocks));
        });
        report("scan + mass (scale 1)", &mut |r| {
            let max = scan(r, &mut maxima).max;
            black_box(mass(dense(r), Weigh { max, scale: 1.0 }, Band::ALL, &mut blocks));
        });
        report("scan + mass + pick", &mut |r| {
            let max = scan(r, &mut maxima).max;
            let w = Weigh { max, scale: 1.25 };
            let z = mass(dense(r), w, Band::ALL, &mut blocks);
            black_box(pick(dense(r), w, Band::ALL, &blocks, 0.5 * z));
        });
        report("scan + kth_largest 40", &mut |r| {
            scan(r, &mut maxima);
            black_box(kth_largest(r, &maxima, Band::ALL, 40));
        });
        report("scan + kth_largest 1000", &mut |r| {
            scan(r, &mut maxima);
            black_box(kth_largest(r, &maxima, Band::ALL, 1000));
        });
        report("scan + top 40", &mut |r| {
            scan(r, &mut maxima);
            top(dense(r), &maxima, Band::ALL, 40, &mut out);
            black_box(&out);
        });
        report("scan + mass + nucleus 0.9", &mut |r| {
            let max = scan(r, &mut maxima).max;
            let w = Weigh { max, scale: 1.0 };
            let z = mass(dense(r), w, Band::ALL, &mut blocks);
            black_box(nucleus(dense(r), w, Band::ALL, &maxima, 0.9 * z));
        });
        report("scan + nucleus_share 0.9", &mut |r| {
            let max = scan(r, &mut maxima).max;
            let w = Weigh { max, scale: 1.0 };
            black_box(nucleus_share(dense(r), w, Band::ALL, &maxima, 0.9, &mut blocks));
        });
        report("  and the draw from it", &mut |r| {
            let max = scan(r, &mut maxima).max;
            let w = Weigh { max, scale: 1.0 };
            let (_, cut) = nucleus_share(dense(r), w, Band::ALL, &maxima, 0.9, &mut blocks);
            let band = Band::from(cut.unwrap_or(max));
            let z = mass(dense(r), w, band, &mut blocks);
            black_box(pick(dense(r), w, band, &blocks, 0.5 * z));
        });
        report("scan + min-p 0.05, gather_spans", &mut |r| {
            let max = scan(r, &mut maxima).max;
            gather_spans(dense(r), &maxima, Band::from(max + 0.05f32.ln()), &mut ids, &mut kept);
            black_box(&kept);
        });
        report("scan + gather_spans, flat 0.5", &mut |r| {
            let max = scan(r, &mut maxima).max;
            gather_spans(dense(r), &maxima, Band::from(0.5 * max), &mut ids, &mut kept);
            black_box(&kept);
        });
        report("scan + moments", &mut |r| {
            let max = scan(r, &mut maxima).max;
            black_box(moments(dense(r), Weigh { max, scale: 1.0 }, Band::ALL));
        });
    }
}
