//! A job in parts: what they write, one after the other, is what one run writes.

use std::io::Write;

use serde_json::Value;

use crate::support::run::{tokpick, words};

/// A run, and the same in so many parts.
fn holds(command: &str, parts: usize) {
    let whole = tokpick(&words(command));
    assert_eq!(whole.status, Some(0), "{command}: {}", whole.err);
    let mut all = Vec::new();
    for number in 1..=parts {
        let shard = format!("--shard={number}/{parts}");
        let part = tokpick(&[&words(command)[..], &[&shard]].concat());
        assert_eq!(part.status, Some(0), "{command} {shard}: {}", part.err);
        all.extend(part.out);
    }
    assert!(all == whole.out, "{command} in {parts} parts");
}

#[test]
fn parts_make_the_whole() {
    for command in [
        "greedy batch.npy",
        "sample batch.npy --seed 7 -n 3",
        "sample batch.npy --seed 7 -p 0.9 -f jsonl",
        "sample batch.npy --seed 7 --draw gumbel -f text --vocab vocab.json",
        "sample batch.npy --seed 7 --mirostat 2",
        "sample batch.npy --seed 7 --sequence-offset 40 -f jsonl",
        "sample batch.npy --seed 7 --xtc-probability 0.5 --xtc-threshold 0.1",
        "sample batch.npy --seed 7 --engine llama.cpp",
        "sample batch.npy --seed 7 --engine vllm-v2 --top-p 0.9 --prompt-ids 1",
        "beam batch.npy -b 3 --num-return-sequences 2 -f jsonl",
        "beam batch.npy -b 3 --beam-sample --seed 7",
        "beam batch.npy -b 3 --stochastic --seed 7 -f jsonl",
        "search --exact batch.npy -k 3",
        "probs batch.npy --top 5",
        "probs batch.npy --top 5 -f jsonl",
    ] {
        holds(command, 2);
        holds(command, 5);
    }
}

#[test]
fn rows_are_parted_where_each_is_a_sequence() {
    for parts in [1, 2, 7, 64] {
        holds("sample steps.npy --layout bv --seed 7 -p 0.9 -f jsonl", parts);
    }
    holds("sample steps.npy --layout bv --rows 3..20 --seed 7 -n 2", 4);
    let mut lines = tempfile::NamedTempFile::new().unwrap();
    for (at, row) in [[0.5, 2.0], [1.5, 0.25], [3.0, -1.0]].iter().enumerate() {
        writeln!(lines, "{{\"id\":\"row {at}\",\"logits\":{row:?}}}").unwrap();
    }
    holds(&format!("sample {} --layout bv --seed 7 -f jsonl", lines.path().display()), 2);
}

#[test]
fn what_has_no_parts_is_refused() {
    for (command, said) in [
        ("sample batch.npy --seed 7 --shard 0/3", "must be I/N with I from 1 to N"),
        ("sample batch.npy --seed 7 --shard 1/3 --stream", "--shard 1/3: --stream writes step by step"),
        ("sample batch.npy --seed 7 --shard 1/3 -f json", "--shard 1/3: --format json is one document"),
        ("sample batch.npy --shard 1/3", "--shard 1/3: needs --seed"),
        ("beam batch.npy --stochastic --shard 1/3", "--shard 1/3: needs --seed"),
        ("sample batch.npy --seed 7 --shard 1/3 --histogram", "--shard 1/3: --histogram is one table"),
        (
            "sample batch.npy --seed 7 --shard 1/3 --engine torch",
            "--shard 1/3: torch draws the rows of a step one after the other",
        ),
        (
            "sample batch.npy --shard 1/3 --engine vllm-v2 --row-seeds 1,2,3",
            "--shard 1/3: --row-seeds and --position name each row",
        ),
        ("probs batch.npy --shard 1/3 -f json", "--shard 1/3: --format json is one document"),
        ("probs batch.npy --shard 1/3 --xtc-probability 0.5", "--shard 1/3: needs --seed"),
    ] {
        let failure = tokpick(&words(command)).failure();
        assert!(failure.contains(said), "{command}: {failure}");
    }
    assert!(
        tokpick(&words("greedy steps.npy --shard 1/2"))
            .err
            .contains("the input is one sequence, which is not cut")
    );
}

#[test]
fn a_part_has_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("part.json").display().to_string();
    let run = ["sample", "batch.npy", "--seed", "7", "--shard", "2/3", "--record", &record];
    let part = tokpick(&run).text();
    assert_eq!(tokpick(&["verify", &record]).text(), "everything agrees: 1 sequence, 12 ids\n");
    assert_eq!(
        part,
        tokpick(&["sample", "batch.npy", "--seed", "7"]).text().lines().nth(1).unwrap().to_string() + "\n"
    );
}

/// Ids of the whole run are those of its parts, too.
#[test]
fn ids_of_the_whole_are_parted_with_the_rows() {
    let ids = tokpick(&words("sample batch.npy --seed 7 -n 2")).text();
    let lines: Vec<&str> = ids.lines().collect();
    let (one, two) = (lines.iter().step_by(2).copied().collect::<Vec<_>>().join(";"), lines.join(";"));
    let whole = tokpick(&["score", "batch.npy", "--ids", &one, "-f", "jsonl"]).text();
    let probs = tokpick(&["probs", "batch.npy", "--ids", &one, "--top", "2"]).text();
    let (mut parts, mut of_probs) = (String::new(), String::new());
    for shard in ["--shard=1/2", "--shard=2/2"] {
        parts += &tokpick(&["score", "batch.npy", "--ids", &one, "-f", "jsonl", shard]).text();
        of_probs += &tokpick(&["probs", "batch.npy", "--ids", &one, "--top", "2", shard]).text();
        let verified = tokpick(&["verify", "batch.npy", "--ids", &two, "-n", "2", "-s", "7", shard]);
        assert_eq!(verified.status, Some(0), "{}", verified.err);
    }
    // a part numbers its lines from 0
    let scores = |text: &str| -> Vec<(Value, Value)> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| (line["sequence"].clone(), line["tokens"].clone())).collect()
    };
    assert_eq!(scores(&parts), scores(&whole));
    assert_eq!(of_probs, probs);
}
