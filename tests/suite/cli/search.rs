//! Beam search in its variants, exact search, live models, recordings: through the binary.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::run::{command, fixture, tokpick, words};

const TABLE: &str = "prefix-table-a.jsonl --prompt-ids 0,35,398,270,395,221,38,358,83,450,221,47,502 --eos-token-id 0 --max-new-tokens 12";

/// The textbook example: greedy search takes "nice woman" (.2), two beams find "dog has" (.36).
fn dog(rest: &str) -> Vec<String> {
    let table = fixture("teaching/the-dog-has.jsonl").display().to_string();
    let mut args = words(rest);
    args.extend([table.as_str(), "--prompt-ids", "1", "--eos-token-id", "0", "--max-new-tokens", "3"]);
    tokpick(&args).text().lines().map(String::from).collect()
}

#[test]
fn every_variant_on_the_textbook_example() {
    assert_eq!(dog("beam -b 2"), ["3 8 0"]);
    assert_eq!(dog("beam -b 1"), ["2 5 0"]);
    assert_eq!(dog("beam -b 2 --length-norm gnmt"), ["3 8 0"]);
    assert_eq!(dog("beam -b 2 --stochastic=0"), ["3 8 0"]);
    assert_eq!(
        dog("beam -b 2 --num-beam-groups 2 --diversity-penalty 2 --num-return-sequences 2"),
        ["3 8 0", "2 5 0"]
    );
    assert_eq!(dog("beam -b 4 --force-ids 7"), ["2 7 0"]);
    assert_eq!(dog("beam -b 4 --force-ids 2,6"), dog("beam -b 4 --force-ids 2 --force-ids 6"));
    assert_eq!(dog("beam -b 3 --beam-margin 0.1"), ["2 5 0"]);
    assert_eq!(dog("search --exact"), ["3 8 0"]);
    assert_eq!(
        dog("search --exact --num-return-sequences 3"),
        dog("beam -b 30 --length-penalty 0 --early-stopping never --num-return-sequences 3")
    );
}

/// "nice house is nice" has five tokens and probability .15: the length penalty decides between it and "dog has".
#[test]
fn the_length_penalty_decides_in_the_textbook_example() {
    let table = fixture("teaching/the-dog-has.jsonl").display().to_string();
    let best = |penalty: &str| {
        let args = format!("beam {table} -b 3 --prompt-ids 1 --eos-token-id 0 --length-penalty {penalty}");
        tokpick(&words(&args)).text()
    };
    assert_eq!([best("0"), best("1")], ["3 8 0\n", "3 8 0\n"]);
    assert_eq!([best("1.5"), best("2")], ["2 6 11 2 0\n", "2 6 11 2 0\n"]);
}

/// The sentences of the table end with token 0: who forgets to say so is told.
#[test]
fn a_missing_prefix_after_an_end_token_suggests_to_name_it() {
    let table = fixture("teaching/the-dog-has.jsonl").display().to_string();
    for strategy in ["greedy", "beam -b 2"] {
        let said = tokpick(&words(&format!("{strategy} {table} --prompt-ids 1"))).failure();
        let ends = "nothing follows token 0 in this table, and other rows end with it: if it ends a sequence, give --eos-token-id 0";
        assert!(said.contains("no row for the prefix [") && said.ends_with(ends), "{said}");
    }
    // the last id goes on elsewhere
    let said = tokpick(&words(&format!("greedy {table} --prefix-ids 3,2"))).failure();
    assert!(said.ends_with("lower --max-new-tokens, or record the missing row"), "{said}");
}

/// Hypotheses drawn without replacement; the seed is said, recorded, and gives the same ones again.
#[test]
fn stochastic_beams_report_both_log_probabilities() {
    let table = fixture("teaching/the-dog-has.jsonl").display().to_string();
    let args = format!("beam {table} --prompt-ids 1 --eos-token-id 0 --max-new-tokens 3 -b 4");
    let drawn = format!("{args} --num-return-sequences 4 --stochastic -s 7 -f json");
    let run = tokpick(&words(&drawn)).json();
    assert_eq!((&run["draw"], &run["seed"]), (&"gumbel-chacha8-v1".into(), &7.into()));
    let sequences = run["sequences"].as_array().unwrap();
    for h in sequences {
        assert_eq!(h["score"], h["perturbed"], "length penalty 0 is the default here");
        assert!(h["logprob"].as_f64().unwrap() < 0.0);
    }
    assert!(sequences.is_sorted_by(|a, b| a["perturbed"].as_f64() >= b["perturbed"].as_f64()));
    let again = tokpick(&words(&drawn)).json();
    assert_eq!(again["sequences"], run["sequences"]);
    let fresh = tokpick(&words(&format!("{args} --beam-sample")));
    assert!(fresh.err.starts_with("tokpick: note: seed "), "{}", fresh.err);
}

#[test]
fn a_budget_is_said_with_its_bound() {
    let table = fixture("teaching/the-dog-has.jsonl").display().to_string();
    let args = [
        "search",
        "--exact",
        "--max-nodes",
        "2",
        &table,
        "--prompt-ids",
        "1",
        "--eos-token-id",
        "0",
        "--max-new-tokens",
        "3",
        "-f",
        "jsonl",
    ];
    let ran = tokpick(&args);
    assert!(
        ran.err.contains("sequence 0: the node budget ended the search after 3 rows: the best found has log-probability -1.609438, no other can have more than -0.916291 (gap at most 0.693147 nats)"),
        "{}",
        ran.err
    );
    let h = ran.json();
    assert!((h["bound"].as_f64().unwrap() - 0.4f64.ln()).abs() < 1e-6);
}

#[test]
fn what_makes_no_sense_is_said() {
    for (args, message) in [
        (
            "--stochastic --beam-sample",
            "--beam-sample with --stochastic: a beam search is of one kind: leave out one of them",
        ),
        ("--num-beam-groups 3 -b 4", "--num-beam-groups 3: must be a divisor of num_beams (4)"),
        ("--stochastic=2", "noise 2: must be from 0 to 1"),
        ("--beam-margin -1", "--beam-margin -1: must be 0 or more"),
        (
            "--force-ids 600",
            "prefix-table-a.jsonl: the forced id 600 is outside the vocabulary of 512 tokens",
        ),
        ("--force-ids 5,0", "--force-ids 0: is an end token: nothing can follow it"),
    ] {
        assert_eq!(tokpick(&words(&format!("beam {TABLE} {args}"))).failure(), message);
    }
    let note =
        tokpick(&words(&format!("beam {TABLE} -b 2 --length-norm gnmt --length-penalty 0 --seed 1"))).err;
    assert!(note.contains("no effect with length penalty 0: --length-norm"), "{note}");
    assert!(note.contains("no effect in beam search, which draws nothing: --seed"), "{note}");
    let search = tokpick(&words(&format!("search {TABLE}")));
    assert_eq!(search.status, Some(2));
    assert!(search.err.contains("--exact"), "{}", search.err);
}

/// A toy that answers in a few lines of shell: two tokens, the first one a little better.
#[cfg(unix)]
const SHELL: &str = r#"sh -c 'while read -r question; do case $question in *prefixes*) exit 7;; *) echo "{\"logits\":[1,0.5]}";; esac; done'"#;

#[cfg(unix)]
#[test]
fn a_live_model_is_an_input() {
    let ran = tokpick(&["greedy", "--model-command", SHELL, "--max-new-tokens", "3"]);
    assert_eq!(ran.text(), "0 0 0\n");
    // two beams are a batch, which this toy can't answer
    let failed = tokpick(&["beam", "-b", "2", "--model-command", SHELL]).failure();
    assert!(
        failed.contains(
            "the model process ended (exit status: 7) (after 1 answer); its standard error is empty"
        ),
        "{failed}"
    );
    let both = tokpick(&["greedy", "steps.npy", "--model-command", SHELL]).failure();
    assert!(both.ends_with("excludes INPUT: the model is the input"), "{both}");
    let lone = tokpick(&["greedy", "steps.npy", "--model-timeout", "3"]);
    assert_eq!(lone.status, Some(2));
    assert!(lone.err.contains("--model-command"), "{}", lone.err);
    for bad in ["-1", "nan", "1e300"] {
        let failed = tokpick(&["greedy", "--model-command", SHELL, "--model-timeout", bad]).failure();
        assert!(
            failed.contains("--model-timeout") && failed.contains("must be a number of seconds, 0 or more"),
            "{failed}"
        );
    }
    let missing = tokpick(&["greedy", "--model-command", "./no-such-model"]).failure();
    assert!(
        missing.starts_with("--model-command ./no-such-model: ./no-such-model can't be started: "),
        "{missing}"
    );
}

/// Signals that end tokpick end the model, also one that doesn't read its input any more.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_the_model_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("id");
    let model = format!("sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000'", file.display());
    let mut child = command(&["greedy", "--model-command", &model]).stdin(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !file.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let runs =
        || std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(runs());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap();
    while runs() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!runs());
}

#[test]
fn a_recorded_run_replays_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (table, trace) = (path("table.jsonl"), path("trace.jsonl"));
    let rest = "--prompt-ids 0,35,398,270,395,221,38,358,83,450,221,47,502 --eos-token-id 0 --max-new-tokens 12 -b 4 --num-return-sequences 4 -f jsonl";
    let live = tokpick(&words(&format!(
        "beam prefix-table-a.jsonl {rest} --record-table {table} --trace {trace} --trace-top 2"
    )))
    .text();
    assert_eq!(tokpick(&words(&format!("beam {table} {rest}"))).text(), live);
    assert_eq!(
        live,
        tokpick(&words(&format!("beam prefix-table-a.jsonl {rest}"))).text(),
        "watching changes nothing"
    );
    let events: Vec<Value> =
        std::fs::read_to_string(&trace).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(events.iter().any(|e| e["event"] == "beams") && events.iter().any(|e| e["event"] == "row"));
    assert!(events.iter().all(|e| e["top"].as_array().is_none_or(|top| top.len() == 2)));
}

/// What was recorded until an error is kept; nothing recorded leaves no file.
#[test]
fn an_error_keeps_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.jsonl");
    let record = format!("--record-table {}", path.display());
    // the table ends where its own searches ended
    let ran = tokpick(&words(&format!("sample prefix-table-a.jsonl --max-new-tokens 12 -s 1 {record}")));
    assert!(ran.failure().contains("no row for the prefix"));
    assert!(std::fs::read_to_string(&path).unwrap().lines().count() >= 1);
    std::fs::remove_file(&path).unwrap();
    let ran = tokpick(&words(&format!("greedy steps.npy {record}")));
    assert!(ran.failure().contains(
        "records rows that follow the prefix; the steps of steps.npy can be read again as they are"
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A recorded run of every search can be verified.
#[test]
fn recorded_searches_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("run.json").display().to_string();
    for search in [
        "beam -b 3 --stochastic",
        "beam -b 3 --force-ids 7;0 --force-ids 2 --eos-token-id 9",
        "beam -b 2 --beam-sample --seed 9",
        "search --exact --max-nodes 2",
    ] {
        let table = fixture("teaching/the-dog-has.jsonl").display().to_string();
        let eos = if search.contains("--eos") { "" } else { "--eos-token-id 0" };
        let ran = tokpick(&words(&format!(
            "{search} {table} --prompt-ids 1 {eos} --max-new-tokens 3 --record {record}"
        )));
        assert_eq!(ran.status, Some(0), "{search}: {}", ran.err);
        let verified = tokpick(&["verify", &record]);
        assert!(verified.text().starts_with("everything agrees: 1 sequence"), "{search}");
    }
}
