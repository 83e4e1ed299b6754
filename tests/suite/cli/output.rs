//! The output formats, and where they go.

use std::io::Read;

use serde_json::{Value, json};

use crate::support::run::{command, tokpick, with_input, words};

#[test]
fn ids() {
    assert_eq!(tokpick(&["greedy", "steps-small.json"]).text(), "307 318 278 372\n");
    assert_eq!(tokpick(&["greedy", "steps-small.json", "--stream"]).text(), "307\n318\n278\n372\n");
    assert_eq!(
        tokpick(&["greedy", "batch.npy", "--max-new-tokens", "2"]).text(),
        "312 318\n221 75\n338 12\n"
    );
}

/// Many samples of one token take a way of their own to the ids.
#[test]
fn many_samples_of_one_token() {
    let run =
        |more: &str| tokpick(&words(&format!("sample batch.npy --rows 0..1 -s 5 -n 5000 {more}"))).text();
    let ids: Vec<String> = run("").lines().map(str::to_owned).collect();
    let json = run("-f jsonl");
    let of = |line: &str| serde_json::from_str::<Value>(line).unwrap()["ids"][0].to_string();
    assert_eq!(ids, json.lines().map(of).collect::<Vec<_>>());
    assert_eq!(run("--stream").split_whitespace().collect::<Vec<_>>(), ids);
    assert!(ids.len() == 15_000 && ids[..5000] != ids[5000..10_000]);
}

#[test]
fn one_json_document() {
    let args = ["sample", "steps-small.json", "--seed", "7", "-k", "5", "-t", "0.8", "--format", "json"];
    let document = tokpick(&args).json();
    let keys: Vec<_> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["tokpick", "draw", "seed", "chain", "arguments", "sequences"]);
    assert_eq!(document["tokpick"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&document["draw"], &document["seed"]), (&json!("chacha8-v1"), &json!(7)));
    assert_eq!(document["chain"], json!([{"temperature": 0.8}, {"top_k": 5}]));
    assert_eq!(document["arguments"], json!(args));
    let sequence = &document["sequences"][0];
    let keys: Vec<_> = sequence.as_object().unwrap().keys().collect();
    let expected =
        ["sequence", "sample", "ids", "logprobs", "processed_logprobs", "logprob", "finish_reason"];
    assert_eq!(keys, expected);
    let sum: f64 = sequence["logprobs"].as_array().unwrap().iter().map(|l| l.as_f64().unwrap()).sum();
    assert_eq!(sequence["logprob"].as_f64(), Some(sum));
    assert_eq!(sequence["finish_reason"], "length");
    // what is recorded as the chain can be given back
    let chain = document["chain"].to_string();
    let again = tokpick(&["sample", "steps-small.json", "-s", "7", "--chain", &chain, "-f", "json"]).json();
    assert_eq!((&again["chain"], &again["sequences"]), (&document["chain"], &document["sequences"]));
}

#[test]
fn what_is_recorded_of_the_draw() {
    let head = |args: &str| {
        let document = tokpick(&words(&format!("{args} -f json"))).json();
        (document["draw"].clone(), document["seed"].clone())
    };
    assert_eq!(head("greedy steps-small.json"), (json!("argmax"), Value::Null));
    assert_eq!(head("beam steps-small.json -b 2"), (Value::Null, Value::Null));
    assert_eq!(head("sample steps-small.json -s 3 --draw gumbel"), (json!("gumbel-chacha8-v1"), json!(3)));
    assert_eq!(head("sample steps-small.json -t 0"), (json!("argmax"), Value::Null));
    let largest = u64::MAX.to_string();
    assert_eq!(
        head(&format!("sample steps-small.json -s {largest}")).1,
        json!(largest),
        "a string above 2^53"
    );
}

#[test]
fn a_fresh_seed_is_said_and_recorded() {
    let ran = tokpick(&["sample", "steps-small.json", "-f", "json"]);
    let said: u64 = ran.err.trim().strip_prefix("tokpick: note: seed ").unwrap().parse().unwrap();
    let document = ran.json();
    assert_eq!(document["seed"], json!(said));
    let again = tokpick(&["sample", "steps-small.json", "-f", "json", "--seed", &said.to_string()]).json();
    assert_eq!(again["sequences"], document["sequences"]);
}

#[test]
fn masked_tokens_are_null_in_json() {
    let args = ["sample", "-s", "1", "-f", "jsonl", "--chain", "top_k=1"];
    let line = with_input(&args, b"[[1,-Infinity,3]]").text();
    let sequence: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(sequence["processed_logprobs"], json!([0.0]));
    let probs = with_input(&["probs", "-f", "json"], b"[[1,-Infinity,3]]").json();
    assert_eq!(probs["rows"][0]["ids"], json!([0, 2]));
}

#[test]
fn json_lines() {
    let text =
        tokpick(&["beam", "batch.npy", "-b", "3", "--num-return-sequences", "2", "-f", "jsonl"]).text();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let who: Vec<_> = lines.iter().map(|l| (l["sequence"].as_u64(), l["sample"].as_u64())).collect();
    let expected = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)].map(|(a, b)| (Some(a), Some(b)));
    assert_eq!(who, expected);
    assert!(lines.iter().all(|l| l["score"].is_f64()));
    let stream = tokpick(&["greedy", "steps-small.json", "-f", "jsonl", "--stream"]).text();
    assert_eq!(stream.lines().next(), Some(r#"{"sequence":0,"sample":0,"step":0,"id":307}"#));
}

#[test]
fn text() {
    let strings = ["--vocab", "vocab.json", "-f", "text"];
    let text = tokpick(&[&["greedy", "steps-small.json"], &strings[..]].concat()).text();
    assert_eq!(text, " how to use\n");
    let stream = tokpick(&[&["greedy", "steps-small.json", "--stream"], &strings[..]].concat()).text();
    assert_eq!(stream, "\" h\"\n\"ow\"\n\" to\"\n\" use\"\n");
    let input = br#"{"logits":[[0,1],[1,0]],"vocab":["The"," dog"]}"#;
    assert_eq!(with_input(&["greedy", "-f", "text"], input).text(), " dogThe\n");
}

#[test]
fn an_id_without_a_string_is_shown_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let vocab = folder.path().join("vocab.txt");
    std::fs::write(&vocab, "a\nb\n").unwrap();
    let ran = with_input(&["greedy", "-f", "text", "--vocab", vocab.to_str().unwrap()], b"[[0,1,0],[0,0,1]]");
    assert!(
        ran.err.contains("1 of the ids shown, 2 first, have no string: the vocabulary has 2"),
        "{}",
        ran.err
    );
    assert_eq!(ran.text(), "b<|2|>\n");
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids");
    let path = file.to_str().unwrap();
    let names =
        || std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    // the second row is broken: what came before it must not look like a result
    let broken = with_input(&["greedy", "-f", "jsonl", "--stream", "-o", path], b"[1,2]\n[NaN,1]\n");
    broken.failure();
    assert!(names().is_empty(), "{:?}", names());
    assert_eq!(tokpick(&["greedy", "steps-small.json", "-o", path]).text(), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "307 318 278 372\n");
    with_input(&["greedy", "-o", path], b"[[NaN,1]]").failure();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "307 318 278 372\n", "the old one stays");
    assert_eq!(names(), ["ids"]);
}

#[cfg(unix)]
#[test]
fn a_device_is_written_to() {
    assert_eq!(tokpick(&["greedy", "steps-small.json", "-o", "/dev/null"]).text(), "");
}

/// Who reads the first line alone closes the pipe: the status of a check tells its verdict all the same.
#[test]
fn a_closed_pipe_takes_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    for seed in ["1", "2"] {
        let file = folder.path().join(format!("{seed}.npy"));
        tokpick(&["synth", "5000x16", "-s", seed, "-o", file.to_str().unwrap()]).text();
    }
    let ids = "3 ".repeat(5000);
    let cases: [&[&str]; 3] = [
        &["verify", "1.npy", "--ids", &ids, "--seed", "1", "--top", "5000"],
        &["diff", "1.npy", "2.npy", "--max-kl", "0", "--top", "5000"],
        &["diff", "1.npy", "2.npy", "--max-kl", "0", "-f", "json"],
    ];
    for args in cases {
        let mut child = command(args).current_dir(folder.path()).spawn().unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{args:?}");
        assert!(!String::from_utf8_lossy(&done.stderr).contains("pipe"), "{args:?}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    for args in [
        "sample batch.npy -s 1 -n 20000",
        "probs batch.npy",
        "synth 1000x1000 -s 1",
        "info batch.npy -f json --top 500",
    ] {
        let mut child = command(&words(args)).spawn().unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        // the pipe is closed here
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{args}");
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{args}");
    }
}
