//! Every answer under fixtures/formats gives what its expected.json says.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokpick::source::{Carried, Open, Portion, Row};
use tokpick::text::Tokens;

use super::{ids, path, rows};

fn facts(folder: &str) -> BTreeMap<String, Value> {
    serde_json::from_slice(&std::fs::read(path(folder, "expected.json")).unwrap()).unwrap()
}

/// The vocabulary of the model that answered.
fn with_names(open: Open) -> Open {
    let tokens = Tokens::open(path("llama-server", "tokenizer.json")).unwrap();
    Open { names: Some(tokens.names()), vocab_size: Some(512), ..open }
}

/// Numbers of an entry as log-probabilities.
fn logprobs(facts: &Value, values: &Value) -> Vec<f64> {
    let is_prob = facts["value_field"] == "prob";
    let number = |x: &Value| x.as_f64().map(|x| if is_prob { x.ln() } else { x });
    values.as_array().unwrap().iter().map(|x| number(x).unwrap()).collect()
}

#[track_caller]
fn near(what: &str, found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-5 * expected.abs().max(1.0),
        "{what}: {found}, expected {expected}"
    );
}

/// Holds one sequence to what is known of it.
fn check(what: &str, facts: &Value, carried: &Carried, rows: &[Row]) {
    assert_eq!(carried.ids, ids(&facts["ids"]), "{what}");
    assert_eq!(rows.len(), carried.ids.len(), "{what}");
    let content = facts["content"].as_str().unwrap_or_default();
    assert_eq!(carried.text.as_deref().unwrap_or_default(), content, "{what}");
    for (claimed, expected) in carried.logprobs.iter().zip(logprobs(facts, &facts["values"])) {
        near(what, claimed.unwrap_or(f64::NEG_INFINITY), expected);
    }
    let tops = facts["top_ids"].as_array().unwrap();
    for ((row, top), (at, id)) in rows.iter().zip(tops).zip(carried.ids.iter().enumerate()) {
        let count = facts["top_counts"][at].as_u64().unwrap() as usize;
        let listed = row.ids.as_ref().unwrap();
        let extra = usize::from(count < 512 && !ids(top).contains(id));
        assert_eq!(listed.len(), count + extra, "{what} step {at}");
        for (id, expected) in ids(top).iter().zip(logprobs(facts, &facts["top_values"][at])) {
            near(&format!("{what} step {at} id {id}"), f64::from(row.logit(*id).unwrap()), expected);
        }
        let sum: f64 = row.logits.iter().map(|x| f64::from(*x).exp()).sum();
        match row.rest {
            Some(rest) => assert!((rest.mass - (1.0 - sum).max(0.0)).abs() < 1e-6, "{what} step {at}"),
            None => assert!((sum - 1.0).abs() < 1e-3 && listed.len() == row.vocab, "{what} step {at}"),
        }
    }
}

#[test]
fn llama_server_answers_as_recorded() {
    for folder in ["llama-server", "llama-server-special"] {
        for (file, facts) in facts(folder) {
            let mut source = match Open::new(path(folder, &file)).open() {
                Ok(source) => source,
                Err(error) => {
                    let said = error.to_string();
                    let expected = match facts["kind"].as_str().unwrap() {
                        "error object, not a result" => facts["message"].as_str().unwrap(),
                        _ if facts["no_logprobs"] == true || file == "detokenize.json" => {
                            "the answer has no log-probabilities"
                        }
                        _ => "no answer of a server that is known here",
                    };
                    assert!(said.contains(expected), "{file}: {said}");
                    continue;
                }
            };
            let rows = rows(&mut source);
            let results = facts["results"].as_array().cloned().unwrap_or(vec![facts.clone()]);
            assert_eq!(source.carried().len(), results.len(), "{file}");
            for ((carried, rows), mut facts) in source.carried().iter().zip(rows).zip(results) {
                if facts.get("value_field").is_none() {
                    facts["value_field"] = json!("logprob");
                }
                check(&file, &facts, carried, &rows);
            }
            let notes = source.notes().join("; ");
            let missing = facts["positions_in_tokens_without_entry"].as_array().map_or(0, Vec::len);
            assert_eq!(notes.contains("have no entry"), missing > 0, "{file}: {notes}");
            if missing > 0 {
                assert!(notes.contains(&format!("{missing} of ")), "{file}: {notes}");
            }
            assert_eq!(notes.contains("post_sampling_probs"), file.contains("post"), "{file}: {notes}");
        }
    }
}

#[test]
fn llama_cpp_python_answers_as_recorded() {
    let folder = "llama-cpp-python-server";
    for (file, facts) in facts(folder) {
        let open = || Open::new(path(folder, &file));
        let (mut named, mut plain) = (with_names(open()).open().unwrap(), open().open().unwrap());
        let said = plain.notes().join("; ");
        assert!(said.contains("numbered in order of appearance (`Vocab`"), "{file}: {said}");
        let [found, unnamed] = [&named, &plain].map(|s| s.carried()[0].clone());
        assert_eq!(found.logprobs, unnamed.logprobs, "{file}");
        if let Some(of_text) = facts.get("ids_found_from_text") {
            let all = [&found.prompt[..], &found.ids[..]].concat();
            assert_eq!(all, ids(of_text), "{file}");
        }
        let echo = file.contains("echo");
        if let Some(values) = facts["token_logprobs"].as_array().filter(|_| !echo) {
            assert_eq!(found.logprobs.len(), values.len(), "{file}");
            for (found, expected) in found.logprobs.iter().zip(values) {
                near(&file, found.unwrap(), expected.as_f64().unwrap());
            }
            let counts: Vec<u64> = rows(&mut named)[0].iter().map(|row| row.logits.len() as u64).collect();
            assert_eq!(json!(counts), facts["top_counts"], "{file}");
        }
        assert_eq!(rows(&mut plain)[0].len(), found.ids.len(), "{file}");
        if file.contains("utf8") {
            let said = named.notes().join("; ");
            assert!(said.contains("8 steps took a token without a text of its own"), "{said}");
        }
    }
}

/// The rows of an echo belong to the place before; the recorded file without echo has the same values.
#[test]
fn a_shifted_echo_is_put_right() {
    let file = path("llama-cpp-python-server", "py-completions-echo-n3.json");
    let mut source = with_names(Open::new(&file)).open().unwrap();
    assert!(source.notes().join("; ").contains("as in llama-cpp-python"), "{:?}", source.notes());
    // " h", "ow", " to" after "Let’s look at": the values of the same prompt without echo
    let found = &source.carried()[0];
    let expected = [-1.304_972_4, -0.229_308_6, -1.103_859_2];
    for (found, expected) in found.logprobs.iter().zip(expected) {
        near("echo", found.unwrap(), expected);
    }
    assert_eq!((found.prompt.len(), rows(&mut source)[0].len()), (7, 3));
    let prompt = Open { portion: Some(Portion::Prompt), ..Open::new(&file) };
    let mut source = with_names(prompt).open().unwrap();
    // the first row that is known is of the third token
    assert_eq!((source.shape().first_step, source.shape().end_step), (2, Some(7)));
    assert_eq!((source.carried()[0].ids.len(), rows(&mut source)[0].len()), (7, 5));
}
