//! Files of servers and trainers.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokpick::check::Claimed;

use super::{Text, at_temperature};
use crate::support::run::tokpick;

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

#[test]
fn what_can_not_be_compared_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| write(folder.path(), name, text).to_str().unwrap().to_string();
    let a = at("a.json", r#"{"token_ids": [1, 2, 3], "logprobs": [-0.5, -1, NaN]}"#);
    let short = at("b.json", r#"{"token_ids": [1, 2, 3], "logprobs": [-0.5, -1]}"#);
    let failure = |args: &[&str]| tokpick(&[&["diff"], args].concat()).failure();
    assert!(failure(&[&a, &short]).contains("2 log-probabilities, but 3 ids: one for each token is needed"));
    assert!(failure(&[&a, &a, "--temperature", "0.7"]).starts_with("--temperature: has no meaning where"));
    assert!(failure(&[&a, &a, "--ratio-bound", "0.5"]).contains("must be 1 or more"));
    assert!(failure(&["steps.npy", "steps.npy", "--of", "tokens"]).contains("neither file holds"));
    let none = at("c.json", r#"{"token_ids": [1, 2, 3], "logprobs": [null, null, null]}"#);
    assert!(failure(&[&a, &none]).contains("no token has a log-probability here and in"));
    let found: Value = tokpick(&["diff", &a, &a, "-f", "json"]).json();
    assert_eq!((&found["logprobs"]["tokens"], &found["logprobs"]["left_out"]), (&json!(2), &json!(1)));
}
