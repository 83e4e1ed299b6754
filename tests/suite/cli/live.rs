//! Live models as inputs, and what is recorded of them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::run::{command, fixture, tokpick, words};

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
            failed.contains("--model-timeout") && failed.contains("must be a number of seconds from 0"),
            "{failed}"
        );
    }
    // less than a nanosecond is no time; 0 alone is for ever
    let failed = tokpick(&["greedy", "--model-command", "sleep 30", "--model-timeout", "1e-10"]).failure();
    assert!(failed.contains("no answer within"), "{failed}");
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
