//! Every number that a flag takes may be absurd: it is used, or refused with a line that names the flag.

use std::collections::BTreeSet;

use crate::support::run::{fixture, shell, tokpick, words};

/// The edges of what numbers are held in.
const EDGES: [&str; 7] =
    ["0", "-1", "4294967296", "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e308"];

/// Flags that are numbers, of each command, as its help names their values.
fn numeric(command: &str) -> BTreeSet<String> {
    let help = tokpick(&[command, "--help"]).text();
    let value = |line: &str| {
        let (flag, rest) = line.split_once(" <")?;
        let name = rest.split('>').next()?;
        let numeric = ["N", "X", "P", "V", "SIGMA", "NATS", "SHARE", "SECONDS", "1|2", "START,FACTOR"];
        let long = flag.rsplit(' ').next()?;
        (numeric.contains(&name) && long.starts_with("--")).then(|| long.to_string())
    };
    help.lines().filter_map(|line| value(line.trim_start())).collect()
}

/// What a command is tried with.
fn base(command: &str) -> &'static str {
    match command {
        "sample" => "sample batch.npy --eos-token-id 0",
        "beam" => "beam batch.npy --eos-token-id 0",
        "search" => "search batch.npy --exact --max-new-tokens 2",
        "greedy" => "greedy batch.npy --eos-token-id 0",
        "probs" => "probs batch.npy --rows 0..1 --eos-token-id 0",
        "explain" => "explain steps-small.json --eos-token-id 0",
        "score" => "score steps-small.json --ids 307,318,278,372",
        "verify" => "verify steps-small.json --ids 307,318,278,372 --seed 1",
        "diff" => "diff batch.npy batch.npy",
        "info" => "info batch.npy",
        "compare" => "compare steps-small.json",
        "tree" => "tree steps-small.json --eos-token-id 0",
        "convert" => "convert batch.npy --output out.npy",
        _ => "synth 3x4",
    }
}

#[test]
fn no_number_ends_a_run_by_a_panic_or_an_abort() {
    let commands = [
        "sample", "beam", "search", "greedy", "probs", "explain", "score", "verify", "diff", "info", "synth",
        "compare", "tree", "convert",
    ];
    // flags that mean the same everywhere are tried once
    const OWN: [&str; 5] = ["--top", "--seed", "--num-samples", "--max-new-tokens", "--num-return-sequences"];
    let mut tried = BTreeSet::new();
    for command in commands {
        let mut flags = numeric(command);
        assert!(!flags.is_empty(), "{command}");
        flags.retain(|flag| tried.insert(flag.clone()) || OWN.contains(&flag.as_str()));
        // found by a search that may take for ever: how far it gets is a matter of --max-nodes
        flags.retain(|flag| command != "search" || flag != "--num-return-sequences");
        for flag in flags {
            // one shell for all values, as a process takes its time
            let mut base = base(command).replace(&format!("{flag} 1"), "");
            if (command, flag.as_str()) == ("sample", "--num-samples") {
                // samples that nobody keeps are drawn for ever
                base += " --record r.json";
            }
            let lines: Vec<String> = EDGES
                .iter()
                .map(|value| {
                    format!("timeout 20 tokpick {base} {flag} {value} >/dev/null 2>err; echo $? $(grep -v note: err)")
                })
                .collect();
            let line = format!(
                "d=$(mktemp -d); cp batch.npy steps-small.json $d; cd $d; ulimit -v 1500000\n{}",
                lines.join("\n")
            );
            let ran = shell(&line, &fixture("tiny-lm")).text();
            assert_eq!(ran.lines().count(), EDGES.len(), "{ran}");
            for (value, outcome) in EDGES.iter().zip(ran.lines()) {
                let (status, message) = outcome.split_once(' ').unwrap_or((outcome, ""));
                assert!(["0", "1", "2"].contains(&status), "{base} {flag} {value}: {outcome}");
                let names = message.contains(flag.as_str())
                    || message.contains(&flag[2..].replace('-', "_"))
                    || (flag == "--num-samples" && message.contains("sequences times samples"));
                assert!(status != "2" || names, "{base} {flag} {value}: {message}");
            }
        }
    }
}

#[test]
fn what_memory_does_not_hold_is_refused_by_its_flag() {
    let refused = |line: &str| {
        let line = format!("ulimit -v 1500000; tokpick {line}");
        shell(&line, &fixture("tiny-lm")).failure()
    };
    for n in ["1000000000000", "18446744073709551615", "4294967296", "100000000"] {
        for line in [
            "sample batch.npy -s 1 --record $(mktemp -d)/r",
            "sample batch.npy -s 1 --threads 2 --record $(mktemp -d)/r",
            "sample batch.npy -s 1 -t 0.5 --xtc-probability 0.5",
        ] {
            let message = refused(&format!("{line} -n {n}"));
            assert!(message.starts_with(&format!("--num-samples {n}: ")), "{line} {n}: {message}");
        }
    }
    // samples that are written and forgotten take the memory of a group, however many are to come
    let few = tokpick(&words("sample steps-small.json -s 1 -n 3 --rows 0..1")).text();
    for n in ["1000000000000", "18446744073709551615"] {
        let line =
            format!("ulimit -v 1500000; tokpick sample steps-small.json -s 1 -n {n} --rows 0..1 | head -n 3");
        assert_eq!(shell(&line, &fixture("tiny-lm")).text(), few, "{n}");
    }
    // exact search keeps what so many results need, as long as there is memory; where scores are edited, all of a row stays open
    let line = "d=$(mktemp -d); tokpick synth 10x50000 --seed 1 -o $d/s.npy; ulimit -v 400000; \
                tokpick search $d/s.npy --exact --repetition-penalty 1.1 --num-return-sequences 4294967296";
    let message = shell(line, &fixture("tiny-lm")).failure();
    assert!(message.starts_with("--num-return-sequences 4294967296: memory doesn't hold"), "{message}");
    // samples with rows of their own: one at a time where they can be read again, all at once where they can't
    let line = |take: &str| {
        format!(
            "d=$(mktemp -d); tokpick synth 1x60000 --seed 1 -o $d/s.npy; ulimit -v 250000; {take} -s 1 --repetition-penalty 1.1 --threads 1 -n"
        )
    };
    let ran = shell(&format!("{} 500 | wc -l", line("tokpick sample $d/s.npy")), &fixture("tiny-lm"));
    assert_eq!(ran.text().trim(), "500");
    for take in ["cat $d/s.npy | tokpick sample -", "tokpick sample $d/s.npy --mirostat 2"] {
        let message = shell(&format!("{} 5000", line(take)), &fixture("tiny-lm")).failure();
        assert!(
            message.starts_with("--num-samples 5000: 5000 lines don't fit into memory"),
            "{take}: {message}"
        );
    }
    for synth in
        ["18446744073709551615", "4294967296x4294967296", "2x9223372036854775808x2", "0", "1e9", "16777217"]
    {
        let message = refused(&format!("synth {synth}"));
        assert!(message.contains("SHAPE") || message.contains("V at most 2^24"), "{synth}: {message}");
    }
    // no more threads than rows and cores, whatever is asked for
    let line = "ulimit -v 400000; tokpick sample steps-small.json -s 1 -n 300 --threads 20000 -o /dev/null";
    assert_eq!(shell(line, &fixture("tiny-lm")).text(), "");
    let ids = tokpick(&words("sample steps-small.json -s 1")).text();
    let line = "ulimit -v 1500000; tokpick sample steps-small.json -s 1 --threads 1000000000";
    assert_eq!(shell(line, &fixture("tiny-lm")).text(), ids);
}

/// Lists take the memory of what they name, whatever vocabulary is said: no sample is refused for it, and no count of bytes overflows.
#[test]
fn a_vocabulary_that_is_only_said_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("table.jsonl"), "{\"prefix\":[],\"ids\":[1,2],\"logits\":[0,1]}\n")
        .unwrap();
    for vocab in [1_000_000_000_000, usize::MAX >> 3, usize::MAX] {
        let line = format!(
            "tokpick sample table.jsonl --vocab-size {vocab} -s 1 --mirostat 2 -n 20 --max-new-tokens 1"
        );
        let ran = shell(&line, folder.path());
        assert_eq!(ran.status, Some(0), "{vocab}: {}", ran.err);
        assert_eq!(ran.text().lines().count(), 20, "{vocab}");
    }
}
