//! Beam search in its variants, exact search, live models, recordings: through the binary.

use std::process::Stdio;

use serde_json::Value;

use crate::support::run::{fixture, tokpick, with_input, words};

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

/// A phrase may take one of several forms, as in transformers' nested `force_words_ids`; forms are ids or token strings.
#[test]
fn one_of_several_forms_of_a_phrase_is_enough() {
    assert_eq!(dog("beam -b 4 --force-ids [[[7],[9]]]"), ["2 7 0"]);
    let [vocab, table] = ["-vocab.json", ".jsonl"]
        .map(|end| fixture(&format!("teaching/the-dog-has{end}")).display().to_string());
    let mut args = words("beam --prompt-ids 1 --eos-token-id 0 --max-new-tokens 3 -b 4 --format ids");
    args.extend([table.as_str(), "--vocab", vocab.as_str(), "--force-ids", r#"[[[" guy"],[" drives"]]]"#]);
    assert_eq!(tokpick(&args).text().trim_end(), dog("beam -b 4 --force-ids [[[7],[12]]]").join("\n"));
    let folder = tempfile::tempdir().unwrap();
    let with = |config: &str| {
        let file = folder.path().join("config.json");
        std::fs::write(&file, config).unwrap();
        let args = format!(
            "beam {table} --prompt-ids 1 --eos-token-id 0 --max-new-tokens 3 --generation-config {}",
            file.display()
        );
        tokpick(&words(&args)).text().trim_end().to_string()
    };
    let flags = |rest: &str| dog(rest).join("\n");
    assert_eq!(
        with(r#"{"num_beams":4,"force_words_ids":[[[7],[9]],[3]]}"#),
        flags("beam -b 4 --force-ids 3;9")
    );
    assert_eq!(with(r#"{"num_beams":4,"force_words_ids":[[2],[7]]}"#), flags("beam -b 4 --force-ids 2;7"));
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

/// In beam sampling truncations keep max(2, 1 + number of end tokens) tokens, so that a beam can go on: with top-k 1 transformers
/// 5.24.0 returned 1 2 2 in each of 20 runs.
#[test]
fn truncations_of_sampled_beams_keep_what_they_need() {
    let rows = format!(
        "[{}]",
        [[0.4f64, 0.35, 0.25], [0.05, 0.05, 0.9], [0.05, 0.05, 0.9]]
            .map(|row| format!("{:?}", row.map(f64::ln)))
            .join(",")
    );
    for seed in 0..20 {
        let args = format!("beam -b 2 --beam-sample --top-k 1 --eos-token-id 0 -s {seed}");
        assert_eq!(with_input(&words(&args), rows.as_bytes()).text(), "1 2 2\n");
    }
    for (args, chain) in [
        (
            "--beam-sample -k 1 -p 0.5 --eos-token-id 0",
            r#"[{"top_k":{"value":1,"min_tokens_to_keep":2}},{"top_p":{"value":0.5,"min_tokens_to_keep":2}}]"#,
        ),
        ("--beam-sample -k 1", r#"[{"top_k":{"value":1,"min_tokens_to_keep":2}}]"#),
        ("--beam-sample -k 1 --eos-token-id 0,1", r#"[{"top_k":{"value":1,"min_tokens_to_keep":3}}]"#),
        ("--beam-sample -k 1 --min-tokens-to-keep 1", r#"[{"top_k":1}]"#),
        ("--beam-sample=drawn -k 1", r#"[{"top_k":1}]"#),
        ("--stochastic -k 1", r#"[{"top_k":1}]"#),
        ("-k 1", r#"[{"top_k":1}]"#),
    ] {
        let ran = with_input(&words(&format!("beam -b 2 -s 1 -f json {args}")), rows.as_bytes());
        assert_eq!(ran.json()["chain"].to_string(), chain, "{args}");
    }
}

/// `beam --generation-config` samples its beams where the file samples, and else leaves out what transformers leaves out.
#[test]
fn a_generation_config_says_whether_beams_are_sampled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("generation_config.json").display().to_string();
    let table = fixture("teaching/the-dog-has.jsonl").display().to_string();
    let run = |config: &str, rest: &str| {
        std::fs::write(&path, config).unwrap();
        let args = format!("beam {table} --prompt-ids 1 --generation-config {path} -s 3 -f json {rest}");
        let ran = tokpick(&words(&args));
        let err = ran.err.clone();
        (ran.json(), err)
    };
    let shapes =
        r#""eos_token_id":0,"num_beams":2,"temperature":3.0,"top_k":5,"top_p":1.0,"repetition_penalty":1.5"#;
    let (sampled, err) = run(&format!("{{\"do_sample\":true,{shapes}}}"), "");
    assert_eq!(sampled["draw"], "gumbel-chacha8-v1");
    assert_eq!(
        sampled["chain"].to_string(),
        r#"[{"repetition_penalty":1.5},{"temperature":3.0},{"top_k":{"value":5,"min_tokens_to_keep":2}}]"#
    );
    assert!(!err.contains("do_sample"), "{err}");
    for config in [format!("{{\"do_sample\":false,{shapes}}}"), format!("{{{shapes}}}")] {
        let (ranked, err) = run(&config, "");
        assert_eq!((&ranked["draw"], &ranked["seed"]), (&Value::Null, &Value::Null));
        assert_eq!(ranked["chain"].to_string(), r#"[{"repetition_penalty":1.5}]"#);
        let note = "do_sample: not true: transformers would draw nothing, and leave out temperature, top_k\n";
        assert!(err.contains(note), "{err}");
        // flags win
        let (sampled, _) = run(&config, "--beam-sample --top-k 7");
        assert_eq!(sampled["draw"], "gumbel-chacha8-v1");
        assert_eq!(sampled["chain"][1].to_string(), r#"{"temperature":3.0}"#);
        assert_eq!(sampled["chain"][2].to_string(), r#"{"top_k":{"value":7,"min_tokens_to_keep":2}}"#);
    }
    let (diverse, _) = run(&format!("{{\"do_sample\":true,{shapes}}}"), "--num-beam-groups 2");
    assert_eq!(diverse["chain"].to_string(), r#"[{"repetition_penalty":1.5}]"#);
}

/// What transformers refuses of a file is refused by its name; a flag chooses the search, and the file's `do_sample` is named.
#[test]
fn a_generation_config_that_transformers_refuses_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("generation_config.json").display().to_string();
    let run = |config: &str, rest: &str| {
        std::fs::write(&path, config).unwrap();
        tokpick(&words(&format!("beam steps.npy --generation-config {path} -s 3 {rest}")))
    };
    let groups = r#""num_beams":4,"num_beam_groups":2,"diversity_penalty":0.5"#;
    for (config, said) in [
        (format!("{{\"do_sample\":true,{groups}}}"), "num_beam_groups 2: excludes do_sample true"),
        (r#"{"do_sample":true,"force_words_ids":[[5]]}"#.into(), "force_words_ids: excludes do_sample true"),
        (r#"{"diversity_penalty":0.5}"#.into(), "diversity_penalty 0.5: is for several groups of beams"),
        (
            r#"{"do_sample":true,"num_beam_groups":1,"diversity_penalty":0.5}"#.into(),
            "diversity_penalty 0.5: is for several groups of beams",
        ),
    ] {
        let failure = run(&config, "").failure();
        assert!(failure.starts_with(said), "{failure}");
    }
    run(&format!("{{\"do_sample\":false,{groups}}}"), "").text();
    let chosen = run(&format!("{{\"do_sample\":true,{groups}}}"), "--num-beam-groups 4");
    assert!(
        chosen.err.contains("no effect: do_sample true, as --num-beam-groups chooses the search"),
        "{}",
        chosen.err
    );
    assert_eq!(chosen.err.matches("no effect: do_sample").count(), 1, "{}", chosen.err);
    chosen.text();
}

/// More beams than there is memory for are an error that names them.
#[cfg(target_os = "linux")]
#[test]
fn beams_that_no_memory_holds_are_refused() {
    let dog = fixture("teaching/the-dog-has.jsonl").display().to_string();
    let dog = format!("{dog} --prompt-ids 1 --eos-token-id 0");
    let bigram = "--source bigram --prompt-ids 0 --max-new-tokens 30";
    for (input, args, said) in [
        (dog.as_str(), "-b 1000000", ""),
        (dog.as_str(), "-b 1000000000000", ""),
        (dog.as_str(), "-b 18446744073709551615", ""),
        (dog.as_str(), "-b 1000000000 --num-beam-groups 1000000000", "--num-beams 1000000000: "),
        (
            "steps.npy",
            "-b 18446744073709551615 --num-return-sequences 18446744073709551615",
            "--num-beams 18446744073709551615: ",
        ),
        (bigram, "-b 100000000", "--num-beams 100000000: "),
        (dog.as_str(), "-b 1000000 --beam-sample -s 1", ""),
        (dog.as_str(), "-b 1000000 --stochastic -s 1", ""),
    ] {
        let mut limited = std::process::Command::new("sh");
        let line = format!("ulimit -v 2000000; exec \"$0\" beam {input} {args} --threads 1");
        let program = env!("CARGO_BIN_EXE_tokpick");
        limited.args(["-c", &line, program]).current_dir(fixture("tiny-lm")).stdin(Stdio::piped());
        let mut child = limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let row = format!("[{}]", vec!["0.5"; 64].join(","));
        let square = format!("[{}]", vec![row; 64].join(","));
        let mut stdin = child.stdin.take().unwrap();
        let _ = std::io::Write::write_all(&mut stdin, square.as_bytes());
        drop(stdin);
        let ran = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&ran.stderr);
        if said.is_empty() {
            assert_eq!(ran.status.code(), Some(0), "{args}: {err}");
        } else {
            assert_eq!(ran.status.code(), Some(2), "{args}: {err}");
            assert!(err.contains(said), "{args}: {err}");
        }
    }
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

/// What a search can't find is not filled up, and said: of two tokens and one step there are two continuations.
#[test]
fn fewer_hypotheses_than_were_asked_for_are_named() {
    let of = |line: &str, input: &str| with_input(&words(line), input.as_bytes());
    let short = |found: usize, asked: usize, more: &str| {
        format!(
            "tokpick: note: sequence 0: {found} of the {asked} hypotheses that --num-return-sequences asks for: the search found no more{more}\n"
        )
    };
    let beam = of("beam -b 3 --num-return-sequences 3", "[[0.1,2.0]]");
    assert_eq!((beam.err.as_str(), beam.status), (short(2, 3, "").as_str(), Some(0)));
    assert_eq!(beam.text(), "1\n0\n");
    let exact = of("search --exact --num-return-sequences 7", "[[0.1,2.0],[3.0,1.0]]");
    assert!(exact.err.starts_with(&short(4, 7, "")), "{}", exact.err);
    assert_eq!(exact.text().lines().count(), 4);
    // of a batch the first, and how many others
    let batch = of("beam --layout bv -b 3 --num-return-sequences 3", "[[0.1,2.0],[3.0,1.0],[3.0,1.0]]");
    assert_eq!(batch.err, short(2, 3, ", and 2 other sequences have fewer, too"));
    // nothing is said where nothing is missing
    let whole = of("beam -b 3 --num-return-sequences 3", "[[0.1,2.0],[3.0,1.0]]");
    assert_eq!(whole.err, "");
    assert_eq!(whole.text().lines().count(), 3);
}

/// An end token leaves fewer continuations than beams: the list isn't full, and the search goes on, though `early_stopping` is true.
#[test]
fn early_stopping_counts_what_ended_alone() {
    let args = words("beam -b 3 --num-return-sequences 3 --early-stopping true --eos-token-id 0");
    let found = with_input(&args, b"[[0.1,2.0],[3.0,1.0],[1.0,1.5]]");
    assert_eq!(found.err, "");
    assert_eq!(found.text(), "1 0\n1 1 1\n1 1 0\n");
}
