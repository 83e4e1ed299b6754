//! A model process in Rust: what `--model-command` asks. A toy whose logits follow from the last id and the length.
//!
//! ```text
//! tokpick beam --model-command "target/debug/examples/model_process" --num-beams 4
//! ```
//!
//! Arguments: `--vocab V` (16), `--npy` (binary answers), and for tests of those who ask: `--fault NAME` (see `Fault`), from the
//! question number `--after N` (0) on.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde_json::{Value, json};
use tokpick::source::write::NpyWriter;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1));
    let number = |name: &str, default| value(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let (vocab, after) = (number("--vocab", 16), number("--after", 0));
    let npy = args.iter().any(|a| a == "--npy");
    let fault = value("--fault").map(String::as_str);
    eprintln!("toy model, {vocab} tokens");
    if fault == Some("greeting") {
        println!("Loading the model …");
    }
    for (asked, line) in io::stdin().lock().lines().enumerate() {
        let question: Value = serde_json::from_str(&line?)?;
        let prompt = ids(&question["prompt"]);
        let prefixes: Vec<Vec<u64>> = match &question["prefixes"] {
            Value::Array(prefixes) => prefixes.iter().map(ids).collect(),
            _ => vec![ids(&question["prefix"])],
        };
        let mut rows: Vec<Vec<f32>> =
            prefixes.iter().map(|prefix| row(&[&prompt[..], prefix].concat(), vocab)).collect();
        if asked >= after
            && let Some(fault) = fault
        {
            misbehave(fault, &mut rows);
        }
        let mut out = io::stdout().lock();
        if npy {
            let axes = [rows.len(), rows[0].len()];
            let mut writer = NpyWriter::new(&mut out, if rows.len() == 1 { &axes[1..] } else { &axes })?;
            rows.iter().try_for_each(|row| writer.row(row))?;
            writer.finish()?;
        } else if let [row] = &rows[..] {
            writeln!(out, "{{\"logits\":{}}}", text(row))?;
        } else {
            let rows: Vec<String> = rows.iter().map(|row| text(row)).collect();
            writeln!(out, "{{\"logits\":[{}]}}", rows.join(","))?;
        }
        out.flush()?;
    }
    if fault == Some("stays") {
        std::thread::sleep(Duration::from_secs(1000));
    }
    Ok(())
}

fn ids(value: &Value) -> Vec<u64> {
    value.as_array().map_or(Vec::new(), |ids| ids.iter().filter_map(Value::as_u64).collect())
}

/// Quarters, so that they are exact in every format.
fn row(context: &[u64], vocab: usize) -> Vec<f32> {
    let last = context.last().copied().unwrap_or(0);
    (0..vocab as u64).map(|id| ((last * 7 + id * 13 + context.len() as u64 * 5) % 29) as f32 / 4.0).collect()
}

/// Numbers as Python writes them.
fn text(row: &[f32]) -> String {
    let numbers: Vec<String> = row
        .iter()
        .map(|x| match x {
            x if x.is_nan() => "NaN".to_string(),
            x if x.is_infinite() => if *x > 0.0 { "Infinity" } else { "-Infinity" }.to_string(),
            x => json!(x).to_string(),
        })
        .collect();
    format!("[{}]", numbers.join(","))
}

/// What a broken model does.
fn misbehave(fault: &str, rows: &mut Vec<Vec<f32>>) {
    match fault {
        "death" => {
            eprintln!("about to fail\nout of memory");
            std::process::exit(3);
        }
        "hang" => {
            eprintln!("thinking");
            std::thread::sleep(Duration::from_secs(1000));
        }
        "garbage" => println!("Hmm, let me think about it"),
        "half" => {
            print!("{{\"logits\":[1,2,");
            std::process::exit(0);
        }
        "nan" => rows[0][2] = f32::NAN,
        "infinity" => rows[0][2] = f32::INFINITY,
        "masked" => rows[0].fill(f32::NEG_INFINITY),
        "short" => rows.iter_mut().for_each(|row| row.truncate(3)),
        "empty" => rows.iter_mut().for_each(Vec::clear),
        "rows" => rows.extend(rows.clone()),
        _ => {}
    }
}
