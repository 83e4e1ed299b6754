//! How often the verdict of an audit is wrong: alarms at faithful servers, silence at faults.
//!
//! ```text
//! cargo run --release --example false_alarms -- 2000
//! ```
//!
//! The argument is the number of runs of each setting, 200 steps each.

mod server;

use rand::RngExt;
use rayon::prelude::*;
use server::{Errors, GPU, Served, Setting, generator, settings};
use tokpick::check::Tolerance;

const STEPS: usize = 200;
const LEVELS: [f64; 3] = [0.05, 0.01, 0.001];

/// The share of runs whose chance is below each level, mismatches by rounding, by the cut, by noise, and by nothing.
fn alarms(
    setting: &Setting,
    runs: u64,
    errors: Errors,
    tolerance: Tolerance,
    noise: f64,
) -> ([usize; 3], [usize; 4]) {
    let each = (0..runs).into_par_iter().map(|n| {
        let served = setting.serve(STEPS, &errors, &mut generator(setting.name, n));
        let verdict = setting.audit(&served, tolerance, noise).verdict.expect("a tolerance was given");
        let kinds = [verdict.by_rounding, verdict.by_cut, verdict.by_noise, verdict.not_explained];
        (LEVELS.map(|level| usize::from(verdict.chance < level)), kinds)
    });
    each.reduce(Default::default, |a, b| {
        (std::array::from_fn(|i| a.0[i] + b.0[i]), std::array::from_fn(|i| a.1[i] + b.1[i]))
    })
}

fn table(title: &str, runs: u64, rows: impl Fn(&Setting) -> ([usize; 3], [usize; 4])) {
    println!("\n{title}: {runs} runs of {STEPS} steps each\n");
    println!("| engine | setting | alarms at 0.05 | at 0.01 | at 0.001 | rounding | cut | noise | nothing |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut all = [0; 3];
    for setting in settings() {
        let ([a, b, c], [r, k, s, n]) = rows(&setting);
        println!("| `{}` | {} | {a} | {b} | {c} | {r} | {k} | {s} | {n} |", setting.engine, setting.name);
        all = [all[0] + a, all[1] + b, all[2] + c];
    }
    let total = runs as f64 * settings().len() as f64;
    println!(
        "| all | | {:.5} | {:.5} | {:.5} | | | | |",
        all[0] as f64 / total,
        all[1] as f64 / total,
        all[2] as f64 / total
    );
}

/// A run with a fault in it: what was served is not what is claimed.
fn fault(name: &str, setting: &Setting, n: u64) -> (Setting, Served) {
    let rng = &mut generator(setting.name, n);
    let mut claimed = setting.clone();
    let mut served = setting.serve(1000, &GPU, rng);
    match name {
        "wrong seed" => served.seed += 1 + i64::from(served.seed == -2),
        "position shifted by one" => served.position += 1,
        "temperature off by 0.01" => {
            claimed.params.temperature = claimed.params.temperature.map(|t| t + 0.01)
        }
        "1 % of the ids replaced" => {
            let v = (served.rows.len() / served.ids.len()) as u32;
            for id in served.ids.iter_mut().step_by(100) {
                *id = (*id + rng.random_range(1..v)) % v;
            }
        }
        _ => served.rows.iter_mut().for_each(|x| *x = f32::from_bits((x.to_bits() + 0x8000) & 0xffff_0000)),
    }
    (claimed, served)
}

fn main() {
    let runs = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(200);
    let usual = Tolerance::default();
    table("Faithful servers with the roundings of a GPU", runs, |s| alarms(s, runs, GPU, usual, 0.0));
    let most = Tolerance { score: 0.02, spacings: 0.0, cut: 0.01 };
    let errors = Errors { spacings: 0.0, score: 0.01, cut: 0.01, logits: 0.0 };
    table("Faithful servers that err as far as is allowed", runs, |s| alarms(s, runs, errors, most, 0.0));
    let noisy = Errors { logits: 0.01, ..GPU };
    table("Noise of 0.01 on the logits, and --logit-noise 0.01", runs, |s| {
        alarms(s, runs, noisy, usual, 0.01)
    });

    let each = (runs / 20).max(10);
    println!("\nFaults that are called unfaithful at 0.001, of {each} runs of 1000 steps each\n");
    println!(
        "| engine | setting | wrong seed | position + 1 | temperature + 0.01 | 1 % replaced | bf16 logits |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|");
    let names = [
        "wrong seed",
        "position shifted by one",
        "temperature off by 0.01",
        "1 % of the ids replaced",
        "bf16",
    ];
    for setting in settings().iter().filter(|s| !s.lumps) {
        let found = names.map(|name| {
            let runs = (0..each).into_par_iter().filter(|&n| {
                let (claimed, served) = fault(name, setting, n);
                !claimed.audit(&served, usual, 0.0).verdict.is_some_and(|v| v.faithful)
            });
            runs.count().to_string()
        });
        println!("| `{}` | {} | {} |", setting.engine, setting.name, found.join(" | "));
    }
}
