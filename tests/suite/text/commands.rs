//! The flags that take text, on the command line.

use std::fs;

use serde_json::json;

use crate::support::run::{fixture, tokpick, words};

/// A line of words, and some more that may hold blanks.
fn with(line: &str, more: &[&str]) -> crate::support::run::Ran {
    tokpick(&[&words(line)[..], more].concat())
}

#[test]
fn a_tokenizer_stands_where_a_vocabulary_stands() {
    let text = " how to use the same two functions.<|endoftext|>The PartialEq trait\n";
    for flag in ["--tokenizer tokenizer.json", "--vocab tokenizer.json", "--vocab vocab.json"] {
        assert_eq!(with(&format!("greedy steps.npy -f text {flag}"), &[]).text(), text, "{flag}");
    }
    let hidden = with("greedy steps.npy -f text --tokenizer tokenizer.json --skip-special-tokens", &[]);
    assert_eq!(hidden.text(), text.replace("<|endoftext|>", ""));
    let idle = with("greedy steps.npy -f text --vocab vocab.json --skip-special-tokens", &[]);
    assert!(idle.err.contains("no effect without a tokenizer"), "{}", idle.err);
    let said = with("greedy steps.npy --tokenizer vocab.json", &[]).failure();
    assert_eq!(said, "vocab.json: no tokenizer.json: give a list of token strings as --vocab");
    // the rows are longer than the vocabulary: what is beyond is named
    let llama = fixture("tokenizers/gpt2-bytelevel.json");
    let ran = tokpick(&["greedy", "steps.npy", "-f", "json", "--tokenizer", llama.to_str().unwrap()]);
    assert!(ran.err.contains("have no string: the vocabulary has 362"), "{}", ran.err);
    assert!(ran.json()["sequences"][0]["text"].as_str().unwrap().contains("<|372|>"));
}

#[test]
fn text_stands_for_ids() {
    let same = |line: &str, text: &[&str], by_id: &str| {
        let text = [text, &["--tokenizer", "tokenizer.json"]].concat();
        assert_eq!(
            with(line, &text).text(),
            with(&format!("{line} {by_id} --vocab vocab.json"), &[]).text(),
            "{text:?}"
        );
    };
    let penalty = "greedy steps.npy --repetition-penalty 5";
    same(penalty, &["--prompt", "The compiler will"], "--prompt-ids 366,420,370,267,401");
    same("score steps.npy -f json", &["--ids-text", " how to use"], "--ids 307,318,278,372");
    same("greedy steps.npy", &["--eos-token", "<|endoftext|>"], "--eos-token-id 0");
    same(
        "greedy steps.npy",
        &["--eos-token", "<|endoftext|>", "--eos-token-id", "268"],
        "--eos-token-id 0,268",
    );
    // with the blank before it, too
    same("greedy steps.npy", &["--bad-words", "to"], "--bad-words-ids [[84,79],[278]]");
    same("greedy steps.npy", &["--logit-bias-text", " to use=-20"], "--logit-bias 278=-20,372=-20");
    let said = with("greedy steps.npy", &["--prompt", "The"]).failure();
    assert!(
        said.starts_with("--prompt \"The\": is a text, and a text needs a tokenizer: give --tokenizer FILE"),
        "{said}"
    );
    let said = with("greedy steps.npy --vocab vocab.json", &["--prompt", "The"]).failure();
    assert!(said.contains("needs a tokenizer: give --tokenizer FILE"), "{said}");
    let said = with("greedy steps.npy --tokenizer tokenizer.json", &["--eos-token", "no token"]).failure();
    assert_eq!(said, "--eos-token \"no token\": is no id, and no token of the vocabulary");
    let said = with("greedy steps.npy --tokenizer tokenizer.json", &["--logit-bias-text", "to"]).failure();
    assert_eq!(said, "--logit-bias-text to: must be TEXT=BIAS, the bias a number or -inf");
}

#[test]
fn stop_strings_end_sequences_in_every_format() {
    let stop = &["--stop", "two fun"][..];
    let line = "greedy steps.npy --tokenizer tokenizer.json";
    assert_eq!(with(&format!("{line} -f text"), stop).text(), " how to use the same \n");
    let included = with(&format!("{line} -f text --include-stop"), stop).text();
    assert_eq!(included, " how to use the same two fun\n");
    let json = with(&format!("{line} -f json"), stop).json();
    let found = &json["sequences"][0];
    assert_eq!(found["ids"], json!([307, 318, 278, 372, 261, 268, 417, 257, 87, 79, 365]));
    assert_eq!((&found["finish_reason"], &found["stop_reason"]), (&json!("stop"), &json!("two fun")));
    assert_eq!(found["text"], " how to use the same ");
    // in a stream nothing is shown that is taken back
    let stream = with(&format!("{line} -f text --stream"), stop).text();
    let shown: String = stream.lines().map(|l| serde_json::from_str::<String>(l).unwrap()).collect();
    assert_eq!((shown.as_str(), stream.lines().count()), (" how to use the same ", 11));
    assert_eq!(with(&format!("{line} -f ids --stream"), stop).text().lines().count(), 11);
    let beam = with("beam steps.npy --tokenizer tokenizer.json -f jsonl", stop).json();
    assert!(!beam["text"].as_str().unwrap().contains("two fun"), "{beam}");
    let said = with("search --exact steps.npy --tokenizer tokenizer.json", stop).failure();
    assert_eq!(
        said,
        "--stop: exact search ends sequences by their ids alone: give --eos-token-id, or leave it out"
    );
    let said = with("greedy steps.npy", stop).failure();
    assert!(said.starts_with("--stop \"two fun\": is looked for in the text of the ids"), "{said}");
    let said = with(line, &["--stop", ""]).failure();
    assert!(said.contains("is empty, and would end every sequence at once"), "{said}");
    let said = with(&format!("{line} --stop-on-repeat 1"), &[]).failure();
    assert!(said.contains("must be 2 or more"), "{said}");
}

#[test]
fn sampling_parameters_say_where_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let params = folder.path().join("params.json");
    fs::write(&params, r#"{"stop":["two fun"],"include_stop_str_in_output":true,"bad_words":["same"]}"#)
        .unwrap();
    let params = params.to_str().unwrap();
    let ran = tokpick(&[
        "greedy",
        "steps.npy",
        "-f",
        "json",
        "--sampling-params",
        params,
        "--tokenizer",
        "tokenizer.json",
    ]);
    let json = ran.json();
    assert!(json["chain"].to_string().contains("bad_words_ids"), "{json}");
    let plain = tokpick(&["greedy", "steps.npy", "--sampling-params", params]);
    assert!(plain.err.contains("json: stop: needs token strings"), "{}", plain.err);
    assert!(plain.err.contains("json: bad_words: needs a tokenizer"), "{}", plain.err);
    let score = tokpick(&["score", "steps.npy", "--ids", "1", "--sampling-params", params]);
    assert!(score.err.contains("json: no effect: stop"), "{}", score.err);
}

#[test]
fn records_repeat_what_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("r.json").to_str().unwrap().to_string();
    let line = format!("sample steps.npy -s 5 -t 0.1 --tokenizer tokenizer.json --record {record}");
    let ids = with(&line, &["--stop", "two fun", "--prompt", "@The", "--bad-words", "trait"]).text();
    assert_eq!(ids.split(' ').count(), 11, "{ids}");
    let repeated = tokpick(&["verify", &record]);
    assert!(repeated.err.is_empty(), "{}", repeated.err);
    assert_eq!(repeated.text(), "everything agrees: 1 sequence, 11 ids\n");
    let text = fs::read_to_string(&record).unwrap();
    assert!(
        text.contains("\"finish_reason\": \"stop\"") && text.contains("\"role\": \"tokenizer\""),
        "{text}"
    );
    fs::write(&record, text.replace("\"finish_reason\": \"stop\"", "\"finish_reason\": \"eos\"")).unwrap();
    assert_eq!(tokpick(&["verify", &record]).status, Some(1));
    fs::write(&record, text.replace("--stop=two fun", "--stop=two")).unwrap();
    assert_eq!(tokpick(&["verify", &record]).status, Some(1));
}

#[test]
fn the_folder_of_a_model_names_tokenizer_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let greedy = |more: &[&str]| tokpick(&[&["greedy", "steps.npy", "--model-dir", dir], more].concat());
    assert!(greedy(&[]).failure().contains("tokenizer.json"));
    fs::copy(fixture("tiny-lm/tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    assert_eq!(greedy(&[]).text().split(' ').count(), 24);
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    write("tokenizer_config.json", r#"{"eos_token":{"content":"<|endoftext|>","lstrip":false}}"#);
    assert_eq!(greedy(&["-f", "text"]).text(), " how to use the same two functions.<|endoftext|>\n");
    write("config.json", r#"{"eos_token_id":[365]}"#);
    assert_eq!(greedy(&[]).text().split(' ').count(), 11);
    write("generation_config.json", r#"{"eos_token_id":318,"temperature":0.5}"#);
    assert_eq!(greedy(&[]).text(), "307 318\n");
    assert_eq!(greedy(&["--eos-token-id", "278"]).text(), "307 318 278\n");
    let record = folder.path().join("r.json").to_str().unwrap().to_string();
    greedy(&["--record", &record]).text();
    assert_eq!(tokpick(&["verify", &record]).status, Some(0));
    write("generation_config.json", r#"{"eos_token_id":278}"#);
    assert_eq!(tokpick(&["verify", &record]).status, Some(1));
    write("generation_config.json", r#"{"eos_token_id":"x"}"#);
    assert!(greedy(&[]).failure().contains("eos_token_id"));
    write("generation_config.json", "{");
    assert!(greedy(&[]).failure().contains("generation_config.json: no JSON"));
}

#[test]
fn tokens_shows_the_split() {
    let tokens = |more: &[&str]| tokpick(&[&["tokens"], more, &["--tokenizer", "tokenizer.json"]].concat());
    assert_eq!(tokens(&["The compiler will", "-f", "ids"]).text(), "366 420 370 267 401\n");
    assert_eq!(tokens(&["366, 420 370", "-f", "json"]).json()["text"], "The compil");
    assert_eq!(tokens(&["12", "--as", "text", "-f", "ids"]).text(), "17 18\n");
    let json = tokens(&["é<|endoftext|>", "-f", "json"]).json();
    assert_eq!(
        json["tokens"][0],
        json!({"id": 128, "token": "Ã", "text": null, "bytes": [195], "special": false})
    );
    assert_eq!(json["tokens"][2]["special"], true);
    let text = tokens(&["0 128 511 600"]).text();
    for part in ["special", "part of a character", "beyond the vocabulary", "4 tokens of a vocabulary of 512"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let said = tokpick(&["tokens", "-", "--vocab", "-"]).failure();
    assert!(said.contains("standard input is read once"), "{said}");
    let said = tokpick(&["tokens", "x"]).failure();
    assert!(said.contains("give --tokenizer FILE, --vocab FILE or --model-dir DIR"), "{said}");
    assert!(tokens(&["x zzz", "--as", "ids"]).failure().starts_with("IDS \"zzz\": is no id"));
    let plain = tokpick(&["tokens", "The compiler", "--vocab", "vocab.json"]).failure();
    assert!(plain.ends_with("a text of several tokens needs a tokenizer (--tokenizer FILE)"), "{plain}");
}

/// An id in the place of a token's string is met with the flag for ids.
#[test]
fn an_id_given_as_a_string() {
    for vocab in [&[][..], &["--vocab", "vocab.json"]] {
        let said = tokpick(&[&["greedy", "steps.npy", "--eos-token", "279"], vocab].concat()).failure();
        assert!(said.ends_with("; an id is --eos-token-id 279"), "{said}");
    }
}
