//! Every file of fixtures/formats/kld holds what its expected.json says, and `diff` tells of two of them what llama-perplexity tells.

use std::fs::File;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokpick::check::{KlStatistics, kl_statistics};
use tokpick::source::{Floor, LogitsSource, Open, RowRange, row_iter};

use crate::support::run::{fixture, tokpick};

fn path(name: &str) -> PathBuf {
    fixture("formats/kld").join(name)
}

fn name(file: &str) -> String {
    format!("../formats/kld/{file}")
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(path("expected.json")).unwrap()).unwrap()
}

type Source = Box<dyn LogitsSource + Send>;

fn open(file: &str) -> Source {
    Open::new(path(file)).open().unwrap()
}

/// The file, and the same through a pipe.
fn both(file: &str) -> [Source; 2] {
    [open(file), Open::new("a pipe").read(File::open(path(file)).unwrap()).unwrap()]
}

#[track_caller]
fn near(what: &str, found: f64, expected: &Value, slack: f64) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what}: {expected}"));
    assert!(
        (found - expected).abs() <= slack * expected.abs().max(1e-3),
        "{what}: {found}, expected {expected}"
    );
}

#[test]
fn files_hold_what_llama_perplexity_wrote() {
    for (file, facts) in expected()["files"].as_object().unwrap() {
        for mut source in both(file) {
            let (shape, text) = (source.shape(), source.carried().to_vec());
            let first = facts["first_scored_position"].as_u64().unwrap() as usize + 1;
            assert_eq!(json!(shape.sequences.len()), facts["n_chunk"]);
            assert_eq!((json!(shape.vocab), shape.first_step), (facts["n_vocab"].clone(), first), "{file}");
            assert_eq!(json!(shape.end_step), facts["n_ctx"]);
            let tokens: Vec<_> = text.iter().map(|c| c.ids.clone()).collect();
            assert_eq!(json!(tokens), facts["tokens"], "{file}");
            let (mut sum, mut entries, mut cut, mut nll) = (0.0, 0, 0, 0.0);
            let rows: Vec<_> = row_iter(source.as_mut()).map(Result::unwrap).collect();
            assert_eq!(json!(rows.len()), facts["rows_total"]);
            for at in &rows {
                let (row, r) = (&at.row.logits, at.step - first);
                let floor = Floor::of(row);
                sum += row.iter().map(|x| f64::from(*x)).sum::<f64>();
                entries += row.iter().filter(|x| **x == floor.lowest).count();
                cut += usize::from(floor.cuts);
                let best = (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b]));
                assert_eq!(json!(best), facts["argmax_ids"][at.sequence][r], "{file}");
                let lp = f64::from(row[tokens[at.sequence][at.step] as usize]);
                near(file, lp, &facts["next_token_logprobs"][at.sequence][r], 1e-7);
                nll -= lp;
                let shown = &facts["logprobs_first8"][format!("chunk{}_row{r}", at.sequence)];
                for (x, expected) in row.iter().zip(shown.as_array().into_iter().flatten()) {
                    near(file, f64::from(*x), expected, 1e-7);
                }
            }
            near(file, sum, &facts["logprobs_sum_all_f64"], 1e-8);
            near(file, (nll / rows.len() as f64).exp(), &facts["ppl_from_file"], 1e-8);
            assert_eq!(
                json!([entries, cut]),
                json!([facts["entries_at_floor"], facts["rows_clamped_at_16_nats"]])
            );
        }
    }
}

/// A value of the table by the name that expected.json has for it, and its error.
fn of(s: &KlStatistics, name: &str) -> (Option<f64>, Option<f64>) {
    let (p, both) = (&s.perplexity, |e: tokpick::check::Estimate, by: f64| {
        (e.value.map(|x| by * x), e.error.map(|x| by * x))
    });
    let quantile = |q: &tokpick::check::Quantiles, by: f64| {
        let x = match name.split(' ').next().unwrap() {
            "Minimum" => q.min,
            "0.1%" => q.p0_1,
            "1.0%" => q.p1,
            "5.0%" => q.p5,
            "10.0%" => q.p10,
            "25.0%" => q.p25,
            "Median" => q.median,
            "75.0%" => q.p75,
            "90.0%" => q.p90,
            "95.0%" => q.p95,
            "99.0%" => q.p99,
            "99.9%" => q.p99_9,
            "Maximum" => q.max,
            other => panic!("{other}"),
        };
        (x.map(|x| by * x), None)
    };
    match name {
        "count" => (Some(s.rows as f64), None),
        "Mean PPL(Q)" => both(p.q, 1.0),
        "Mean PPL(base)" => both(p.base, 1.0),
        "Cor(ln(PPL(Q)), ln(PPL(base))) %" => (p.correlation.map(|c| 100.0 * c), None),
        "Mean ln(PPL(Q)/PPL(base))" => both(p.ln_ratio, 1.0),
        "Mean PPL(Q)/PPL(base)" => both(p.ratio, 1.0),
        "Mean PPL(Q)-PPL(base)" => both(p.difference, 1.0),
        "Mean KLD" => both(s.mean_kl, 1.0),
        "Mean dp %" => both(s.mean_delta_p, 100.0),
        "RMS dp %" => both(s.rms_delta_p, 100.0),
        "Same top p %" => both(s.same_top, 100.0),
        _ if name.ends_with("KLD") => quantile(&s.kl, 1.0),
        _ => quantile(&s.delta_p, 100.0),
    }
}

#[test]
fn two_files_give_the_table_to_its_digits() {
    for (name, facts) in expected()["comparisons"].as_object().unwrap() {
        let file = |key: &str| facts[key].as_str().unwrap().to_string();
        for (mut base, mut q) in both(&file("base")).into_iter().zip(both(&file("other"))) {
            let mut rows = Vec::new();
            let found = kl_statistics(base.as_mut(), q.as_mut(), &mut |row| {
                rows.push(row.kl.unwrap());
                Ok(())
            })
            .unwrap();
            for (key, expected) in facts["from_the_two_files"].as_object().unwrap() {
                let (value, error) = of(&found, key);
                let what = format!("{name}: {key}");
                match expected {
                    // 0 / 0 where the files are the same
                    Value::Null => {}
                    Value::Array(pair) if pair.iter().all(Value::is_number) => {
                        near(&what, value.unwrap(), &pair[0], 2e-8);
                        // rounding alone is left where the files are the same
                        near(
                            &what,
                            error.unwrap(),
                            &pair[1],
                            if file("base") == file("other") { 1.0 } else { 2e-8 },
                        );
                    }
                    Value::Array(_) => {}
                    one => near(&what, value.unwrap(), one, 2e-8),
                }
            }
            for (row, expected) in rows.iter().zip(facts["per_row_kld_two_files"].as_array().unwrap()) {
                near(name, *row, expected, 1e-6);
            }
            // what llama-perplexity printed for the model itself, which has no floor
            let printed = &facts["printed"]["Mean PPL(Q)"][0];
            let scored = found.q_floor.unwrap().scored;
            if scored == 0 {
                near(name, found.perplexity.q.value.unwrap(), printed, 2e-5);
            } else {
                assert!(found.perplexity.q.value.unwrap() < printed.as_f64().unwrap(), "{name}");
            }
            let lines = facts["printed_chunks"].as_array().unwrap();
            assert_eq!(found.chunks.len(), lines.len());
            for (chunk, line) in found.chunks.iter().zip(lines).filter(|_| scored == 0) {
                near(name, chunk.ppl.value.unwrap(), &line[1], 2e-5);
                near(name, 100.0 * chunk.same_top.value.unwrap(), &line[9], 1e-5);
            }
        }
    }
}

#[test]
fn the_table_is_that_of_llama_perplexity() {
    let text = tokpick(&["diff", &name("lm512-f32.kld"), &name("lm512-q8_0.kld"), "--top", "1"]).text();
    for line in [
        "Mean PPL(base)                :  20.106570 ±   3.878962",
        "Cor(ln(PPL(Q)), ln(PPL(base))):  99.98%",
        "Mean    KLD:   0.000770 ±   0.000091",
        "Median  KLD:   0.000384",
        "10.0%   KLD:   0.000110",
        "Minimum Δp: -6.155%",
        "RMS Δp    :  0.812 ± 0.144 %",
        "Same top p: 98.925 ± 0.758 %",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    // two rows are enough for a table, and one has no errors
    let few = tokpick(&["diff", &name("lm513-f32-c33.kld"), &name("lm513-q4_0-c33.kld"), "--rows", "30..32"])
        .text();
    assert!(few.contains("14 rows") && few.contains("90.0%   KLD"), "{few}");
}

#[test]
fn tokens_at_the_floor_are_counted_and_said() {
    let args = ["diff", &name("lm513-f32-c33.kld"), &name("lm513-q4_0-c33.kld")];
    let text = tokpick(&args).text();
    assert!(
        text.ends_with("The floor lies 16 nats below the best token: PPL(base) and PPL(Q) can be larger.\n"),
        "{text}"
    );
    let json = tokpick(&[&args[..], &["-f", "json"]].concat()).json();
    assert_eq!(json["statistics"]["q_floor"], json!({"rows": 87, "entries": 9331, "scored": 1}));
}

/// Q as logits: of the rows alone, of every token, of all chunks in one sequence, in a stream.
#[test]
fn logits_of_any_kind_may_stand_beside_a_kld() {
    let folder = tempfile::tempdir().unwrap();
    let mut q = open("lm512-q8_0.kld");
    let rows: Vec<Vec<f32>> = row_iter(q.as_mut()).map(|at| at.unwrap().row.logits).collect();
    let write = |file: &str, value: Value| {
        std::fs::write(folder.path().join(file), value.to_string()).unwrap();
        folder.path().join(file).to_str().unwrap().to_string()
    };
    let chunks: Vec<&[Vec<f32>]> = rows.chunks(31).collect();
    // row t follows token t: the first 32 and the last are about other tokens
    let idle = vec![vec![0.0f32; 512]; 32];
    let whole: Vec<Vec<Vec<f32>>> = chunks.iter().map(|c| [&idle, *c, &idle[..1]].concat()).collect();
    let lines: String = rows.iter().map(|row| json!(row).to_string() + "\n").collect();
    let stream = folder.path().join("lines.jsonl");
    std::fs::write(&stream, &lines).unwrap();
    let longer = folder.path().join("longer.jsonl");
    std::fs::write(&longer, lines.clone() + &json!(rows[0]).to_string() + "\n").unwrap();
    // each row as a list of the tokens that it names, here all of them, in an order of its own
    let named = |row: &Vec<f32>| {
        let ids: Vec<usize> = (0..512).map(|at| at * 5 % 512).collect();
        let logits: Vec<f32> = ids.iter().map(|&id| row[id]).collect();
        json!({"ids": ids, "logits": logits}).to_string() + "\n"
    };
    let sparse = folder.path().join("sparse.jsonl");
    std::fs::write(&sparse, rows.iter().map(named).collect::<String>()).unwrap();
    let shorter = folder.path().join("shorter.jsonl");
    std::fs::write(&shorter, rows[1..].iter().map(|row| json!(row).to_string() + "\n").collect::<String>())
        .unwrap();
    let files = [
        write("rows.json", json!(chunks)),
        write("whole.json", json!(whole)),
        write("flat.json", json!(rows)),
        write("flat-whole.json", json!(whole.concat())),
        stream.to_str().unwrap().to_string(),
        sparse.to_str().unwrap().to_string(),
    ];
    let base = name("lm512-f32.kld");
    let of = |q: &str| tokpick(&["diff", &base, q, "-f", "json"]).json();
    let stored = of(&name("lm512-q8_0.kld"));
    let first = of(&files[0]);
    for file in &files[1..] {
        assert_eq!(of(file)["statistics"], first["statistics"], "{file}");
    }
    // normalised here, as stored there
    for key in ["/statistics/perplexity/q/value", "/statistics/kl/max"] {
        let (a, b) = (stored.pointer(key).unwrap(), first.pointer(key).unwrap());
        near(key, a.as_f64().unwrap(), b, 5e-3);
    }
    assert_eq!(first["statistics"]["q_floor"], Value::Null);
    let line = tokpick(&["diff", &base, longer.to_str().unwrap()]).failure();
    assert!(line.contains("goes on, but ../formats/kld/lm512-f32.kld has no further row"), "{line}");
    let line = tokpick(&["diff", &base, shorter.to_str().unwrap()]).failure();
    assert!(
        line.contains("step 185")
            && line.ends_with("no row here, but ../formats/kld/lm512-f32.kld has one for it"),
        "{line}"
    );
    let line = tokpick(&["diff", &base, &write("short.json", json!(rows[..30]))]).failure();
    assert!(
        line.contains("1 sequences of 30 steps") && line.contains("give 31 rows for each of them"),
        "{line}"
    );
}

#[test]
fn a_text_of_its_own_is_scored_without_ids() {
    let scores = tokpick(&["score", &name("lm512-f32.kld"), "-f", "json"]).json();
    let sequences = scores["sequences"].as_array().unwrap();
    assert_eq!(sequences.len(), 6);
    let expected = &expected()["files"]["lm512-f32.kld"];
    for (c, sequence) in sequences.iter().enumerate() {
        for (r, token) in sequence["tokens"].as_array().unwrap().iter().enumerate() {
            assert_eq!((&token["id"], &token["step"]), (&expected["tokens"][c][33 + r], &json!(33 + r)));
            // stored to about 1e-4, and normalised
            let logprob = token["logprob"].as_f64().unwrap();
            assert!((logprob - expected["next_token_logprobs"][c][r].as_f64().unwrap()).abs() < 1e-4);
        }
    }
    let part = tokpick(&["score", &name("lm512-f32.kld"), "--rows", "40..42", "-f", "json"]).json();
    let logprobs =
        |tokens: &Value| tokens.as_array().unwrap().iter().map(|t| t["logprob"].clone()).collect::<Vec<_>>();
    assert_eq!(logprobs(&part["sequences"][2]["tokens"]), logprobs(&sequences[2]["tokens"])[7..9]);
}

#[test]
fn what_does_not_fit_is_said() {
    let base = name("lm512-f32.kld");
    let failure = |args: &[&str]| tokpick(&[&["diff", &base], args].concat()).failure();
    assert!(failure(&[&name("lm513-f32-c33.kld")]).contains("vocabulary size: 513, but"));
    let q = name("lm512-q8_0.kld");
    let line = failure(&[&q, "--temperature", "0.7"]);
    assert!(line.starts_with("--temperature: has no meaning beside a .kld"), "{line}");
    let line = tokpick(&["diff", "steps.npy", &base]).failure();
    assert!(
        line.contains("give the .kld first: `tokpick diff ../formats/kld/lm512-f32.kld steps.npy`"),
        "{line}"
    );
    for limit in [["--max-kl", "0.01"], ["--min-top1", "0.99"]] {
        assert_eq!(tokpick(&[&["diff", &base, &q], &limit[..]].concat()).status, Some(1));
    }
    assert_eq!(tokpick(&["diff", &base, &q, "--max-kl", "0.02"]).status, Some(0));
    // another text
    let mut bytes = std::fs::read(path("lm512-q8_0.kld")).unwrap();
    bytes[20 + 4 * (64 + 40)] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.kld");
    std::fs::write(&other, bytes).unwrap();
    let line = failure(&[other.to_str().unwrap()]);
    assert!(
        line.contains("sequence 1, step 40: its text has token") && line.ends_with("of the same text"),
        "{line}"
    );
    // of the base a part may be selected, of the other not less than that
    let rows: RowRange = "40..50".parse().unwrap();
    let part = |file| Open { rows: Some(rows), ..Open::new(path(file)) }.open().unwrap();
    let mut source = part("lm512-f32.kld");
    assert_eq!(source.shape().steps(), Some(10));
    let of = |base: &mut Source, q: &mut Source| kl_statistics(base.as_mut(), q.as_mut(), &mut |_| Ok(()));
    assert_eq!(of(&mut source, &mut open("lm512-q8_0.kld")).unwrap().rows, 60);
    let error = of(&mut open("lm512-f32.kld"), &mut part("lm512-q8_0.kld")).unwrap_err().to_string();
    assert!(error.contains("6 chunks, steps 40 to 49, but "), "{error}");
    assert!(error.ends_with("has 6 chunks, steps 33 to 63"), "{error}");
    let mut table = Open::new(fixture("tiny-lm/prefix-table-a.jsonl")).open().unwrap();
    let error = of(&mut open("lm512-f32.kld"), &mut table).unwrap_err().to_string();
    assert!(error.ends_with("its rows follow the prefix: the comparison is of steps"), "{error}");
}

/// The perplexity over all chunks is llama-perplexity's own.
#[test]
fn score_has_a_total() {
    let file = "../formats/kld/lm512-f32.kld";
    let json = tokpick(&["score", file, "-f", "json"]).json();
    let total = &json["total"];
    assert_eq!((&total["sequences"], &total["tokens"]), (&json!(6), &json!(186)));
    let sequences = json["sequences"].as_array().unwrap();
    let sum: f64 = sequences.iter().map(|s| s["logprob"].as_f64().unwrap()).sum();
    assert!((total["logprob"].as_f64().unwrap() - sum).abs() < 1e-9);
    let found = total["perplexity"].as_f64().unwrap();
    assert!((found - (-sum / 186.0).exp()).abs() < 1e-9 && (found - 20.1066).abs() < 2e-4, "{found}");
    let text = tokpick(&["score", file]).text();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let total = words.split_once("all 6 sequences: 186 tokens, log-probability").unwrap().1;
    assert!(total.contains("perplexity 20.106") && total.contains("mean log-probability -3.00"), "{total}");
    for format in ["svg", "html", "text"] {
        let shown = tokpick(&["score", file, "-f", format]).text();
        assert!(shown.contains("all 6 sequences: 186 tokens"), "{format}");
    }
    // one sequence has its own sums
    assert!(!tokpick(&["score", "steps.npy", "--ids", "307,318"]).text().contains("all 1"));
}

#[test]
fn a_base_must_be_a_kld() {
    let answer = fixture("formats/llama-server/native-greedy-n10.json");
    let [mut base, mut q] = [(); 2].map(|()| Open::new(&answer).open().unwrap());
    let error = kl_statistics(base.as_mut(), q.as_mut(), &mut |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("is no .kld"), "{error}");
}
