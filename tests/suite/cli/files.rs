//! Settings from files: flags win, the rest is said.

use serde_json::{Value, json};

use crate::support::run::{Ran, tokpick, words};

/// Runs a command with a file of settings.
fn with(file: &str, flag: &str, command: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    std::fs::write(&path, file).unwrap();
    tokpick(&[&words(command), &[flag, path.to_str().unwrap()][..]].concat())
}

fn config(file: &str, command: &str) -> Ran {
    with(file, "--generation-config", command)
}

fn chain(ran: Ran) -> Value {
    ran.json()["chain"].clone()
}

/// Qwen/Qwen2.5-7B-Instruct, with an end token of the small model.
const QWEN: &str = r#"{"bos_token_id":0,"pad_token_id":0,"do_sample":true,"eos_token_id":[0],
    "repetition_penalty":1.05,"temperature":0.7,"top_p":0.8,"top_k":20,"transformers_version":"4.37.0"}"#;

#[test]
fn a_generation_config_sets_the_chain() {
    let all = json!([{"repetition_penalty": 1.05}, {"temperature": 0.7}, {"top_k": 20}, {"top_p": 0.8}]);
    assert_eq!(chain(config(QWEN, "sample steps.npy -s 1 -f json")), all);
    let flags = json!([{"repetition_penalty": 1.05}, {"temperature": 1.5}, {"top_k": 20}, {"top_p": 0.8}, {"min_p": 0.1}]);
    assert_eq!(chain(config(QWEN, "sample steps.npy -s 1 -f json -t 1.5 --min-p 0.1")), flags, "flags win");
    let order = json!([{"repetition_penalty": 1.05}, {"top_k": 20}, {"top_p": 0.8}, {"temperature": 0.7}]);
    assert_eq!(chain(config(QWEN, "sample steps.npy -s 1 -f json --order llama.cpp")), order);
    let replaced = config(QWEN, "sample steps.npy -s 1 -f json --chain top_k=3");
    assert!(replaced.err.contains("--chain replaces what the files say of"), "{}", replaced.err);
    assert_eq!(chain(replaced), json!([{"top_k": 3}]));
}

#[test]
fn end_tokens_and_limits_come_from_files() {
    let greedy = |file: &str, flags: &str| config(file, &format!("greedy steps.npy {flags}")).text();
    assert!(greedy(r#"{"eos_token_id":0}"#, "").ends_with(" 14 0\n"));
    assert!(greedy(r#"{"eos_token_id":0}"#, "--eos-token-id 14").ends_with(" 83 14\n"), "flags win");
    assert_eq!(greedy(r#"{"max_new_tokens":2}"#, ""), "307 318\n");
    assert_eq!(greedy(r#"{"max_new_tokens":2}"#, "--max-new-tokens 1"), "307\n");
    assert_eq!(greedy(r#"{"max_length":5}"#, "--prompt-ids 1,2,3"), "307 318\n", "prompt and new tokens");
}

#[test]
fn a_beam_search_from_a_file() {
    let file = r#"{"num_beams":3,"num_return_sequences":2,"length_penalty":2.0,"early_stopping":true,"eos_token_id":0,
        "max_new_tokens":10}"#;
    let table = "beam prefix-table-a.jsonl --prompt-ids 0";
    let flags = "-b 3 --num-return-sequences 2 --length-penalty 2 --early-stopping true --eos-token-id 0 --max-new-tokens 10";
    assert_eq!(config(file, table).text(), tokpick(&words(&format!("{table} {flags}"))).text());
    let sampled = config(file, "sample steps.npy -s 1");
    assert!(sampled.err.contains("no effect: num_beams 3"), "{}", sampled.err);
}

#[test]
fn sampling_params_of_a_server() {
    let file = r#"{"temperature":0.6,"top_p":0.95,"presence_penalty":1.5,"max_tokens":4,"n":2,"seed":"12","stop":["x"],
        "extra_body":{"top_k":20,"min_p":0}}"#;
    let ran = with(file, "--sampling-params", "sample steps.npy -f json");
    assert!(ran.err.contains("settings.json: stop: needs token strings"), "{}", ran.err);
    let document = ran.json();
    assert_eq!(document["seed"], json!(12));
    assert_eq!(document["sequences"].as_array().unwrap().len(), 2);
    assert_eq!(document["sequences"][0]["ids"].as_array().unwrap().len(), 4);
    let expected = json!([{"presence_penalty": 1.5}, {"temperature": 0.6}, {"top_k": 20}, {"top_p": 0.95}, {"min_p": 0.0}]);
    assert_eq!(document["chain"], expected);
}

#[test]
fn what_a_file_gets_wrong_names_the_file() {
    for (file, said) in [
        ("[]", "settings.json: must be one JSON object"),
        (r#"{"top_p":1.5}"#, ""),
        (r#"{"temperature":-1}"#, "settings.json: temperature -1: must be a finite number"),
        (r#"{"num_beams":"four"}"#, "settings.json: num_beams \"four\""),
    ] {
        let ran = config(file, "sample steps.npy -s 1");
        match said {
            "" => assert_eq!(ran.status, Some(0), "as in transformers, 1 and above is off: {}", ran.err),
            said => assert!(ran.failure().contains(said), "{file}"),
        }
    }
    let flag = config(r#"{"temperature":0.5}"#, "sample steps.npy -s 1 --temperature -2").failure();
    assert_eq!(flag, "--temperature -2: must be a finite number, 0 or more");
}

/// transformers 5.24: a minimum of new tokens replaces one of all tokens, at 0, too; from files as from flags.
#[test]
fn a_minimum_of_new_tokens_takes_the_place_of_one_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("rows.json");
    std::fs::write(&input, "[[1,0],[1,0],[1,0]]").unwrap();
    let input = input.to_str().unwrap();
    let greedy = format!("greedy {input} --prompt-ids 1 --eos-token-id 0");
    let ran = tokpick(&words(&format!("{greedy} --min-new-tokens 1 --min-length 4")));
    assert!(ran.err.contains("min_length has no effect beside min_new_tokens"), "{}", ran.err);
    assert_eq!(ran.text(), "1 0\n");
    assert_eq!(tokpick(&words(&format!("{greedy} --min-length 4"))).text(), "1 1 1\n");
    let both = |new: usize| format!(r#"{{"min_length":4,"min_new_tokens":{new}}}"#);
    assert_eq!(config(&both(2), &greedy).text(), "1 1 0\n");
    assert_eq!(config(&both(0), &greedy).text(), "0\n");
}

/// An id of the history beyond the vocabulary is an error, but for an engine that passes over it: then a note says so.
#[test]
fn ids_of_a_history_outside_the_vocabulary() {
    let sample = "sample steps.npy --seed 1 --repetition-penalty 1.5";
    let said = tokpick(&words(&format!("{sample} --prompt-ids 307,99999999"))).failure();
    assert!(said.contains("the prompt id 99999999 is outside the vocabulary of 512 tokens"), "{said}");
    let said = tokpick(&words(&format!("{sample} --engine vllm --prompt-ids 99999999"))).failure();
    assert!(said.contains("outside the vocabulary of 512"), "{said}");
    let llama = format!("{sample} --engine llama.cpp --penalty-last-n 64");
    let ran = tokpick(&words(&format!("{llama} --prompt-ids 307,99999999")));
    assert!(ran.err.contains("llama.cpp passes over id 99999999 of the history"), "{}", ran.err);
    assert_eq!(ran.text(), tokpick(&words(&format!("{llama} --prompt-ids 307"))).text());
    let strict = tokpick(&words(&format!("{llama} --prompt-ids 307,99999999 --strict"))).failure();
    assert!(strict.contains("outside the vocabulary of 512"), "{strict}");
}

/// What transformers ignores is ignored with a word, and what other programs write is read.
#[test]
fn odd_values_of_files() {
    let odd = r#"{"suppress_tokens":[-1],"pad_token_id":-1,"top_k":1.0,"do_sample":true}"#;
    let ran = config(odd, "sample steps.npy -s 1 -f json");
    assert!(ran.err.contains("suppress_tokens: -1 names no token"), "{}", ran.err);
    assert!(ran.err.contains("pad_token_id: -1 names no token"), "{}", ran.err);
    assert_eq!(chain(ran), json!([{"top_k": 1}]));
    let ran = config(r#"{"one":1,"two":2,"three":3}"#, "greedy steps.npy");
    assert_eq!(ran.err.matches("tokpick: note:").count(), 1, "{}", ran.err);
    assert!(ran.err.contains("no setting that tokpick knows: one, two, three"), "{}", ran.err);
    // numpy.finfo(…).min, as programs write it for a mask
    let lowest = ["-1.7976931348623157e308", "-3.4028234663852886e38", "-3.3895313892515355e38", "-65504.0"];
    for lowest in lowest {
        let ran = config(&format!(r#"{{"sequence_bias":[[[307],{lowest}]]}}"#), "greedy steps.npy -f json");
        assert_eq!(chain(ran), json!([{"sequence_bias": [[[307], "-inf"]]}]), "{lowest}");
    }
}

/// Greedy and exact search draw nothing: what transformers leaves out there is left out, and named once; flags count.
#[test]
fn searches_without_draws_leave_out_what_only_draws_need() {
    let rest = r#""typical_p":0.1,"temperature":0.5,"repetition_penalty":1.2}"#;
    let penalty = json!([{"repetition_penalty": 1.2}]);
    for (start, note) in [
        ("{\"do_sample\":false,", "transformers would draw nothing, and leave out typical_p, temperature\n"),
        ("{", "transformers would draw nothing, and leave out typical_p, temperature\n"),
        (
            "{\"do_sample\":true,",
            "left out where nothing is drawn, as in transformers: typical_p, temperature\n",
        ),
    ] {
        for command in ["greedy steps.npy -f json", "search --exact steps.npy -f json --max-new-tokens 2"] {
            let ran = config(&format!("{start}{rest}"), command);
            assert_eq!(ran.err.matches("typical_p").count(), 1, "{}", ran.err);
            assert!(ran.err.contains(note), "{}", ran.err);
            assert_eq!(chain(ran), penalty, "{start} {command}");
        }
    }
    let given = config(&format!("{{{rest}"), "greedy steps.npy -f json --typical-p 0.2");
    assert_eq!(chain(given), json!([{"repetition_penalty": 1.2}, {"typical_p": 0.2}]));
    let drawn = config(&format!("{{{rest}"), "sample steps.npy -s 1 -f json");
    assert_eq!(chain(drawn).as_array().unwrap().len(), 3);
}

/// What draws, or shows what is drawn, does so whatever `do_sample` says, and says what it kept.
#[test]
fn commands_that_draw_keep_what_draws_need_and_say_so() {
    let settings = r#"{"typical_p":0.1,"temperature":0.5,"repetition_penalty":1.2}"#;
    let kept = |command: &str| format!("`{command}` ");
    for (line, named) in [
        ("sample steps.npy -s 1", kept("sample")),
        ("probs steps.npy --rows 0..1", kept("probs")),
        ("score steps.npy --ids 1", kept("score")),
        ("explain steps.npy --step 0 -s 1", kept("explain")),
        ("verify steps.npy --ids 1 -s 1", "--greedy verifies a search".to_string()),
    ] {
        let ran = config(settings, line);
        let note = ran
            .err
            .lines()
            .find(|l| l.contains("kept all the same"))
            .unwrap_or_else(|| panic!("{}", ran.err));
        assert!(note.contains(&named) && note.ends_with(": typical_p, temperature"), "{note}");
        let sampling = config(&settings.replacen('{', "{\"do_sample\":true,", 1), line);
        assert!(!sampling.err.contains("kept all the same"), "{}", sampling.err);
        assert_eq!(ran.out, sampling.out, "{line}");
    }
    let ran = config(settings, "verify steps.npy --ids 1 --greedy -f json");
    assert!(!ran.err.contains("kept all the same"), "{}", ran.err);
    let document: serde_json::Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!(document["chain"], json!([{"repetition_penalty": 1.2}]));
}

/// As in transformers, which raises: a prompt that leaves no room is no run with nothing to do.
#[test]
fn a_prompt_as_long_as_max_length_is_refused() {
    for (prompt, fits) in [("1,2", true), ("1,2,3", false), ("1,2,3,4", false)] {
        for command in ["greedy", "sample -s 1", "beam", "probs", "search --exact", "explain --step 0 -s 1"] {
            let ran = config(r#"{"max_length":3}"#, &format!("{command} steps.npy --prompt-ids {prompt}"));
            if fits {
                ran.text();
                continue;
            }
            let said = ran.failure();
            assert!(said.starts_with("max_length 3: ") && said.contains("--max-new-tokens"), "{said}");
        }
        config(r#"{"max_length":3}"#, &format!("greedy steps.npy --prompt-ids {prompt} --max-new-tokens 1"))
            .text();
        config(r#"{"max_length":3,"max_new_tokens":1}"#, &format!("greedy steps.npy --prompt-ids {prompt}"))
            .text();
    }
}

#[test]
fn values_of_the_wrong_type_are_named_with_their_field() {
    for (text, said) in [
        (r#"{"forced_eos_token_id":-1}"#, "forced_eos_token_id"),
        (
            r#"{"eos_token_id":"x"}"#,
            "eos_token_id \"x\": must be a token id (a whole number from 0), or a list of them",
        ),
        (r#"{"force_words_ids":[[1.5]]}"#, "force_words_ids [[1.5]]: must be"),
        (r#"{"bad_words_ids":[["a"]]}"#, "bad_words_ids"),
        (r#"{"num_beams":"four"}"#, "num_beams \"four\": "),
        (r#"{"top_k":5,"top_k":6}"#, "the field \"top_k\" stands twice"),
    ] {
        let failure = config(text, "beam steps.npy --max-new-tokens 1").failure();
        assert!(failure.contains(said) && !failure.contains("untagged"), "{failure}");
    }
}
