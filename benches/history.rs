//! The time of all history processors over a long context, against the softmax normaliser (maximum and Σ exp) over the same row.
//!
//! `cargo bench --bench history`

#[path = "common/rows.rs"]
mod rows;

use std::hint::black_box;
use std::time::{Duration, Instant};

use rand::RngExt;
use tokpick::candidates::Candidates;
use tokpick::kernel::{self, Band, Slice, Weigh};
use tokpick::processor::Context;
use tokpick::settings;
use tokpick::source::Row;

const VOCAB: usize = 128_256;
const CONTEXT: usize = 10_000;
const ROUNDS: usize = 100;

/// The stages, alone and together.
const STAGES: &[(&str, &str)] = &[
    ("load and release", "[]"),
    ("repetition penalty", r#"[{"repetition_penalty":1.2}]"#),
    ("frequency penalty", r#"[{"frequency_penalty":0.3}]"#),
    ("presence penalty", r#"[{"presence_penalty":0.3}]"#),
    ("no repeated n-grams", r#"[{"no_repeat_ngram_size":3}]"#),
    ("DRY", r#"[{"dry":{"multiplier":0.8,"breakers":[[13],[198,11],[25]]}}]"#),
    (
        "exponential decay",
        r#"[{"exponential_decay_length_penalty":{"start":10,"factor":1.01,"eos_token_id":[2]}}]"#,
    ),
    (
        "all of them",
        r#"[{"repetition_penalty":1.2},{"frequency_penalty":0.3},{"presence_penalty":0.3},
            {"dry":{"multiplier":0.8,"breakers":[[13],[198,11],[25]]}},{"no_repeat_ngram_size":3},
            {"exponential_decay_length_penalty":{"start":10,"factor":1.01,"eos_token_id":[2]}}]"#,
    ),
];

fn main() -> tokpick::Result<()> {
    let mut rng = rows::rng();
    let mut rows: Vec<Row> =
        (0..16).map(|_| Row::dense(rows::uniform(&mut rng, VOCAB, -4.0, 12.0))).collect();
    let contexts = [
        (
            "10,000 ids, all equally probable",
            (0..CONTEXT).map(|_| rng.random_range(0..VOCAB as u32)).collect(),
        ),
        (
            "10,000 ids, few of them frequent",
            (0..CONTEXT)
                .map(|_| {
                    let u: f64 = rng.random();
                    ((VOCAB as f64).powf(u) as u32).min(VOCAB as u32 - 1)
                })
                .collect(),
        ),
        ("a period of 7 ids", (0..CONTEXT as u32).map(|i| i % 7 * 1000).collect::<Vec<u32>>()),
    ];
    let normaliser = tenth(&mut rows, |row| {
        let mut maxima = Vec::new();
        let max = kernel::scan(&row.logits, &mut maxima).max;
        let set = Slice { ids: None, values: &row.logits };
        black_box(kernel::mass(set, Weigh { max, scale: 1.0 }, Band::ALL, &mut Vec::new()));
        Ok(())
    })?;
    println!("softmax normaliser over {VOCAB} logits: {:.1} µs", micros(normaliser));
    for (kind, context) in contexts {
        println!("\n{kind}");
        for (name, chain) in STAGES {
            let chain = settings::chain(chain)?;
            let mut c = Candidates::default();
            let mut context = context.clone();
            let mut step = 0;
            let time = tenth(&mut rows, |row| {
                context[CONTEXT - 1] = step % VOCAB as u32; // no two steps have the same history
                step += 1;
                c.load(std::mem::take(row), 0, 0)?;
                let cx = Context { context: &context, prompt_len: 5000, sequence: 0, step: 0, coins: &0.0 };
                chain.apply(&mut c, &cx)?;
                black_box(c.argmax());
                *row = c.take_row();
                Ok(())
            })?;
            println!(
                "{name:>22}: {:7.1} µs, {:5.2} × the normaliser",
                micros(time),
                time.as_secs_f64() / normaliser.as_secs_f64()
            );
        }
    }
    Ok(())
}

fn tenth(
    rows: &mut [Row],
    mut work: impl FnMut(&mut Row) -> tokpick::Result<()>,
) -> tokpick::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        for row in rows.iter_mut() {
            let start = Instant::now();
            work(row)?;
            times.push(start.elapsed());
        }
    }
    times.sort();
    Ok(times[times.len() / 10])
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
