//! Whole processes: the program over a file of rows, beside `cat FILE > /dev/null`; many samples of one row; JSON Lines and a prefix
//! table, beside serde_json's parse of the same numbers. Wall time, the least of some runs; a table of ratios.
//!
//! `cargo bench --bench whole -- [ROWS [VOCAB]]` (1000 and 128256 unless told otherwise: 513 MB in the temporary directory, twice).
//! `TOKPICK=PATH` takes another program.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::rows;

/// How long a line of the table may take, once it has one time.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> io::Result<()> {
    let mut sizes = std::env::args().skip(1).filter_map(|arg| arg.parse::<usize>().ok());
    let (count, vocab) = (sizes.next().unwrap_or(1000), sizes.next().unwrap_or(128_256));
    let program =
        std::env::var_os("TOKPICK").map_or_else(|| env!("CARGO_BIN_EXE_tokpick").into(), PathBuf::from);
    let dir = tempfile::tempdir()?;
    let path = |name: &str| dir.path().join(name).display().to_string();
    let run = |line: &str| -> io::Result<f64> {
        let mut words = line.split(' ');
        let program = match words.clone().next() {
            Some("cat") => words.next().map(PathBuf::from).unwrap_or_default(),
            _ => program.clone(),
        };
        time(&program, words)
    };
    let (file, other, row, ids) = (path("a.npy"), path("b.npy"), path("row.npy"), path("ids"));
    run(&format!("synth {count}x{vocab} --seed 1 -o {file}"))?;
    run(&format!("synth {count}x{vocab} --seed 2 -o {other}"))?;
    run(&format!("synth 1x{vocab} --seed 3 -o {row}"))?;
    run(&format!("greedy {file} -o {ids}"))?;
    let least = |line: &str| -> io::Result<f64> {
        let (mut least, start) = (f64::INFINITY, Instant::now());
        for _ in 0..7 {
            least = least.min(run(line)?);
            if start.elapsed() > PATIENCE {
                break;
            }
        }
        Ok(least)
    };

    println!("\nwhole processes, {count} rows of {vocab} f32, {} instructions\n", tokpick::kernel::simd());
    // score, info, probs and diff have no --threads
    println!("| | 1 thread | 2 threads |\n| --- | --- | --- |");
    let cat = least(&format!("cat {file}"))?;
    println!("| `cat` | {:.0} ms | – |", cat * 1e3);
    for (name, line) in [
        ("greedy", format!("greedy {file}")),
        ("top-k 40", format!("sample {file} --seed 1 --top-k 40")),
        ("top-p 0.9", format!("sample {file} --seed 1 --top-p 0.9")),
        ("`score`", format!("score {file} --ids-file {ids}")),
        ("`info`", format!("info {file}")),
        ("`probs --top 10`", format!("probs {file} --top 10")),
        ("`diff` of two", format!("diff {file} {other}")),
    ] {
        let mut cells = String::new();
        let threads = if line.starts_with("sample") || line.starts_with("greedy") { 1..=2 } else { 0..=0 };
        for threads in threads {
            let flag = if threads > 0 { format!(" --threads {threads}") } else { String::new() };
            let took = least(&format!("{line}{flag}"))?;
            let _ = write!(cells, " {:.0} ms, {:.2} × `cat` |", took * 1e3, took / cat);
        }
        if cells.matches('|').count() == 1 {
            cells.push_str(" – |");
        }
        println!("| {name} |{cells}");
    }
    let many = least(&format!("sample {row} --seed 1 -n 1000000 -o {ids}"))?;
    println!("| `sample -n 1000000` of one row, to a file | {:.0} ms | – |", many * 1e3);

    let (lines, table) = (path("steps.jsonl"), path("table.jsonl"));
    json(Path::new(&lines), 200, 32_000, |_| String::new())?;
    json(Path::new(&table), 6400, 1000, prefix)?;
    println!("\n| JSON | time | a MB | serde_json |\n| --- | --- | --- | --- |");
    for (name, file, line) in [
        ("JSON Lines, 200 × 32,000", &lines, format!("greedy {lines} --threads 1")),
        ("prefix table, 6,400 × 1,000", &table, format!("greedy {table} --max-new-tokens 2")),
    ] {
        let size = fs::metadata(file)?.len() as f64 / 1e6;
        let (took, peer) = (least(&line)?, parse(file)?);
        println!("| {name} | {:.0} ms | {:.2} ms | {:.2} × |", took * 1e3, took * 1e3 / size, took / peer);
    }
    Ok(())
}

/// Seconds of one process, whose output goes nowhere.
fn time<'a>(program: &Path, words: impl Iterator<Item = &'a str>) -> io::Result<f64> {
    let start = Instant::now();
    let status = Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let took = start.elapsed().as_secs_f64();
    if status.success() { Ok(took) } else { Err(io::Error::other(format!("{} failed", program.display()))) }
}

/// Lines of Gaussian logits in shortest decimals.
fn json(path: &Path, count: usize, vocab: usize, begin: impl Fn(usize) -> String) -> io::Result<()> {
    let (mut to, mut rng) = (BufWriter::new(fs::File::create(path)?), rows::rng());
    for number in 0..count {
        let numbers: Vec<String> = rows::normal(&mut rng, vocab, 3.0).iter().map(f32::to_string).collect();
        let begin = begin(number);
        let end = if begin.is_empty() { "" } else { "}" };
        writeln!(to, "{begin}[{}]{end}", numbers.join(","))?;
    }
    to.flush()
}

/// The beginning of a line of a table: no ids, then one, then two.
fn prefix(number: usize) -> String {
    let ids = match number {
        0 => String::new(),
        1..=1000 => format!("{}", number - 1),
        _ => format!("{},{}", number % 1000, number / 1000),
    };
    format!("{{\"prefix\":[{ids}],\"logits\":")
}

/// Seconds that serde_json takes for the numbers of all lines.
fn parse(path: &str) -> io::Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        let text = fs::read(path)?;
        for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let numbers = &line[line.iter().rposition(|b| *b == b'[').unwrap_or(0)..];
            let numbers = numbers.strip_suffix(b"}").unwrap_or(numbers);
            black_box(serde_json::from_slice::<Vec<f32>>(numbers)?);
        }
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}
