//! Ids in every form in which they are given, token strings among them; the end tokens of flags and files.

use std::fs;

use crate::support::run::{Ran, tokpick, words};

/// A folder with a vocabulary whose tokens are `t0` to `t509`, `<|endoftext|>` and `two words`.
fn vocabulary() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut strings: Vec<String> = (0..510).map(|id| format!("t{id}")).collect();
    strings.extend(["<|endoftext|>".to_string(), "two words".to_string()]);
    let path = folder.path().join("vocab.json");
    fs::write(&path, serde_json::to_string(&strings).unwrap()).unwrap();
    let path = path.to_str().unwrap().to_string();
    (folder, path)
}

#[test]
fn tokens_are_named_by_their_strings() {
    let (_folder, vocab) = vocabulary();
    let with = |line: &str| tokpick(&[&words(line)[..], &["--vocab", &vocab]].concat());
    let same = |named: &str, by_id: &str| assert_eq!(with(named).text(), with(by_id).text(), "{named}");
    same("greedy steps.npy --eos-token-id t261", "greedy steps.npy --eos-token-id 261");
    same("greedy steps.npy --eos-token-id <|endoftext|>,t318", "greedy steps.npy --eos-token-id 510,318");
    let penalty = "greedy steps.npy --repetition-penalty 5";
    same(&format!("{penalty} --prompt-ids t307,318"), &format!("{penalty} --prompt-ids 307,318"));
    same("greedy steps.npy --suppress-tokens t307,t318", "greedy steps.npy --suppress-tokens 307,318");
    same("greedy steps.npy --bad-words-ids t307;t318", "greedy steps.npy --bad-words-ids 307;318");
    same("score steps.npy --ids t1,2", "score steps.npy --ids 1,2");
    same("probs batch.npy --ids t1;2;t3 --top 2", "probs batch.npy --ids 1;2;3 --top 2");
    same("verify steps.npy --greedy --ids t307,t318", "verify steps.npy --greedy --ids 307,318");
    same(r#"score steps.npy --ids ["t1",2]"#, "score steps.npy --ids 1,2");
    let ran = tokpick(&["score", "steps.npy", "--ids", "two words", "--vocab", &vocab]);
    assert!(ran.text().contains(" 511 "));

    let said = with("greedy steps.npy --eos-token-id <|nope|>").failure();
    assert_eq!(said, "--eos-token-id \"<|nope|>\": is no id, and no token of the vocabulary");
    let said = tokpick(&words("greedy steps.npy --eos-token-id <|endoftext|>")).failure();
    assert!(said.contains("give --vocab to name tokens"), "{said}");
}

#[test]
fn what_sample_writes_is_read_as_ids() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids").to_str().unwrap().to_string();
    for format in ["ids", "json", "jsonl", "jsonl --stream"] {
        let line = format!("sample batch.npy -s 3 -n 2 -f {format} -o {file}");
        tokpick(&words(&line)).text();
        tokpick(&words(&format!("verify batch.npy -s 3 -n 2 --ids-file {file}"))).text();
        tokpick(&words(&format!("verify batch.npy -s 3 -n 2 --ids @{file}"))).text();
        let wrong = tokpick(&words(&format!("verify batch.npy -s 4 -n 2 --ids-file {file}")));
        assert_eq!(wrong.status, Some(1), "{format}: {}", wrong.err);
    }
    // a file names no other one: @x is a token
    let vocab = folder.path().join("vocab.json").to_str().unwrap().to_string();
    fs::write(&vocab, r#"["x", "@x"]"#).unwrap();
    fs::write(&file, "@x x\n").unwrap();
    let scored =
        tokpick(&words(&format!("score steps.npy -f json --vocab {vocab} --ids-file {file}"))).json();
    let ids: Vec<_> = scored["sequences"][0]["tokens"].as_array().unwrap().iter().map(|t| &t["id"]).collect();
    assert_eq!(ids, [1, 0]);
    fs::write(&file, r#"{"logits":[1,2]}"#).unwrap();
    let said = tokpick(&words(&format!("score steps.npy --ids-file {file}"))).failure();
    assert!(said.contains("holds no ids"), "{said}");
}

#[test]
fn sequences_in_json_have_their_strings() {
    let (_folder, vocab) = vocabulary();
    let with = |line: &str| tokpick(&[&words(line)[..], &["--vocab", &vocab]].concat());
    let document = with("greedy steps.npy --max-new-tokens 2 -f json").json();
    let sequence = &document["sequences"][0];
    assert_eq!(sequence["tokens"], serde_json::json!(["t307", "t318"]));
    assert_eq!(sequence["text"], "t307t318");
    let line = with("greedy steps.npy --max-new-tokens 1 -f jsonl --stream").json();
    assert_eq!(line["token"], "t307");
    let without = tokpick(&words("greedy steps.npy --max-new-tokens 2 -f jsonl")).json();
    assert!(without.get("tokens").is_none() && without.get("text").is_none());
}

/// A seed is a number up to 2^53, and a string above, in every document.
#[test]
fn seeds_in_json() {
    let ids = tokpick(&words("sample steps.npy -s 1")).text();
    for (seed, json) in [
        ("7", serde_json::json!(7)),
        ("9007199254740992", serde_json::json!(9_007_199_254_740_992_u64)),
        ("9007199254740993", serde_json::json!("9007199254740993")),
        ("18446744073709551615", serde_json::json!("18446744073709551615")),
    ] {
        let lines = [
            format!("sample steps.npy -f json -s {seed}"),
            format!("verify steps.npy -f json -s {seed} --ids-file -"),
            format!("verify steps.npy --guess -f json -s {seed} --ids-file -"),
            format!("diff steps.npy steps.npy -f json -s {seed}"),
        ];
        for line in lines {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("ids");
            fs::write(&file, &ids).unwrap();
            let ran =
                tokpick(&words(&line.replace("--ids-file -", &format!("--ids-file {}", file.display()))));
            let document: serde_json::Value = serde_json::from_slice(&ran.out).unwrap();
            assert_eq!(document["seed"], json, "{line}");
        }
    }
}

#[test]
fn a_guess_says_whether_it_holds() {
    let ids = tokpick(&words("sample steps.npy -s 5 --max-new-tokens 9")).text();
    let guess = |seed: &str| {
        let ran = tokpick(&["verify", "steps.npy", "--guess", "-f", "json", "-s", seed, "--ids", ids.trim()]);
        let document: serde_json::Value = serde_json::from_slice(&ran.out).unwrap();
        (ran.status, document["holds"].as_bool())
    };
    assert_eq!(guess("5"), (Some(0), Some(true)));
    assert_eq!(guess("6"), (Some(1), Some(false)));
}

fn with_file(flag: &str, content: &str, line: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    fs::write(&path, content).unwrap();
    tokpick(&[&words(line)[..], &[flag, path.to_str().unwrap()]].concat())
}

/// Stop tokens end a sequence beside the end tokens, wherever these come from, and a minimum of tokens bars all of them (vLLM).
#[test]
fn stop_tokens_are_united_with_end_tokens() {
    let params = |content: &str, line: &str| with_file("--sampling-params", content, line).text();
    let plain = tokpick(&["greedy", "steps.npy"]).text();
    let until = |n: usize| plain.split_whitespace().take(n).collect::<Vec<_>>().join(" ") + "\n";
    assert!(plain.starts_with("307 318 278 372 261 "));
    let stop = r#"{"stop_token_ids":[261]}"#;
    assert_eq!(params(stop, "greedy steps.npy"), until(5));
    assert_eq!(params(stop, "greedy steps.npy --eos-token-id 9"), until(5));
    assert_eq!(params(stop, "greedy steps.npy --eos-token-id 278"), until(3));
    let ignoring = r#"{"stop_token_ids":[261],"eos_token_id":318,"ignore_eos":true}"#;
    assert_eq!(params(ignoring, "greedy steps.npy"), until(5));
    // a minimum of tokens bars them, those that are ignored, too
    let bars = |content: &str, line: &str, barred: &[&str]| {
        let ids = params(content, line);
        assert!(barred.iter().all(|id| ids.split_whitespace().all(|other| other != *id)), "{ids}");
    };
    bars(
        r#"{"stop_token_ids":[261],"min_tokens":30}"#,
        "greedy steps.npy --eos-token-id 318",
        &["261", "318"],
    );
    bars(
        r#"{"stop_token_ids":[261],"eos_token_id":318,"ignore_eos":true,"min_tokens":30}"#,
        "greedy steps.npy",
        &["261", "318"],
    );
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    fs::write(&config, r#"{"eos_token_id":278}"#).unwrap();
    let line = format!("greedy steps.npy --generation-config {}", config.display());
    assert_eq!(params(stop, &line), until(3));
    assert_eq!(params(r#"{"stop_token_ids":[318]}"#, &line), until(2));
    assert_eq!(params(r#"{"ignore_eos":true}"#, &line), plain);
}

/// The limit of a file holds in every command: a forced end comes where it comes in greedy search.
#[test]
fn limits_of_files_hold_in_every_command() {
    let config = r#"{"max_length":10,"forced_eos_token_id":2,"eos_token_id":2}"#;
    let run = |line: &str| with_file("--generation-config", config, line);
    let greedy = run("greedy steps.npy").text();
    let ids: Vec<&str> = greedy.split_whitespace().collect();
    assert!(ids.len() == 10 && ids[9] == "2" && ids[0] != "2", "{greedy}");
    let best: Vec<String> = run(&format!("probs steps.npy --top 1 --ids {}", ids.join(",")))
        .text()
        .lines()
        .map(|line| line.split('\t').nth(1).unwrap().to_string())
        .collect();
    assert_eq!(best, ids);
    let score = run(&format!("score steps.npy -f json --ids {}", ids.join(","))).json();
    let processed = |at: usize| score["sequences"][0]["tokens"][at]["processed_logprob"].as_f64().unwrap();
    assert!(processed(0) < -0.1 && processed(9) == 0.0);
    let verified = run(&format!("verify steps.npy --greedy --ids {}", ids.join(",")));
    assert_eq!(verified.status, Some(0), "{}", String::from_utf8_lossy(&verified.out));
    // sequences of a batch end one by one
    let batch = tokpick(&words("greedy batch.npy --forced-eos-token-id 2")).text();
    assert!(batch.lines().all(|line| line.ends_with(" 2")), "{batch}");
}

#[test]
fn one_engine_is_shown_in_any_case() {
    let json = tokpick(&["engines", "vLLM-V2", "-f", "json"]).json();
    let names: Vec<&str> =
        json["engines"].as_array().unwrap().iter().filter_map(|e| e["name"].as_str()).collect();
    assert_eq!(names, ["vllm-v2"]);
    assert!(tokpick(&["engines", "nosuch"]).failure().contains("there is no such engine"));
}
