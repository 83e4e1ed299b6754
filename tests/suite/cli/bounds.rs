//! Numbers that can never hold, never fail, or never end are refused, and say why.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::run::{Ran, fixture, tokpick, with_input, words};

fn failure(line: &str) -> String {
    tokpick(&words(line)).failure()
}

/// A limit that anything meets, or nothing can, is a slip of the pen.
#[test]
fn limits_have_bounds() {
    let verify = "verify steps.npy --ids 1 --engine vllm-v2 --position 0 -s 7";
    for tolerance in ["1", "1e308", "inf"] {
        let said = failure(&format!("{verify} --tolerance {tolerance}"));
        assert!(
            said.starts_with("--tolerance ") && said.contains(": must be below 1: a race's lead"),
            "{said}"
        );
    }
    // an id that lost by more is not what a faithful server draws
    let ran = tokpick(&words(&format!("{verify} --tolerance 0.999")));
    assert_eq!((ran.status, ran.err.as_str()), (Some(1), ""));
    for (line, said) in [
        ("verify steps.npy --ids 1 -s 7 --tolerance NaN", "--tolerance NaN: must be 0 or more"),
        (
            "verify steps.npy --ids 1 -s 7 --min-match 2",
            "--min-match 2: must be at most 1: it is a share of the steps",
        ),
        ("verify steps.npy --ids 1 -s 7 --alpha 1.5", "--alpha 1.5: must be at most 1: it is a probability"),
        (
            "verify steps.npy --ids 1 -s 7 --logit-noise inf",
            "--logit-noise inf: must be finite: it is a standard deviation",
        ),
        (
            "diff steps.npy steps.npy --min-top1 2",
            "--min-top1 2: must be at most 1: it is a share of the rows",
        ),
        ("diff steps.npy steps.npy --max-kl -1", "--max-kl -1: must be 0 or more"),
        ("diff steps.npy steps.npy --overlap-k 0", "--overlap-k 0: must be 1 or more"),
    ] {
        assert_eq!(failure(line), said);
    }
    tokpick(&words("diff steps.npy steps.npy --min-top1 1 --overlap-k 1")).text();
}

/// A search for seeds and positions says how far it goes, and refuses what no one will see the end of.
#[test]
fn a_guess_that_would_not_end_is_refused() {
    let guess = "verify steps.npy --ids 1,2,3,4 --guess";
    let said = failure(&format!("{guess} --seeds 0..9223372036854775807"));
    assert!(said.starts_with("--seeds 0..9223372036854775807: makes "), "{said}");
    assert!(said.contains("at most 2^40 are tried: a thousand million take some five minutes"), "{said}");
    let said = failure(&format!("{guess} --seed 1 --positions 0..9223372036854775807"));
    assert!(said.starts_with("--positions 0..9223372036854775807: makes "), "{said}");
    let ran = tokpick(&words(&format!("{guess} --seeds 0..18446744073709551615")));
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("must lie within -9223372036854775808..9223372036854775807"), "{}", ran.err);
}

/// What a record of a run says, changed by a function, and verified.
fn changed(folder: &Path, record: &str, change: impl FnOnce(&mut Value)) -> Ran {
    let mut value: Value = serde_json::from_str(record).unwrap();
    change(&mut value);
    let file = folder.join("changed.json");
    fs::write(&file, value.to_string()).unwrap();
    tokpick(&["verify", file.to_str().unwrap()])
}

#[test]
fn a_record_of_no_run_or_of_other_numbers_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let [input, ids] = [fixture("tiny-lm/steps.npy"), folder.path().join("ids")];
    let (input, ids) = (input.to_str().unwrap(), ids.to_str().unwrap());
    let record = tokpick(&["sample", input, "-n", "2", "-s", "7", "-o", ids, "--record", "-"]).text();
    // were it decoded, it would take minutes
    let ran = changed(folder.path(), &record, |r| {
        let words = r["command"].as_array_mut().unwrap();
        let at = words.iter().position(|word| word == "--num-samples=2").unwrap();
        words[at] = "--num-samples=100000000".into();
    });
    let said = String::from_utf8(ran.out).unwrap();
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    assert!(said.contains("lines") && said.contains("100000000"), "{said}");
    for word in ["--help", "-h", "--version"] {
        let ran = changed(folder.path(), &record, |r| r["command"].as_array_mut().unwrap().push(word.into()));
        let said = ran.failure();
        assert!(
            said.ends_with("damaged record: its command asks for the help or the version, which is no run"),
            "{said}"
        );
    }
}

/// Which engines give no log-probabilities of what they drew from: those that decide by a race, as docs/json.md says.
#[test]
fn races_have_no_processed_logprobs() {
    let all = tokpick(&["engines", "-f", "json"]).json();
    let docs = fs::read_to_string(fixture("../docs/json.md")).unwrap();
    let said = docs.lines().find(|line| line.contains("null where a race of scores decides")).unwrap();
    for engine in all["engines"].as_array().unwrap() {
        let name = engine["name"].as_str().unwrap();
        let line = format!("sample steps.npy --rows 0..6 --engine {name} --seed 7 -f jsonl");
        let position = tokpick(&words(&format!("{line} --position 0")));
        let ran = if position.status == Some(0) { position } else { tokpick(&words(&line)) };
        let found = ran.json();
        let numbers = found["processed_logprobs"].as_array().unwrap();
        let is_race = numbers.iter().all(Value::is_null);
        assert!(is_race || numbers.iter().all(Value::is_number), "{name}: {found}");
        let is_named = match name.strip_prefix("vllm-v2") {
            Some(_) => said.contains("`vllm-v2` and its kin"),
            None => said.split("and `candle`").next().unwrap().contains(&format!("`{name}`")),
        };
        assert_eq!(is_race, is_named, "{name}");
    }
}

/// What only `diff` reads is told apart from an input that is wrong.
#[test]
fn what_only_diff_reads_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = |text: &str, command: &str| {
        let file = folder.path().join("file.json");
        fs::write(&file, text).unwrap();
        tokpick(&[command, file.to_str().unwrap()]).failure()
    };
    let tokens =
        "; it holds log-probabilities of tokens, without rows of logits: `tokpick diff` compares such files";
    for text in [
        r#"{"old_log_probs":[-1,-2],"response_ids":[4,5]}"#,
        r#"[{"token_ids":[1,2],"logprobs":[-1,-2]},{"token_ids":[1,2],"logprobs":[-1,-2]}]"#,
    ] {
        for command in ["greedy", "info", "probs"] {
            let said = said(text, command);
            assert!(said.ends_with(tokens), "{said}");
        }
    }
    let mask = said("[[1,2,3],[4,5]]", "info");
    assert!(mask.ends_with("--mask of `tokpick verify` and `tokpick diff` reads it"), "{mask}");
    // no word of it where it is neither
    assert!(!said("[[1.5,2,3],[4,5]]", "info").contains("diff"));
    assert!(!said(r#"{"logits":[[1,2],[3]]}"#, "info").contains("diff"));
}

/// A word that needs a tokenizer says so, with a vocabulary too.
#[test]
fn words_need_a_tokenizer() {
    for (flag, word) in
        [("--bad-words", "how to"), ("--bad-words", "hello"), ("--logit-bias-text", "how to=2")]
    {
        let said =
            tokpick(&["sample", "steps.npy", "-s", "1", "--vocab", "vocab.json", flag, word]).failure();
        let what = "is no token of the vocabulary, which splits no text: a text of several tokens needs a tokenizer (--tokenizer FILE)";
        assert!(said.starts_with(flag) && said.ends_with(what), "{said}");
    }
}

/// A text may hold U+0000, and none at all; what is in UTF-16 is told by its mark, or by a zero beside every letter.
#[test]
fn zeros_in_a_text_do_not_make_it_utf16() {
    let tokens = |input: &[u8], more: &str| {
        with_input(&words(&format!("tokens - --tokenizer tokenizer.json -f json {more}")), input)
    };
    for text in [&b"a\0b"[..], b"\0a", b"a\0", b"a\0b\0"] {
        let found = tokens(text, "--as text").json();
        assert_eq!(found["text"], std::str::from_utf8(text).unwrap());
    }
    assert_eq!(tokens(b"a\0b", "").json()["text"], "a\0b");
    for text in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a"] {
        assert!(tokens(text, "--as text").failure().contains("UTF-16"), "{text:?}");
    }
    assert!(tokens(b"4\x002\0", "").failure().contains("UTF-16"));
    let nothing = serde_json::json!([]);
    assert_eq!(tokens(b"", "").json()["tokens"], nothing);
    for kind in ["auto", "text", "ids"] {
        let line = format!("--as {kind} --tokenizer tokenizer.json");
        let args = [&["tokens", ""][..], &words(&line)].concat();
        assert!(
            tokpick(&args).text().ends_with("\n0 tokens of a vocabulary of 512, 0 characters:\n"),
            "{kind}"
        );
        assert_eq!(tokpick(&[&args[..], &["-f", "json"]].concat()).json()["tokens"], nothing);
    }
}
