//! The recorded results of transformers on the small language model, through the binary.

use serde_json::Value;

use crate::support::run::{fixture, tokpick};

fn read(file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture("tiny-lm").join(file)).unwrap()).unwrap()
}

fn list(ids: &Value) -> String {
    let one = || vec![ids.to_string()];
    ids.as_array().map_or_else(one, |ids| ids.iter().map(Value::to_string).collect()).join(",")
}

/// The flags of a case.
fn arguments(case: &Value) -> Vec<String> {
    let kind = case["kind"].as_str().unwrap();
    let command = if kind == "beam" { "beam" } else { "greedy" };
    let mut args = vec![command.to_string(), case["input"].as_str().unwrap().to_string()];
    args.extend(["--format", "json", "--prompt-ids"].map(String::from));
    args.push(list(&case["prompt_ids"]));
    for (name, value) in case["params"].as_object().unwrap() {
        let flag = format!("--{}", name.replace('_', "-"));
        match value {
            Value::Null => {}
            Value::String(word) => args.extend([flag, word.clone()]),
            value => args.extend([flag, list(value)]),
        }
    }
    args
}

#[test]
fn sequences_and_scores_of_all_cases() {
    let cases = read("expected.json");
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 109);
    for case in cases {
        let args = arguments(case);
        let document = tokpick(&args.iter().map(String::as_str).collect::<Vec<_>>()).json();
        let mut found: Vec<&Value> = document["sequences"].as_array().unwrap().iter().collect();
        if let Some(index) = case["batch_index"].as_u64() {
            found.retain(|s| s["sequence"] == index);
        }
        let expected = &case["expected"];
        let name = &case["name"];
        let ids: Vec<&Value> = found.iter().map(|s| &s["ids"]).collect();
        assert_eq!(ids, expected["sequences"].as_array().unwrap().iter().collect::<Vec<_>>(), "{name}");
        for (at, sequence) in found.iter().enumerate() {
            let near = |found: &Value, expected: &Value, what: &str| {
                let (a, b) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
                assert!((a - b).abs() < 1e-4, "{name} {what}: {a} {b}");
            };
            let all = |found: &str, expected: &Value| {
                for (a, b) in sequence[found].as_array().unwrap().iter().zip(expected[at].as_array().unwrap())
                {
                    near(a, b, found);
                }
            };
            if case["kind"] == "beam" {
                near(&sequence["score"], &expected["scores"][at], "score");
                all("processed_logprobs", &expected["token_logprobs"]);
            } else {
                all("logprobs", &expected["token_logprobs"]);
            }
            if let Some(processed) = expected.get("token_logprobs_processed") {
                all("processed_logprobs", processed);
            }
        }
    }
}

#[test]
fn kept_sets_of_the_sampled_batch() {
    let sample = read("batch-sample.json");
    let params = ["temperature", "top_k", "top_p"].map(|name| {
        let value = &sample["params"][name];
        (format!("--{}", name.replace('_', "-")), value.to_string())
    });
    let mut args = vec!["probs".to_string(), "batch.npy".to_string(), "-f".into(), "json".into()];
    args.extend(params.into_iter().flat_map(|(flag, value)| [flag, value]));
    let document = tokpick(&args.iter().map(String::as_str).collect::<Vec<_>>()).json();
    let rows = document["rows"].as_array().unwrap();
    let prompts = sample["rows"].as_array().unwrap();
    for row in rows {
        let (sequence, step) =
            (row["sequence"].as_u64().unwrap() as usize, row["step"].as_u64().unwrap() as usize);
        assert_eq!(row["ids"], prompts[sequence]["kept_ids"][step], "sequence {sequence}, step {step}");
        let id = &prompts[sequence]["sampled_ids"][step];
        let at = row["ids"].as_array().unwrap().iter().position(|i| i == id).unwrap();
        let logprob = row["probs"][at].as_f64().unwrap().ln();
        let expected = prompts[sequence]["logprobs_filtered"][step].as_f64().unwrap();
        assert!((logprob - expected).abs() < 1e-4, "sequence {sequence}, step {step}: {logprob} {expected}");
    }
    assert_eq!(rows.len(), 36);
}
