//! Files of servers and trainers.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokpick::check::Claimed;

use super::{Text, at_temperature};
use crate::support::run::{tokpick, with_input};

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn files_of_servers_and_trainers_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: String| write(folder.path(), name, &text).to_str().unwrap().to_string();
    let text = Text::real("lm512-f32.kld");
    let lines = |side: &[Claimed], ids: &str, logprobs: &str| -> String {
        side.iter().map(|c| json!({ids: c.ids, logprobs: c.logprobs}).to_string() + "\n").collect()
    };
    let plain = text.plain();
    let server = at("server.jsonl", lines(&plain, "ids", "logprobs"));
    let trainer = at(
        "trainer.jsonl",
        lines(&text.of(&at_temperature(&text.rows, 0.7)), "response_ids", "old_log_probs"),
    );
    let json = tokpick(&["diff", &server, &trainer, "-f", "json", "--top", "2"]).json();
    let found = &json["logprobs"];
    assert_eq!((&found["tokens"], &found["sequences"]), (&json!(186), &json!(6)));
    assert_eq!(found["causes"][0]["cause"], "temperature");
    assert_eq!(found["worst"].as_array().unwrap().len(), 2);
    let shown = tokpick(&["diff", &server, &trainer, "--vocab", "vocab.json"]).text();
    assert!(
        shown.contains("likely cause") && shown.contains("a temperature on one side: A is as at 1."),
        "{shown}"
    );
    assert_eq!(tokpick(&["diff", &server, &trainer, "--max-kl", "0.01"]).status, Some(1));
    assert!(tokpick(&["diff", &server, &server]).text().contains("none stands out"));
    // what tokpick writes, in lists and with padding
    let first = &plain[0];
    let padded = json!({
        "ids": [[first.ids[0], first.ids[1], 0], [first.ids[2], 0, 0]],
        "logprobs": [[-0.5, -0.25, 0.0], [-1.0, 0.0, 0.0]],
        "response_mask": [[1, 1, 0], [1, 0, 0]],
    });
    let padded = at("padded.json", padded.to_string());
    let found = tokpick(&["diff", &padded, &padded, "-f", "json"]).json();
    assert_eq!((&found["logprobs"]["tokens"], &found["logprobs"]["left_out"]), (&json!(3), &json!(0)));
    let run = tokpick(&["sample", "steps.npy", "--seed", "7", "-t", "0.7", "-f", "json"]).text();
    let run = at("run.json", run);
    // the same logits say the same, and with the processors what was drawn from
    let own = tokpick(&["diff", &run, "steps.npy", "-f", "json"]).json();
    assert!(own["logprobs"]["max_abs"].as_f64().unwrap() < 1e-9, "{own}");
    let processed = tokpick(&["diff", &run, "steps.npy", "-t", "0.7", "-f", "json"]).json();
    assert_eq!(processed["logprobs"]["causes"][0]["cause"], "processed", "{processed}");
    // a server's answer carries its own
    let answer = "../formats/llama-server/native-greedy-n10.json";
    let found = tokpick(&["diff", answer, answer, "-f", "json"]).json();
    assert_eq!((&found["logprobs"]["tokens"], &found["logprobs"]["causes"]), (&json!(12), &json!([])));
    // a server that names tokens by their text has ids with a vocabulary alone; beside another of its kind the texts are enough
    let texts = "../formats/llama-cpp-python-server/py-completions-n5.json";
    let named = "../formats/llama-server/oai-completions-n5.json";
    let found = tokpick(&["diff", texts, named, "-f", "json"]).json();
    assert!(found["logprobs"]["tokens"].as_u64().unwrap() >= 10, "{found}");
    let line = tokpick(&["diff", texts, "steps.npy"]).failure();
    assert!(line.contains("its tokens have no ids") && line.contains("--vocab"), "{line}");
    // rows of the best few tokens stay rows
    let rows = at(
        "rows.jsonl",
        "{\"ids\":[1,2],\"logprobs\":[-0.5,-1.5]}\n{\"ids\":[0,2],\"logprobs\":[-0.25,-2.5]}\n".into(),
    );
    assert!(tokpick(&["diff", &rows, &rows, "-f", "json"]).json()["summary"].is_object());
    assert_eq!(
        tokpick(&["diff", &rows, &rows, "--of", "tokens", "-f", "json"]).json()["logprobs"]["tokens"],
        4
    );
}

/// A server says -9999, or the lowest float, of a token that is too unlikely for it.
#[test]
fn floors_of_servers_are_filling() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| write(folder.path(), name, text).to_str().unwrap().to_string();
    let answer = "../formats/llama-server/oai-chat-noeos-n4.json";
    let mut document: Value =
        serde_json::from_str(&std::fs::read_to_string(crate::support::run::fixture(&answer[3..])).unwrap())
            .unwrap();
    let entries = document["choices"][0]["logprobs"]["content"].as_array_mut().unwrap();
    let n = entries.len();
    (entries[1]["logprob"], entries[3]["logprob"]) = (json!(-9999.0), json!(f64::from(f32::MIN)));
    let some = at("some.json", &document.to_string());
    for (side, args) in [("a", [&some[..], answer]), ("b", [answer, &some])] {
        let json = tokpick(&["diff", args[0], args[1], "-f", "json"]).json();
        let found = &json["logprobs"];
        let cause = &found["causes"][0];
        assert_eq!(
            (&cause["cause"], &cause["side"], &cause["estimate"]),
            (&json!("filling"), &json!(side), &json!(2.0))
        );
        assert_eq!((&found["tokens"], &found["left_out"]), (&json!(n - 2), &json!(2)));
    }
    for entry in document["choices"][0]["logprobs"]["content"].as_array_mut().unwrap() {
        entry["logprob"] = json!(-9999.0);
    }
    let all = at("all.json", &document.to_string());
    let line = tokpick(&["diff", answer, &all]).failure();
    assert!(line.contains("all.json: all its log-probabilities are filling"), "{line}");
}

#[test]
fn what_can_not_be_compared_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| write(folder.path(), name, text).to_str().unwrap().to_string();
    let a = at("a.json", r#"{"token_ids": [1, 2, 3], "logprobs": [-0.5, -1, null]}"#);
    let nan = at("nan.json", r#"{"token_ids": [1, 2], "logprobs": [-0.5, NaN]}"#);
    let short = at("b.json", r#"{"token_ids": [1, 2, 3], "logprobs": [-0.5, -1]}"#);
    let failure = |args: &[&str]| tokpick(&[&["diff"], args].concat()).failure();
    assert!(failure(&[&a, &short]).contains("2 log-probabilities, but 3 ids: one for each token is needed"));
    assert!(
        failure(&[&nan, &nan]).contains("logprobs has NaN for token 1: null says that there is no value")
    );
    assert!(failure(&[&a, &a, "--temperature", "0.7"]).starts_with("--temperature: has no meaning where"));
    assert!(failure(&[&a, &a, "--ratio-bound", "0.5"]).contains("must be 1 or more"));
    assert!(failure(&["steps.npy", "steps.npy", "--of", "tokens"]).contains("neither file holds"));
    let none = at("c.json", r#"{"token_ids": [1, 2, 3], "logprobs": [null, null, null]}"#);
    assert!(failure(&[&a, &none]).contains("no token has a log-probability here and in"));
    let found: Value = tokpick(&["diff", &a, &a, "-f", "json"]).json();
    assert_eq!((&found["logprobs"]["tokens"], &found["logprobs"]["left_out"]), (&json!(2), &json!(1)));
}

/// Lists that say which tokens count are never passed over in silence.
#[test]
fn masks_of_trainers_count_or_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, value: Value| {
        write(folder.path(), name, &value.to_string()).to_str().unwrap().to_string()
    };
    let plain = at("plain.json", json!({"token_ids": [1, 2, 3], "logprobs": [-0.5, -1, -2]}));
    let failure = |value: Value| tokpick(&["diff", &plain, &at("b.json", value)]).failure();
    let with = |key: &str, mask: Value| {
        let mut value = json!({"token_ids": [1, 2, 3], "logprobs": [-0.5, -1, -2]});
        value[key] = mask;
        value
    };
    for (value, said) in [
        (with("loss_mask", json!(["1", "1", "0"])), "loss_mask holds something that is no number"),
        (with("mask", json!([[1], [2], [3]])), "mask holds something that is no number"),
        (with("mask", json!("110")), "mask is no list"),
        (with("response_mask", json!([1, 1])), "3 log-probabilities, but 2 numbers in response_mask"),
        (
            json!({"ids": [[1, 2], [3]], "logprobs": [[-1, -2], [-3]], "loss_mask": [1, 1, 0]}),
            "logprobs holds a list for each sequence, but loss_mask has none for sequence 0",
        ),
        (
            json!({"ids": [1, 2, 3], "logprobs": [[-1, -2], [-3]]}),
            "logprobs holds a list for each sequence, but the list of ids has none for sequence 0",
        ),
        (with("processed_logprobs", json!([1, "x", 2])), "processed_logprobs holds something"),
    ] {
        let line = failure(value);
        assert!(line.contains(said), "{line}");
    }
    for (value, said) in [
        (with("output_ids", json!([1, 2, 4])), "has both token_ids and output_ids, which differ"),
        (with("prompt_ids", json!([1, "x"])), "prompt_ids holds something that is no token id"),
    ] {
        let line = failure(value);
        assert!(line.contains(said), "{line}");
    }
    // the ids of prompt and answer together are others
    let whole = at("whole.json", with("input_ids", json!([9, 9, 1, 2, 3])));
    let together = json!({"input_ids": [1, 2, 3], "ids": [7, 1, 2, 3], "logprobs": [-0.5, -1, -2]});
    for file in [whole, at("together.json", together)] {
        let found = tokpick(&["diff", &plain, &file, "-f", "json"]).json();
        assert_eq!(found["logprobs"]["max_abs"], 0.0, "{file}");
    }
    // a token counts where all masks let it
    let mut both = with("response_mask", json!([1, 1, 0]));
    both["loss_mask"] = json!([true, false, true]);
    let both = at("both.json", both);
    let first = at("first.json", json!({"token_ids": [1], "logprobs": [-0.25]}));
    let found = tokpick(&["diff", &both, &first, "-f", "json"]).json();
    assert_eq!((&found["logprobs"]["tokens"], &found["logprobs"]["max_abs"]), (&json!(1), &json!(0.25)));
}

/// A file of a trainer may hold the numbers of both sides.
#[test]
fn one_of_several_lists_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let value = json!({
        "response_ids": [1, 2, 3],
        "rollout_log_probs": [-0.5, -1, -2],
        "old_log_probs": [-0.5, -1.5, -2],
        "mine": [-1, -1, -1],
    });
    let path = write(folder.path(), "step.json", &value.to_string());
    let path = path.to_str().unwrap();
    let line = tokpick(&["diff", path, path]).failure();
    let said = format!(
        "has both rollout_log_probs and old_log_probs, which differ: give {path}#rollout_log_probs or {path}#old_log_probs"
    );
    assert!(line.contains(&said), "{line}");
    let named = |list: &str| format!("{path}#{list}");
    for (list, most) in [("old_log_probs", 0.5), ("mine", 1.0)] {
        let json = tokpick(&["diff", &named("rollout_log_probs"), &named(list), "-f", "json"]).json();
        assert_eq!(json["logprobs"]["max_abs"], most, "{list}");
    }
    let line = tokpick(&["diff", &named("rollout_log_probs"), &named("none")]).failure();
    assert!(line.contains("has no list \"none\""), "{line}");
    // the same numbers under two names are no question
    let same = json!({"ids": [1, 1], "logprobs": [-0.5, -1], "old_log_probs": [-0.5, -1]});
    let same = write(folder.path(), "same.json", &same.to_string());
    let same = same.to_str().unwrap();
    assert_eq!(tokpick(&["diff", same, same, "-f", "json"]).json()["logprobs"]["tokens"], 2);
}

/// Tokens are put beside each other before a part of them is taken, though a side has lost its first one.
#[test]
fn a_part_is_of_the_same_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let side = |name: &str, ids: &[u32], logprobs: &[f64]| {
        let text = json!({"response_ids": ids, "old_log_probs": logprobs}).to_string();
        write(folder.path(), name, &text).to_str().unwrap().to_string()
    };
    let with = side("with.json", &[1, 5, 6, 7, 8], &[-9.0, -0.5, -2.0, -0.25, -3.0]);
    let without = side("without.json", &[5, 6, 7, 8], &[-0.5, -2.0, -0.75, -3.0]);
    for (a, b, rows, tokens, step) in [
        (&with, &without, "1..4", 3, json!(3)),
        (&without, &with, "0..3", 3, json!(2)),
        (&with, &without, "4..", 1, Value::Null),
    ] {
        let found = tokpick(&["diff", a, b, "--rows", rows, "-f", "json"]).json()["logprobs"].clone();
        assert_eq!(found["tokens"], tokens, "{found}");
        assert_eq!(found["worst"][0]["step"], step, "{found}");
        assert_eq!((&found["left_out"], &found["causes"][0]["cause"]), (&json!(0), &json!("bos_lost")));
    }
}

/// Rows that are read for a part of the tokens are read twice: a remark is made once, and what comes once is refused.
#[test]
#[cfg(unix)]
fn a_part_beside_rows() {
    let folder = tempfile::tempdir().unwrap();
    let text = json!({"response_ids": [1, 0, 1], "old_log_probs": [-0.5, -0.5, -0.5]}).to_string();
    let tokens = write(folder.path(), "tokens.json", &text);
    let rows = "[[0.25,0.75],[0.5,0.5],[0.5,0.5]]";
    let file = write(folder.path(), "rows.json", rows);
    let ran = tokpick(&["diff", tokens.to_str().unwrap(), file.to_str().unwrap(), "--rows", "1.."]);
    assert_eq!((ran.status, ran.err.matches("sum to 1").count()), (Some(0), 1), "{}", ran.err);
    let piped = with_input(&["diff", tokens.to_str().unwrap(), "-", "--rows", "1.."], rows.as_bytes());
    assert!(piped.failure().contains("these come once"));
}

/// A list that is named is the one that is read, or an error.
#[test]
fn a_named_list_beside_scored_tokens() {
    let tokens = json!([{"id": 5, "logprob": -0.5}, {"id": 6, "logprob": -1.0}]);
    let text = json!({"tokens": tokens, "ids": [5, 6], "old_log_probs": [-0.25, -2.0]}).to_string();
    let read = |list: Option<&str>| tokpick::check::read_claimed("score.json", text.as_bytes(), list);
    let logprobs = |list| read(list).unwrap().unwrap().sequences[0].logprobs.clone();
    assert_eq!(logprobs(None), [Some(-0.5), Some(-1.0)]);
    assert_eq!(logprobs(Some("old_log_probs")), [Some(-0.25), Some(-2.0)]);
    let said = read(Some("anything")).unwrap_err().to_string();
    assert!(
        said.contains("has no list \"anything\": its log-probabilities stand in its \"tokens\""),
        "{said}"
    );
}

#[test]
fn a_part_of_the_tokens_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let run = tokpick(&["sample", "steps.npy", "--seed", "7", "-f", "json"]).text();
    let run = write(folder.path(), "run.json", &run);
    let run = run.to_str().unwrap();
    let all =
        |args: &[&str]| tokpick(&[&["diff", run], args, &["-f", "json", "--top", "99"]].concat()).json();
    let penalized = ["steps.npy", "--repetition-penalty", "1.5", "--of", "tokens"];
    let (whole, part) = (all(&penalized), all(&[&penalized[..], &["--rows", "10..20"]].concat()));
    assert_eq!(part["logprobs"]["tokens"], 10);
    // history before the part counts, and steps keep their numbers
    let worst = |found: &Value| -> Vec<(u64, String)> {
        let list = found["logprobs"]["worst"].as_array().unwrap().clone();
        let mut list: Vec<_> =
            list.iter().map(|t| (t["step"].as_u64().unwrap(), t["b"].to_string())).collect();
        list.retain(|(step, _)| (10..20).contains(step));
        list.sort();
        list
    };
    assert!(!worst(&part).is_empty());
    assert_eq!(worst(&part), worst(&whole));
    let line = tokpick(&["diff", run, run, "--rows", "24.."]).failure();
    assert!(line.contains("selects nothing: A has 24 tokens at most"), "{line}");
}

/// The answer of a chat that names tokens by their texts, at these texts and log-probabilities.
fn chat(tokens: &[(&str, f64)]) -> String {
    let entry = |(text, logprob): &(&str, f64)| {
        let one = json!({"token": text, "logprob": logprob, "bytes": text.as_bytes()});
        let mut entry = one.clone();
        entry["top_logprobs"] = json!([one]);
        entry
    };
    let content: Vec<Value> = tokens.iter().map(entry).collect();
    json!({"object": "chat.completion", "choices": [{"index": 0, "logprobs": {"content": content}}]})
        .to_string()
}

/// The answer of vLLM that names tokens by their ids.
fn completion(ids: &[u32], logprobs: &[f64]) -> String {
    let tokens: Vec<String> = ids.iter().map(|id| format!("token_id:{id}")).collect();
    let top = tokens.iter().zip(logprobs).map(|(token, logprob)| json!({token: logprob}));
    let top: Vec<Value> = top.collect();
    json!({"object": "text_completion", "choices": [{"index": 0, "text": "", "token_ids": ids,
        "logprobs": {"tokens": tokens, "token_logprobs": logprobs, "top_logprobs": top}}]})
    .to_string()
}

/// Ids that were made up tell nothing: tokens are compared by their texts, and where there are none, that is said.
#[test]
fn tokens_without_ids_are_compared_by_text() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: String| write(folder.path(), name, &text).to_str().unwrap().to_string();
    let logprobs = [-1.25, -0.25, -1.5];
    let named = at("chat.json", chat(&[(" h", -1.25), ("ow", -0.25), (" to", -1.5)]));
    let other = at("other.json", chat(&[(" h", -1.25), ("ow", -0.25), (" the", -1.5)]));
    let by_id = at("vllm.json", completion(&[307, 318, 278], &logprobs));
    let wrong = at("wrong.json", completion(&[307, 318, 279], &logprobs));
    let found = |args: &[&str]| tokpick(&[&["diff"], args, &["-f", "json"]].concat()).json();
    // nothing says that these are the same
    let json = found(&[&named, &by_id]);
    assert_eq!((&json["logprobs"]["unidentified"], &json["logprobs"]["tokens"]), (&json!(3), &json!(3)));
    let text = tokpick(&["diff", &named, &by_id]).text();
    assert!(text.contains("3 of 3 tokens could not be compared"), "{text}");
    // texts are enough where both have them
    assert_eq!(found(&[&named, &named])["logprobs"]["unidentified"], 0);
    let line = tokpick(&["diff", &named, &other]).failure();
    assert!(line.contains("\" the\", but") && line.contains("has \" to\" here"), "{line}");
    // with a vocabulary both have ids, or at least texts
    let with = ["--tokenizer", "tokenizer.json"];
    assert_eq!(found(&[&[&named[..], &by_id], &with[..]].concat())["logprobs"]["unidentified"], 0);
    let line = tokpick(&[&["diff", &named, &wrong], &with[..]].concat()).failure();
    assert!(line.contains("id 279, but") && line.contains("has id 278 here"), "{line}");
    // a token that the vocabulary lacks is another one by its text
    let strange = at("strange.json", chat(&[(" h", -1.25), ("ow", -0.25), (" zzyzx", -1.5)]));
    let line = tokpick(&[&["diff", &strange, &by_id], &with[..]].concat()).failure();
    assert!(line.contains("\" to\", but") && line.contains("has \" zzyzx\" here"), "{line}");
}

/// What a seed draws depends on the ids.
#[test]
fn draws_of_tokens_without_ids_are_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: String| write(folder.path(), name, &text).to_str().unwrap().to_string();
    let named = at("chat.json", chat(&[(" h", -1.25), ("ow", -0.25), (" to", -1.5)]));
    let line = tokpick(&["verify", &named, "--seed", "1"]).failure();
    assert!(line.contains("3 of its tokens have no ids") && line.contains("--vocab"), "{line}");
    // ids of an answer are found by its texts
    let verify = ["verify", "steps.npy", "--ids-file", &named, "--greedy"];
    let line = tokpick(&verify).failure();
    assert!(line.contains("a choice has no token ids") && line.contains("--vocab"), "{line}");
    let ran = tokpick(&[&verify[..], &["--tokenizer", "tokenizer.json", "-f", "json"]].concat());
    let json: Value = serde_json::from_slice(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err));
    assert_eq!(json["verification"]["summary"]["steps"], 3, "{json}");
}

#[test]
fn a_broken_limit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| write(folder.path(), name, text).to_str().unwrap().to_string();
    let a = at("a.json", r#"{"token_ids": [1, 2, 3], "logprobs": [-0.5, -1, null]}"#);
    let b = at("b.json", r#"{"token_ids": [1, 2, 3, 4], "logprobs": [-1.5, -2, -1, -1]}"#);
    let ran = tokpick(&["diff", &a, &b, "--max-kl", "0.1"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("KL(A|B) by k3 is ") && ran.err.contains("above --max-kl 0.1"), "{}", ran.err);
    // the table wraps its lines
    let text = tokpick(&["diff", &a, &b]).text();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("2 left out (1 without a number on a side, 1 at the end of one side alone)"),
        "{text}"
    );
    let ran = tokpick(&["diff", "batch.npy", "batch-f16.npy", "--max-kl", "1e-9"]);
    assert!(ran.err.contains("the largest KL is ") && ran.err.contains("above --max-kl"), "{}", ran.err);
    assert_eq!(ran.status, Some(1));
}

#[test]
fn sequences_are_paired_by_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| write(folder.path(), name, text).to_str().unwrap().to_string();
    let line = |id: &str, ids: [u32; 2]| {
        format!("{{\"id\":{id},\"token_ids\":[{},{}],\"logprobs\":[-0.5,-1]}}\n", ids[0], ids[1])
    };
    let (x, y) = (line("\"x\"", [1, 2]), line("7", [3, 4]));
    let a = at("a.jsonl", &[&x[..], &y].concat());
    let b = at("b.jsonl", &[&y[..], &x].concat());
    let found: Value = tokpick(&["diff", &a, &b, "-f", "json"]).json();
    assert_eq!((&found["logprobs"]["tokens"], &found["logprobs"]["max_abs"]), (&json!(4), &json!(0.0)));
    let other = at("other.jsonl", &[&y[..], &line("\"z\"", [1, 2])].concat());
    let said = tokpick(&["diff", &a, &other]).failure();
    assert!(said.contains("other.jsonl: lacks sequences of") && said.contains(": \"x\" ("), "{said}");
    let twice = at("twice.jsonl", &[&y[..], &y].concat());
    let said = tokpick(&["diff", &a, &twice]).failure();
    assert!(said.contains("the id 7 stands twice (sequences 0 and 1)"), "{said}");
    // one without an id: by position
    let bare = at("bare.jsonl", &[&x[..], &y.replace("\"id\":7,", "")].concat());
    assert_eq!(tokpick(&["diff", &a, &bare]).status, Some(0));
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| write(folder.path(), name, text).to_str().unwrap().to_string();
    let a = at("a.json", r#"{"token_ids": [1, 2, 3, 4], "logprobs": [-0.5, null, -1, -2]}"#);
    let b = at("b.json", r#"{"token_ids": [1, 2, 3], "logprobs": [-0.5, -0.25, -1]}"#);
    let notes = |a: &str, b: &str| tokpick(&["diff", a, b, "-f", "json"]).json()["logprobs"]["notes"].clone();
    let lacks = |side: &str| format!("{side} ends early: sequence 0 lacks the last 1 token");
    assert_eq!(notes(&a, &b), json!([lacks("B"), "1 token of A has no value"]));
    assert_eq!(notes(&b, &a), json!([lacks("A"), "1 token of B has no value"]));
    assert_eq!(notes(&b, &b), json!([]));
    assert!(tokpick(&["diff", &a, &b]).text().contains(&lacks("B")));
    // lists that may be a row
    let row = at("row.json", r#"{"ids": [1, 2], "logprobs": [-0.5, -1]}"#);
    let run = tokpick(&["diff", &row, &row]);
    assert!(
        run.err.contains("row.json: ids and logprobs are read as a row") && run.err.contains("--of tokens"),
        "{}",
        run.err
    );
    let run = tokpick(&["diff", &row, &row, "--of", "tokens"]);
    assert_eq!((run.status, run.err.contains("read as a row")), (Some(0), false));
}
