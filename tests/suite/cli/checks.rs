//! Checks on the command line: what they say, and their exit statuses. Records that are repeated, changed, and written half.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

fn tokpick(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokpick"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).stdin(Stdio::null());
    command
}

/// Status, standard output, standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    of(tokpick(args).output().unwrap())
}

fn of(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Input and arguments of runs that are recorded: every command, draw and kind of source.
const RUNS: &[(&str, &str)] = &[
    ("tiny-lm/steps.npy", "greedy --repetition-penalty 1.3"),
    (
        "tiny-lm/prefix-table-a.jsonl",
        "greedy --eos-token-id 0 --max-new-tokens 12 --prompt-ids 0,35,398,270,395",
    ),
    ("tiny-lm/steps.npy", "sample --seed 7 --temperature 0.8 --top-p 0.9"),
    ("tiny-lm/batch.npy", "sample --seed 18446744073709551615 -n 3 --top-k 12"),
    ("tiny-lm/batch-f16.npy", "sample --seed 3 --draw gumbel --eos-token-id 261"),
    ("tiny-lm/steps-small.json", "sample --seed 1 --xtc-probability 0.5 --xtc-threshold 0.05"),
    (
        "tiny-lm/prefix-table-b.jsonl",
        "beam --num-beams 4 --num-return-sequences 3 --eos-token-id 0 --max-new-tokens 10",
    ),
    ("draws/batch-7.npy", "sample --layout tbv --engine transformers --seed 42 --eos-token-id 3 --top-k 50"),
    ("draws/batch-7.npy", "sample --layout tbv --engine vllm --seed -1 --row-seeds 0,43,none"),
    ("draws/logits-7.npy", "sample --engine torch-multinomial --seed 5 -n 4 --replacement true"),
    ("draws/logits-1000.npy", "sample --engine numpy-randomstate --seed 1,2,3 --temperature 0.7"),
    ("draws/logits-1000.npy", "sample --engine llama.cpp --seed 9 --mirostat 2 --mirostat-tau 3"),
    (
        "draws/logits-1000.npy",
        "sample --engine jax-split --seed 9 --order top_p,temperature --top-p 0.9 --temperature 0.5",
    ),
    ("draws/logits-32000.npy", "sample --seed 11 --min-p 0.05"),
];

struct Recorded {
    _directory: tempfile::TempDir,
    input: PathBuf,
    record: PathBuf,
}

impl Recorded {
    fn new(input: &str, arguments: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(input);
        let (input, record) = (directory.path().join("input"), directory.path().join("run.json"));
        fs::copy(from, &input).unwrap();
        let mut words: Vec<&str> = arguments.split(' ').collect();
        let (input_text, record_text) = (input.to_str().unwrap(), record.to_str().unwrap());
        words.extend([input_text, "--record", record_text]);
        let (status, _, said) = run(&words);
        assert_eq!(status, 0, "{arguments}: {said}");
        Recorded { input: input.clone(), record: record.clone(), _directory: directory }
    }

    fn verify(&self, more: &[&str]) -> (i32, String, String) {
        run(&[&["verify", self.record.to_str().unwrap()], more].concat())
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut record: Value = serde_json::from_slice(&fs::read(&self.record).unwrap()).unwrap();
        change(&mut record);
        fs::write(&self.record, record.to_string()).unwrap();
    }
}

#[test]
fn untouched_records_are_accepted() {
    for (input, arguments) in RUNS {
        let recorded = Recorded::new(input, arguments);
        let (status, out, said) = recorded.verify(&[]);
        assert_eq!(status, 0, "{arguments}: {out}{said}");
        assert!(out.starts_with("everything agrees: "), "{arguments}: {out}");
        // and from another place
        let moved = recorded.input.with_extension("moved");
        fs::rename(&recorded.input, &moved).unwrap();
        assert_eq!(recorded.verify(&["--input", moved.to_str().unwrap()]).0, 0, "{arguments}");
    }
}

#[test]
fn a_changed_id_is_found_and_told() {
    for (input, arguments) in RUNS {
        let recorded = Recorded::new(input, arguments);
        let mut line = 0;
        recorded.change(|r| {
            line = r["sequences"].as_array().unwrap().len() - 1;
            let ids = r["sequences"][line]["ids"].as_array_mut().unwrap();
            let at = (ids.len() - 1).min(2);
            let id = &mut ids[at];
            *id = ((id.as_u64().unwrap() + 1) % 7).into();
        });
        let (status, out, said) = recorded.verify(&[]);
        assert_eq!(status, 1, "{arguments}: {out}{said}");
        assert!(out.starts_with("first divergence: sequence "), "{arguments}: {out}");
        assert!(out.contains("id ") && out.contains(" expected, ") && out.contains(" found"), "{out}");
        let near = ["interval by", "lost the race by", "could not be drawn at all"];
        let tells = near.iter().any(|n| out.contains(n)) && out.contains("probability: ");
        assert_eq!(tells, !arguments.starts_with("beam"), "{arguments}: {out}");
    }
}

#[test]
fn a_changed_seed_or_order_is_found() {
    for (input, arguments) in RUNS.iter().filter(|(_, a)| a.contains("--seed") && !a.contains("--row-seeds"))
    {
        let recorded = Recorded::new(input, arguments);
        recorded.change(|r| {
            let words = r["command"].as_array_mut().unwrap();
            let seed = words.iter_mut().find(|w| w.as_str().unwrap().starts_with("--seed=")).unwrap();
            *seed = "--seed=12345".into();
        });
        assert_eq!(recorded.verify(&[]).0, 1, "{arguments}");
    }
    let recorded =
        Recorded::new("tiny-lm/batch.npy", "sample --seed 1 -n 9 --chain temperature=0.3,top-p=0.9");
    recorded.change(|r| {
        let words = r["command"].as_array_mut().unwrap();
        let chain = words.iter_mut().find(|w| w.as_str().unwrap().starts_with("--chain=")).unwrap();
        *chain = "--chain=top-p=0.9,temperature=0.3".into();
    });
    assert_eq!(recorded.verify(&[]).0, 1);
}

#[test]
fn what_cannot_be_checked_says_why() {
    let recorded = Recorded::new("tiny-lm/steps.npy", "sample --seed 7 --top-k 9");
    let whole = fs::read(&recorded.input).unwrap();
    for at in [whole.len() - 1, whole.len() / 2, 200] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&recorded.input, bytes).unwrap();
        let (status, out, _) = recorded.verify(&[]);
        assert_eq!(status, 1, "byte {at}");
        assert!(out.starts_with("first divergence: the input "), "{out}");
        assert!(out.contains(" has changed since the record was made: SHA-256 "), "{out}");
    }
    fs::remove_file(&recorded.input).unwrap();
    let (status, _, said) = recorded.verify(&[]);
    assert_eq!(status, 2);
    assert!(said.contains("input: No such file"), "{said}");
    for version in [0, 2] {
        recorded.change(|r| r["version"] = version.into());
        let (status, _, said) = recorded.verify(&[]);
        assert_eq!(status, 2);
        assert!(said.contains(&format!("a record of format version {version} ")), "{said}");
    }
}

#[test]
fn companion_files_and_vocabulary_count() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_string();
    let (ids, vocab, record) = (path("ids"), path("vocab.txt"), path("run.json"));
    fs::write(&ids, "1 2 3").unwrap();
    fs::write(&vocab, "a\nb\nc\n").unwrap();
    let prompt = format!("@{ids}");
    let input = "fixtures/tiny-lm/steps.npy";
    let recording = [
        "greedy",
        input,
        "--repetition-penalty",
        "2",
        "--prompt-ids",
        &prompt,
        "--vocab",
        &vocab,
        "--record",
        &record,
    ];
    assert_eq!(run(&recording).0, 0);
    assert_eq!(run(&["verify", &record]).0, 0);
    fs::write(&vocab, "a\nb\nd\n").unwrap();
    let (status, out, _) = run(&["verify", &record]);
    assert!(status == 1 && out.starts_with("first divergence: vocabulary "), "{out}");
    fs::write(&vocab, "a\nb\nc\n").unwrap();
    fs::write(&ids, "1 2 4").unwrap();
    let (status, out, _) = run(&["verify", &record]);
    assert!(status == 1 && out.starts_with("first divergence: the companion "), "{out}");
}

#[test]
fn standard_input_is_digested_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("run.json").to_str().unwrap().to_string();
    let input = fs::File::open("fixtures/tiny-lm/steps.npy").unwrap();
    let args = ["sample", "--seed", "4", "--max-new-tokens", "2", "--record", &record];
    assert!(tokpick(&args).stdin(input).output().unwrap().status.success());
    let (status, _, said) = run(&["verify", &record]);
    assert!(status == 2 && said.contains("--input FILE"), "{said}");
    assert_eq!(run(&["verify", &record, "--input", "fixtures/tiny-lm/steps.npy"]).0, 0);
    assert_eq!(run(&["verify", &record, "--input", "fixtures/tiny-lm/steps-fortran.npy"]).0, 1);
}

/// `kill -9` at any moment leaves the old record or the new one, whole.
#[test]
fn a_record_is_never_partly_written() {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("run.json");
    let text = record.to_str().unwrap();
    let (mut none, mut old) = (0, 0);
    for round in 0..40u64 {
        let seed = round.to_string();
        let args = ["sample", "fixtures/tiny-lm/batch.npy", "--seed", &seed, "-n", "500", "--record", text];
        let mut child = tokpick(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(round * 1700 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        match fs::read(&record) {
            Err(_) => none += 1,
            Ok(bytes) => {
                let record: Value = serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{round}: {e}"));
                assert_eq!(record["sequences"].as_array().unwrap().len(), 1500);
                old += usize::from(record["seed"] != round);
            }
        }
    }
    println!("no record after {none} kills, an older one after {old}");
}

#[test]
fn claimed_ids_are_verified_with_margins() {
    let input = "fixtures/tiny-lm/steps.npy";
    let (_, ids, _) = run(&["sample", input, "--seed", "3", "--temperature", "0.8"]);
    let ids = ids.trim();
    let verify = |ids: &str, more: &[&str]| {
        run(&[&["verify", input, "--ids", ids, "--temperature", "0.8"], more].concat())
    };
    assert_eq!(verify(ids, &["--seed", "3"]).0, 0);
    assert_eq!(verify(ids, &["--seed", "4"]).0, 1);
    let first: u32 = ids.split(' ').next().unwrap().parse().unwrap();
    let changed = ids.replacen(&first.to_string(), &(first + 1).to_string(), 1);
    let (status, out, _) = verify(&changed, &["--seed", "3"]);
    assert_eq!(status, 1);
    assert!(out.contains("23 of 24 steps match (0.958333)"), "{out}");
    assert!(out.contains("not explained        1 mismatch (--logit-noise"), "{out}");
    assert_eq!(verify(&changed, &["--seed", "3", "--min-match", "0.95"]).0, 0);
    assert_eq!(verify(&changed, &["--seed", "3", "--min-match", "0.96"]).0, 1);
    assert_eq!(verify(&changed, &["--seed", "3", "--max-margin", "1"]).0, 0);
    assert_eq!(verify(&changed, &["--seed", "3", "--max-margin", "1e-9"]).0, 1);
    let (_, out, _) = verify(&changed, &["--seed", "3", "--logit-noise", "100", "--format", "json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["verification"]["summary"]["unexplained"], 0, "noise of 100 nats explains anything");
    let (status, _, said) = verify(ids, &[]);
    assert!(status == 2 && said.contains("--seed"), "{said}");
    let (_, greedy, _) = run(&["greedy", input]);
    assert_eq!(run(&["verify", input, "--greedy", "--ids", greedy.trim()]).0, 0);
}

#[test]
fn engines_are_verified_and_guessed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ids").to_str().unwrap().to_string();
    let input = "fixtures/draws/batch-7.npy";
    let run_args = ["--engine", "jax-split", "--seed", "42", "--temperature", "0.7"];
    let (_, ids, _) = run(&[&["sample", input, "--layout", "tbv"], &run_args[..]].concat());
    fs::write(&file, &ids).unwrap();
    let verify = |more: &[&str]| run(&[&["verify", input, "--ids-file", &file], more].concat());
    assert_eq!(verify(&[&["--layout", "tbv"], &run_args[..]].concat()).0, 0);
    let (status, out, _) = verify(&["--guess", "--seed", "42", "--temperature", "0.7"]);
    assert_eq!(status, 0);
    assert!(out.contains("jax-split, order temperature, the sequences as one batch, layout tbv"), "{out}");
    let (status, out, _) = verify(&["--guess", "--seed", "43", "--temperature", "0.7"]);
    assert_eq!(status, 1);
    assert!(out.starts_with("none of "), "{out}");
}

/// Two steps of two sequences may be read in either layout: a guess tries both, and tells of both.
#[test]
fn a_guess_reads_three_axes_both_ways() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("square.json").to_str().unwrap().to_string();
    let row = |at: usize| (0..50).map(|id| (id * 7 + at * 13) % 50).collect::<Vec<usize>>();
    fs::write(&file, serde_json::json!([[row(0), row(1)], [row(2), row(3)]]).to_string()).unwrap();
    let seed = ["--seed", "5", "--temperature", "9"];
    let (status, ids, said) = run(&[&["sample", &file, "--layout", "tbv"], &seed[..]].concat());
    assert_eq!(status, 0, "{said}");
    let ids = ids.trim().replace('\n', ";");
    let guess = |more: &[&str]| {
        let words = ["verify", &file, "--ids", &ids, "--guess", "-f", "json"];
        let (_, out, said) = run(&[&words[..], &seed, more].concat());
        serde_json::from_str::<Value>(&out).unwrap_or_else(|e| panic!("{e}: {out}{said}"))
    };
    let [both, btv, tbv] = [&[][..], &["--layout", "btv"], &["--layout", "tbv"]].map(guess);
    let tried = |guess: &Value| guess["tried"].as_u64().unwrap();
    assert_eq!(tried(&both), tried(&btv) + tried(&tbv));
    for key in ["explained", "partial"] {
        let recipes = |guess: &Value| guess[key].as_array().unwrap().clone();
        let apart = [recipes(&btv), recipes(&tbv)].concat();
        assert_eq!(recipes(&both).len(), apart.len(), "{both}");
        assert!(apart.iter().all(|recipe| recipes(&both).contains(recipe)), "{both}");
    }
    let run = |a: &Value| a["recipe"]["draw"] == "chacha8-v1" && a["recipe"]["layout"] == "tbv";
    assert!(both["explained"].as_array().unwrap().iter().any(run), "{both}");
}

/// Arguments of `sample` over fixtures/draws/logits-7.npy, and the part of the message that says why not.
#[test]
fn engines_refuse_what_they_lack() {
    for (arguments, why) in [
        ("--engine torhc --seed 1", "there is no such engine"),
        ("--engine torch --seed 1 --min-p 0.1", "torch: it does not take min_p"),
        ("--engine torch --seed 1 --top-a 0.1", "torch has no top_a"),
        ("--engine torch --seed 1 -n 2", "one id for each row and step, not 2"),
        ("--engine torch --seed 1 --draw gumbel", "draws in its own way"),
        ("--engine torch --seed 1 --chain top-k=3", "an engine has its own order"),
        ("--engine llama.cpp --seed 4294967295", "4294967295"),
        ("--engine numpy --seed -1", "no whole number, 0 or above"),
        ("--engine candle --seed 1 --top-k 3 --order top_k", "its own order is fixed"),
        ("--engine transformers --seed 1 --temperature 0", "temperature is 0"),
        ("--row-seeds 1", "give --engine, too"),
        ("--seed -1", "0 to 2^64 - 1"),
    ] {
        let mut words = vec!["sample", "fixtures/draws/logits-7.npy"];
        words.extend(arguments.split(' '));
        let (status, _, said) = run(&words);
        assert_eq!(status, 2, "{arguments}: {said}");
        assert!(said.contains(why), "{arguments}: {said}");
    }
    let (_, _, said) =
        run(&["sample", "fixtures/draws/logits-7.npy", "--engine", "transformers", "--seed", "1"]);
    assert!(said.contains("top-k 50"), "{said}");
    let (status, out, _) = run(&["engines"]);
    assert!(status == 0 && out.matches("not reproduced: ").count() == 17, "{out}");
}

/// Streams, whose length is known at their end.
#[test]
fn a_stream_that_ends_before_the_other_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: usize| {
        let file = directory.path().join(name);
        fs::write(&file, "[1,2,3]\n".repeat(rows)).unwrap();
        file.to_str().unwrap().to_string()
    };
    let (long, short) = (write("long.jsonl", 3), write("short.jsonl", 2));
    for (a, b) in [(&long, &short), (&short, &long)] {
        let (status, _, said) = run(&["diff", a, b]);
        let expected = format!(
            "short.jsonl: sequence 0, step 2: no row here, but {long} has one; diff compares inputs of one shape"
        );
        assert!(status == 2 && said.contains(&expected), "{said}");
    }
}

#[test]
fn scores_and_differences() {
    let (batch, half) = ("fixtures/tiny-lm/batch.npy", "fixtures/tiny-lm/batch-f16.npy");
    let (status, out, _) = run(&["score", batch, "--ids", "1 2;3;4 5", "--format", "json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, json["sequences"].as_array().unwrap().len()), (0, 3));
    assert!(json["sequences"][1]["perplexity"].as_f64().unwrap() > 1.0);
    let (status, _, said) = run(&["score", batch]);
    assert!(status == 2 && said.contains("--ids"), "{said}");
    for (args, status) in [
        (vec![batch, batch, "--max-kl", "0", "--min-top1", "1"], 0),
        (vec![batch, half], 0),
        (vec![batch, half, "--max-kl", "0.01"], 0),
        (vec![batch, half, "--max-kl", "1e-9"], 1),
        (vec![batch, half, "--min-top1", "1.1"], 2),
        (vec![batch, "fixtures/tiny-lm/steps.npy"], 2),
        (vec![batch, half, "--max-kl", "-1"], 2),
        (vec!["fixtures/tiny-lm/prefix-table-a.jsonl", "fixtures/tiny-lm/prefix-table-b.jsonl"], 2),
    ] {
        let (found, out, said) = run(&[&["diff"], &args[..]].concat());
        assert_eq!(found, status, "{args:?}: {out}{said}");
    }
}
