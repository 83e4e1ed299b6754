//! Answers that are cut off, that lack something, or that contradict themselves: each is named.

use serde_json::{Value, json};

use super::{Source, read, rows};

/// A chat's entry of one token that is listed, too.
fn entry(token: &str, logprob: f64, listed: f64) -> Value {
    json!({"token": token, "logprob": logprob, "top_logprobs": [
        {"token": token, "logprob": listed}, {"token": "token_id:90", "logprob": -3.0}
    ]})
}

fn chat(entries: &[Value]) -> Value {
    json!({"choices": [{"index": 0, "message": {"content": "a"}, "logprobs": {"content": entries}, "finish_reason": "stop"}]})
}

/// How many steps each sequence has.
fn lengths(source: &mut Source) -> Vec<usize> {
    rows(source).iter().map(Vec::len).collect()
}

fn notes(text: &str) -> String {
    read(text).unwrap().notes().join("\n")
}

fn refused(text: &str) -> String {
    read(text).err().expect("an error").to_string()
}

#[test]
fn a_stream_is_whole_with_its_last_event() {
    let part = |finish: Value| {
        let choice = json!({"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [entry("token_id:3", -0.5, -0.5)]}, "finish_reason": finish});
        format!("data: {}\n\n", json!({"id": "x", "object": "chat.completion.chunk", "choices": [choice]}))
    };
    let llama = |stop: bool| {
        format!(
            "data: {}\n\n",
            json!({"content": "a", "stop": stop, "completion_probabilities": [entry("token_id:3", -0.5, -0.5)]})
        )
    };
    let ollama = |done: bool| {
        format!(
            "{}\n",
            json!({"model": "m", "response": "a", "done": done, "logprobs": [entry("token_id:3", -0.5, -0.5)]})
        )
    };
    let said = "the stream ends without its last event";
    for (cut, last) in [
        (part(Value::Null), part(json!("length"))),
        (part(Value::Null), "data: [DONE]\n\n".into()),
        (llama(false), llama(true)),
        (ollama(false), ollama(true)),
    ] {
        assert!(notes(&cut).contains(said), "{cut}");
        assert!(!notes(&[cut, last].concat()).contains("last event"));
    }
    assert!(!notes(&chat(&[entry("token_id:3", -0.5, -0.5)]).to_string()).contains("last event"));
}

#[test]
fn an_error_in_a_stream_cuts_its_answer() {
    let part = format!(
        "data: {}\n\n",
        json!({"content": "a", "stop": false, "completion_probabilities": [entry("token_id:3", -0.5, -0.5)]})
    );
    let error = r#"{"code":500,"message":"out of slots","type":"server_error"}"#;
    for error in [format!("error: {error}\n\n"), format!("data: {{\"error\":{error}}}\n\n")] {
        let mut source = read(&[&part[..], &error].concat()).unwrap();
        let said = source.notes().join("\n");
        assert!(
            said.contains("1 answer cut off by an error of the server: 500 server_error: out of slots"),
            "{said}"
        );
        assert_eq!(lengths(&mut source), [1]);
        assert!(
            refused(&error).contains("the server answered with an error: 500 server_error: out of slots")
        );
    }
}

#[test]
fn answers_without_log_probabilities_are_counted() {
    let whole = chat(&[entry("token_id:3", -0.5, -0.5)]).to_string();
    let bare = json!({"choices": [{"index": 0, "message": {"content": "a"}, "logprobs": null, "finish_reason": "stop"}]});
    let text = [&whole[..], &bare.to_string(), r#"{"error":"no"}"#, &whole].join("\n");
    let said = notes(&text);
    assert!(said.contains("1 of 4 answers has no log-probabilities"), "{said}");
    assert!(
        said.contains("1 of 4 answers are errors of the server, and keep their places; the first says no"),
        "{said}"
    );
    assert_eq!(lengths(&mut read(&text).unwrap()), [1, 0, 0, 1]);
}

#[test]
fn contradictions_are_named() {
    let said =
        notes(&chat(&[entry("a", -0.5, -0.5), entry("a", -0.5, -0.75), entry("b", -1.0, -2.0)]).to_string());
    assert!(
        said.contains("2 taken tokens with another log-probability")
            && said.contains(r#""a" has -0.5, and -0.75 in its list"#),
        "{said}"
    );
    assert!(
        !notes(&chat(&[entry("a", -0.5, -0.500_000_01)]).to_string()).contains("another log-probability")
    );
    let mut ids = chat(&[entry("token_id:3", -0.5, -0.5), entry("token_id:9", -0.5, -0.5)]);
    ids["choices"][0]["token_ids"] = json!([3, 9]);
    assert!(read(&ids.to_string()).is_ok());
    ids["choices"][0]["token_ids"] = json!([3, 8]);
    assert!(
        refused(&ids.to_string())
            .contains(r#"token 1 is 9 among the log-probabilities ("token_id:9"), and 8 in "token_ids""#)
    );
    let gemini = json!({"candidates": [{"logprobsResult": {"chosenCandidates": [{"token": "a", "tokenId": 3}],
        "topCandidates": [{"candidates": [{"token": "a", "tokenId": 3, "logProbability": -0.5}]}]}, "finishReason": "STOP"}]});
    assert!(refused(&gemini.to_string()).contains(r#"the candidate "a" has no value"#));
}

#[test]
fn bytes_of_legacy_completions_are_bytes() {
    let top = json!({r"bytes:\xf0\x9f": -0.5, r"bytes: \x98": -1.5, "bytes:": -2.5});
    let logprobs = json!({"tokens": [r"bytes:\xf0\x9f"], "token_logprobs": [-0.5], "top_logprobs": [top], "text_offset": [0]});
    let source =
        read(&json!({"choices": [{"index": 0, "text": "", "logprobs": logprobs}]}).to_string()).unwrap();
    let strings = source.strings().unwrap();
    assert_eq!(
        [0, 1, 2].map(|id| strings.token(id)),
        [Some("<0xF0><0x9F>"), Some("<0x20><0x98>"), Some("bytes:")]
    );
}
