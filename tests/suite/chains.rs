//! Every processor's record can be given back as a chain, in JSON and in the short form.

use crate::support::common::fixture;
use serde_json::{Value, json};
use tokpick::processor::INFOS;
use tokpick::settings;

/// Parameters of every processor, all of them away from their defaults.
fn examples(tree: &str) -> Value {
    let logits = fixture("processors/logits.npy");
    json!([
        {"temperature": 0.7},
        {"dynamic_temperature": {"temperature": 0.9, "range": 0.25, "exponent": 2.0}},
        {"smoothing": {"factor": 0.5, "curve": 1.5}},
        {"softcap": 30.0},
        {"renormalize_logits": true},
        {"top_k": {"value": 7, "min_tokens_to_keep": 2}},
        {"top_p": {"value": 0.9, "min_tokens_to_keep": 2}},
        {"min_p": {"value": 0.05, "min_tokens_to_keep": 3}},
        {"typical_p": {"value": 0.8, "min_tokens_to_keep": 4}},
        {"epsilon_cutoff": {"value": 0.001, "min_tokens_to_keep": 2}},
        {"eta_cutoff": {"value": 0.002, "min_tokens_to_keep": 2}},
        {"top_h": {"value": 0.4, "min_tokens_to_keep": 2}},
        {"top_n_sigma": {"value": 1.5, "min_tokens_to_keep": 2}},
        {"top_a": {"value": 0.2, "min_tokens_to_keep": 2}},
        {"tail_free": {"value": 0.95, "min_tokens_to_keep": 2}},
        {"p_less": {"value": true, "min_tokens_to_keep": 2}},
        {"p_less_norm": {"value": true, "min_tokens_to_keep": 2}},
        {"xtc": {"probability": 0.5, "threshold": 0.2, "min_tokens_to_keep": 2}},
        {"repetition_penalty": {"value": 1.2, "last_n": 64, "scope": "generated"}},
        {"frequency_penalty": {"value": 0.5, "last_n": 64, "scope": "all"}},
        {"presence_penalty": {"value": 0.5, "last_n": 3, "scope": "all"}},
        {"encoder_repetition_penalty": {"value": 1.5, "encoder_ids": [4, 2, 4]}},
        {"encoder_no_repeat_ngram_size": {"value": 3, "encoder_ids": [4, 2, 4]}},
        {"no_repeat_ngram_size": 3},
        {"dry": {"multiplier": 0.8, "base": 1.5, "allowed_length": 3, "last_n": 100, "breakers": [[13], [198, 11]]}},
        {"logit_bias": [[5, -1.5], [6, "-inf"], [5, 2.0]]},
        {"sequence_bias": [[[5, 6], -1.5], [[7], "-inf"]]},
        {"bad_words_ids": {"ids": [[5, 6], [7]], "eos_token_id": [2]}},
        {"suppress_tokens": [1, 5]},
        {"allowed_tokens": [1, 5, 6]},
        {"begin_suppress_tokens": {"ids": [1, 5], "begin_index": 3}},
        {"min_length": {"value": 8, "eos_token_id": [2]}},
        {"min_new_tokens": {"value": 8, "eos_token_id": [2, 3]}},
        {"exponential_decay_length_penalty": {"start": 5, "factor": 1.01, "eos_token_id": [2]}},
        {"forced_bos_token_id": 4},
        {"forced_eos_token_id": {"max_length": 20, "eos_token_id": [2]}},
        {"remove_invalid_values": true},
        {"prefix_constraint": {"input": tree, "missing": "free"}},
        {"guidance_scale": {"value": 1.5, "form": "logits", "uncond_input": logits, "uncond_row": 8}},
        {"contrastive": {"alpha": 0.2, "beta": 1.0, "amateur_input": logits}}
    ])
}

#[test]
fn what_is_recorded_can_be_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree.jsonl");
    std::fs::write(&tree, "{\"prefix\":[],\"allowed\":[1]}\n").unwrap();
    let examples = examples(tree.to_str().unwrap());
    let entries: Vec<(&String, &Value)> =
        examples.as_array().unwrap().iter().flat_map(|e| e.as_object().unwrap()).collect();
    for info in INFOS {
        assert!(entries.iter().any(|(name, _)| *name == info.name), "{} has no example", info.name);
    }
    assert_eq!(entries.len(), INFOS.len());

    // all at once
    let record = settings::chain(&examples.to_string()).unwrap().json();
    assert_eq!(record, examples);
    // one by one: JSON, and short
    for (name, form) in entries {
        let json = json!([{name: form}]);
        assert_eq!(settings::chain(&json.to_string()).unwrap().json(), json);
        let dashed = name.replace('_', "-");
        let short = match form {
            Value::Object(parameters) => {
                let inside: Vec<String> = parameters.iter().map(|(k, v)| format!("{k} = {v}")).collect();
                format!("{dashed}({})", inside.join(", "))
            }
            lone => format!("{dashed}={lone}"),
        };
        assert_eq!(settings::chain(&short).unwrap().json(), json, "{short}");
    }
}

/// Words of one id, and companions whose rows are steps, read nothing of the history.
#[test]
fn chains_say_whether_they_read_the_history() {
    let [steps, table] = ["tiny-lm/steps.npy", "tiny-lm/prefix-table-a.jsonl"].map(fixture);
    for (entry, reads) in [
        (json!({"bad_words_ids": [[5]]}), false),
        (json!({"bad_words_ids": [[5], [1, 2]]}), true),
        (json!({"sequence_bias": [[[5], 1.0]]}), false),
        (json!({"sequence_bias": [[[5], 1.0], [[1, 2], 1.0]]}), true),
        (json!({"guidance_scale": {"value": 2.0, "uncond_input": steps}}), false),
        (json!({"guidance_scale": {"value": 2.0, "uncond_input": table}}), true),
        (json!({"contrastive": {"amateur_input": steps}}), false),
        (json!({"contrastive": {"amateur_input": table}}), true),
    ] {
        let chain = settings::chain(&json!([entry]).to_string()).unwrap();
        assert_eq!(chain.needs().history, reads, "{entry}");
        if let Some(amateur) = entry.pointer("/contrastive/amateur_input") {
            let expected = json!([{"contrastive": {"alpha": 0.1, "beta": 0.5, "amateur_input": amateur}}]);
            assert_eq!(chain.json(), expected, "defaults");
        }
    }
}
