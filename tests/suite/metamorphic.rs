//! Laws over the command line: what must not change when the same thing is said in another way.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::run::{fixture, tokpick, with_input, words};

/// Rows on a grid of 1/64, all logits different, T · V of them.
fn grid(t: usize, v: usize) -> Vec<Vec<f32>> {
    let row = |s: usize| {
        (0..v).map(|i| ((i * 37 + s * 11) % v) as f32 / 64.0 * 9.0 - 3.0 + s as f32 / 64.0).collect()
    };
    (0..t).map(row).collect()
}

fn run(args: &str, rows: &[Vec<f32>]) -> String {
    with_input(&words(args), json!(rows).to_string().as_bytes()).text()
}

fn ids(text: &str) -> Vec<usize> {
    text.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

const CHAINS: [&str; 6] = [
    "--temperature 0.7",
    "--top-k 5",
    "--top-p 0.8 --temperature 1.3",
    "--typical-p 0.6",
    "--min-p 0.1 --repetition-penalty 1",
    "--top-n-sigma 1 --smoothing-factor 0.2",
];

#[test]
fn a_permuted_vocabulary_permutes_the_answer() {
    let (t, v) = (5, 61);
    let rows = grid(t, v);
    let place = |id: usize| id * 23 % v;
    let mut permuted = vec![vec![0.0; v]; t];
    for (from, to) in rows.iter().zip(&mut permuted) {
        from.iter().enumerate().for_each(|(id, x)| to[place(id)] = *x);
    }
    let greedy: Vec<usize> = ids(&run("greedy -", &rows)).into_iter().map(place).collect();
    assert_eq!(greedy, ids(&run("greedy -", &permuted)));
    for chain in CHAINS {
        let probs = |rows: &[Vec<f32>]| -> Value {
            serde_json::from_str(&run(&format!("probs - -f json {chain}"), rows)).unwrap()
        };
        let (a, b) = (probs(&rows), probs(&permuted));
        for step in 0..t {
            let of = |document: &Value, place: &dyn Fn(usize) -> usize| {
                let row = &document["rows"][step];
                let ids =
                    row["ids"].as_array().unwrap().iter().map(|id| place(id.as_u64().unwrap() as usize));
                let mut all: Vec<(usize, f64)> =
                    ids.zip(row["probs"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap())).collect();
                all.sort_by_key(|x| x.0);
                all
            };
            let (a, b) = (of(&a, &place), of(&b, &|id| id));
            assert_eq!(a.len(), b.len(), "{chain}");
            for (x, y) in a.iter().zip(&b) {
                assert!(x.0 == y.0 && (x.1 - y.1).abs() <= 1e-12, "{chain}: {x:?} {y:?}");
            }
        }
    }
}

#[test]
fn a_constant_on_all_logits_changes_no_draw() {
    let rows = grid(6, 50);
    for shift in [-1024.0f32, 0.5, 4096.0] {
        let shifted: Vec<Vec<f32>> = rows.iter().map(|row| row.iter().map(|x| x + shift).collect()).collect();
        for chain in CHAINS {
            for draw in ["", "--draw gumbel"] {
                let line = format!("sample - --seed 5 -n 3 {draw} {chain}");
                assert_eq!(run(&line, &rows), run(&line, &shifted), "{line} {shift}");
            }
        }
    }
}

/// A sequence among others is the sequence alone, and a slice of steps draws what the whole draws there.
#[test]
fn doubled_and_sliced_rows() {
    let rows = grid(6, 40);
    let batch = json!([rows, rows]).to_string();
    let greedy = with_input(&["greedy", "-"], batch.as_bytes()).text();
    let lines: Vec<&str> = greedy.lines().collect();
    assert!(lines.len() == 2 && lines[0] == lines[1], "{greedy}");
    for draw in ["", "--draw gumbel"] {
        let whole = ids(&run(&format!("sample - --seed 3 {draw}"), &rows));
        let sliced = ids(&run(&format!("sample - --seed 3 {draw} --rows 2..5"), &rows));
        assert_eq!(whole[2..5], sliced);
        let first = with_input(&words(&format!("sample - --seed 3 {draw}")), batch.as_bytes()).text();
        assert_eq!(ids(first.lines().next().unwrap()), whole, "the first of a batch");
    }
}

/// Where a conversion goes: a folder of its own.
fn converted(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    tokpick(&["convert", "batch.npy", "-o", path.to_str().unwrap()]).text();
    path
}

/// The same rows in any format, packed or not, from a file or a pipe, with any number of threads.
#[test]
fn any_format_and_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        "sample -s 7 -n 4 -t 0.8 --top-p 0.9 -f json",
        "beam -f json",
        "greedy",
        "probs --top 5",
        "info -f json",
    ];
    let without_input = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        if let Ok(mut document) = serde_json::from_str::<Value>(&text) {
            for field in ["arguments", "input", "format", "shape"] {
                document.as_object_mut().map(|d| d.remove(field));
            }
            lines = vec![document.to_string()];
        }
        lines
    };
    let run = |line: &str, input: &str| {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        without_input(tokpick(&words(&format!("{command} {input} {rest}"))).text())
    };
    let files: Vec<PathBuf> =
        ["b.npy", "b.npz", "b.safetensors", "b.json"].map(|n| converted(folder.path(), n)).into();
    for line in lines {
        let expected = run(line, "batch.npy");
        for file in &files {
            let file = file.to_str().unwrap();
            assert_eq!(run(line, file), expected, "{line} {file}");
        }
        for threads in [1, 2, 3, 16] {
            let line = format!("{line} --threads {threads}");
            if line.starts_with("info") || line.starts_with("probs") {
                continue;
            }
            assert_eq!(run(&line, "batch.npy"), expected, "{line}");
        }
        let bytes = std::fs::read(fixture("tiny-lm/batch.npy")).unwrap();
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let piped = with_input(&words(&format!("{command} - {rest}")), &bytes).text();
        assert_eq!(without_input(piped), expected, "{line} from a pipe");
    }
}

#[test]
fn what_was_decoded_is_verified_and_scored() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    for line in [
        "sample -s 3 -n 2 --top-k 9",
        "sample -s 9 --draw gumbel -t 1.2",
        "greedy --repetition-penalty 1.3",
        "beam --num-beams 3",
    ] {
        let (command, rest) = line.split_once(' ').unwrap();
        let (record, out) = (at("record"), at("out.json"));
        let line = format!("{command} batch.npy {rest} -f json -o {out} --record {record}");
        tokpick(&words(&line)).text();
        assert!(tokpick(&["verify", &record]).text().starts_with("everything agrees"), "{line}");
        let document: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        if line.contains("-n 2") {
            continue;
        }
        let score = tokpick(&["score", "batch.npy", "--ids-file", &out, "-f", "json"]).json();
        for (drawn, scored) in
            document["sequences"].as_array().unwrap().iter().zip(score["sequences"].as_array().unwrap())
        {
            let (a, b) = (drawn["logprob"].as_f64().unwrap(), scored["logprob"].as_f64().unwrap());
            // the sums of a search are of the arithmetic of decisions
            assert!((a - b).abs() < if command == "beam" { 1e-6 * b.abs() } else { 1e-9 }, "{line}: {a} {b}");
            if command == "beam" {
                continue;
            }
            let each = scored["tokens"].as_array().unwrap().iter().map(|t| &t["logprob"]);
            assert!(each.eq(drawn["logprobs"].as_array().unwrap()), "{line}");
        }
    }
}

/// What `explain` shows last is what `probs` prints and what `sample` draws from.
#[test]
fn explain_probs_and_sample_tell_one_distribution() {
    for chain in CHAINS {
        let explain =
            tokpick(&words(&format!("explain steps.npy --step 2 --seed 4 -f json --top 600 {chain}"))).json();
        let probs = tokpick(&words(&format!("probs steps.npy --rows 2..3 -f json {chain}"))).json();
        let (step, row) = (&explain["steps"][0], &probs["rows"][0]);
        let of = |id: &Value| -> Option<f64> {
            let at = row["ids"].as_array()?.iter().position(|x| x == id)?;
            row["probs"][at].as_f64()
        };
        for token in step["tokens"].as_array().unwrap() {
            let last = token["probs"].as_array().unwrap().last().unwrap();
            assert_eq!(last.as_f64(), of(&token["id"]), "{chain}: {token}");
        }
        let drawn = tokpick(&words(&format!("sample steps.npy --rows 2..3 --seed 4 -f json {chain}"))).json();
        let sequence = &drawn["sequences"][0];
        assert_eq!(sequence["ids"][0], step["draw"]["id"], "{chain}");
        let p = of(&sequence["ids"][0]).unwrap();
        let logprob = sequence["processed_logprobs"][0].as_f64().unwrap();
        assert!((logprob - p.ln()).abs() < 1e-6, "{chain}: {logprob} and ln {p}");
    }
}
