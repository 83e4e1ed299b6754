//! Every answer under fixtures/formats gives what its expected.json says; further layouts are written by hand after their documents.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokpick::TokenId;
use tokpick::source::{Carried, LogitsSource, Open, Portion, Row, row_iter};
use tokpick::text::Tokens;

use crate::support::run::{fixture, tokpick, with_input};

type Source = Box<dyn LogitsSource + Send>;

fn path(folder: &str, file: &str) -> PathBuf {
    fixture("formats").join(folder).join(file)
}

fn facts(folder: &str) -> BTreeMap<String, Value> {
    serde_json::from_slice(&std::fs::read(path(folder, "expected.json")).unwrap()).unwrap()
}

/// The vocabulary of the model that answered.
fn with_names(open: Open) -> Open {
    let tokens = Tokens::open(path("llama-server", "tokenizer.json")).unwrap();
    Open { names: Some(tokens.names()), vocab_size: Some(512), ..open }
}

fn read(text: &str) -> tokpick::Result<Source> {
    Open::new("answer").read(std::io::Cursor::new(text.as_bytes().to_vec()))
}

fn rows(source: &mut Source) -> Vec<Vec<Row>> {
    let mut rows = vec![Vec::new(); source.shape().sequences.len()];
    for at in row_iter(source.as_mut()).map(Result::unwrap) {
        rows[at.sequence].push(at.row);
    }
    rows
}

fn ids(value: &Value) -> Vec<TokenId> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as TokenId).collect()
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
            let all = [found.prompt.clone(), found.ids.clone()].concat();
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

/// A sequence: the listed tokens of each step, and the taken ids.
type Sequence = (Vec<Vec<(TokenId, f32)>>, Vec<TokenId>);

/// The steps of an answer: ids and log-probabilities of each, and the taken ids.
fn steps(text: &str) -> Vec<Sequence> {
    let mut source = read(text).unwrap_or_else(|e| panic!("{e}"));
    let listed = |row: &Row| row.ids.clone().unwrap().into_iter().zip(row.logits.clone()).collect::<Vec<_>>();
    let rows = rows(&mut source);
    let carried = source.carried().iter().map(|c| c.ids.clone());
    rows.iter().map(|rows| rows.iter().map(listed).collect()).zip(carried).collect()
}

#[test]
fn layouts_with_ids() {
    let one = vec![(vec![vec![(3, -0.5), (7, -1.5)], vec![(3, -2.0), (9, -0.25)]], vec![3, 9])];
    for (what, text) in [
        (
            "vLLM, a chat whose tokens are written as ids",
            r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"content":"ab"},"logprobs":{"content":[
                {"token":"token_id:3","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"token_id:3","logprob":-0.5},{"token":"token_id:7","logprob":-1.5}]},
                {"token":"token_id:9","logprob":-0.25,"bytes":[98],"top_logprobs":[{"token":"token_id:9","logprob":-0.25},{"token":"token_id:3","logprob":-2.0}]}]}}]}"#,
        ),
        (
            "vLLM, an offline dump",
            r#"[{"3":{"logprob":-0.5,"rank":1,"decoded_token":"a"},"7":{"logprob":-1.5,"rank":2,"decoded_token":"b"}},
               {"9":{"logprob":-0.25,"rank":1,"decoded_token":"c"},"3":{"logprob":-2.0,"rank":2,"decoded_token":"a"}}]"#,
        ),
        (
            "vLLM, a dump with a place each line",
            "{\"3\":{\"logprob\":-0.5},\"7\":{\"logprob\":-1.5}}\n{\"9\":{\"logprob\":-0.25},\"3\":{\"logprob\":-2.0}}\n",
        ),
        (
            "vLLM, a RequestOutput",
            r#"{"request_id":"0","prompt_token_ids":[1],"outputs":[{"index":0,"text":"ac","token_ids":[3,9],"logprobs":[
               {"7":{"logprob":-1.5},"3":{"logprob":-0.5}},{"9":{"logprob":-0.25},"3":{"logprob":-2.0}}]}]}"#,
        ),
        (
            "SGLang",
            r#"{"text":"ac","output_ids":[3,9],"meta_info":{"finish_reason":{"type":"length"},"output_token_logprobs":[[-0.5,3,null],[-0.25,9,null]],
               "output_top_logprobs":[[[-0.5,3,null],[-1.5,7,"b"]],[[-0.25,9,null],[-2.0,3,null]]]}}"#,
        ),
        (
            "SGLang, a stream that repeats what came",
            "data: {\"text\":\"a\",\"output_ids\":[3],\"meta_info\":{\"id\":\"r\",\"output_token_logprobs\":[[-0.5,3,null]],\"output_top_logprobs\":[[[-0.5,3,null],[-1.5,7,null]]]}}\n\n\
             data: {\"text\":\"ac\",\"output_ids\":[3,9],\"meta_info\":{\"id\":\"r\",\"output_token_logprobs\":[[-0.5,3,null],[-0.25,9,null]],\"output_top_logprobs\":[[[-0.5,3,null],[-1.5,7,null]],[[-0.25,9,null],[-2.0,3,null]]]}}\n\ndata: [DONE]\n",
        ),
        (
            "TGI",
            r#"[{"generated_text":"ac","details":{"finish_reason":"length","seed":null,"prefill":[],"tokens":[
               {"id":3,"text":"a","logprob":-0.5,"special":false},{"id":9,"text":"c","logprob":-0.25,"special":false}],
               "top_tokens":[[{"id":3,"text":"a","logprob":-0.5},{"id":7,"text":"b","logprob":-1.5}],[{"id":9,"text":"c","logprob":-0.25},{"id":3,"text":"a","logprob":-2.0}]]}}]"#,
        ),
        (
            "TGI, a stream",
            "data:{\"index\":1,\"token\":{\"id\":3,\"text\":\"a\",\"logprob\":-0.5,\"special\":false},\"top_tokens\":[{\"id\":7,\"text\":\"b\",\"logprob\":-1.5}],\"generated_text\":null,\"details\":null}\n\n\
             data:{\"index\":2,\"token\":{\"id\":9,\"text\":\"c\",\"logprob\":-0.25,\"special\":false},\"top_tokens\":[{\"id\":3,\"text\":\"a\",\"logprob\":-2.0}],\"generated_text\":\"ac\",\"details\":{\"finish_reason\":\"length\"}}\n\n",
        ),
        (
            "Gemini",
            r#"{"candidates":[{"content":{"parts":[{"text":"ac"}]},"finishReason":"MAX_TOKENS","logprobsResult":{
               "chosenCandidates":[{"token":"a","tokenId":3,"logProbability":-0.5},{"token":"c","tokenId":9,"logProbability":-0.25}],
               "topCandidates":[{"candidates":[{"token":"a","tokenId":3,"logProbability":-0.5},{"token":"b","tokenId":7,"logProbability":-1.5}]},
               {"candidates":[{"token":"c","tokenId":9,"logProbability":-0.25},{"token":"a","tokenId":3,"logProbability":-2.0}]}]}}]}"#,
        ),
        (
            "vLLM, legacy arrays with token_ids",
            r#"{"object":"text_completion","choices":[{"index":0,"text":"ac","token_ids":[3,9],"prompt_token_ids":[1],"logprobs":{"tokens":["token_id:3","token_id:9"],
               "token_logprobs":[-0.5,-0.25],"top_logprobs":[{"token_id:3":-0.5,"token_id:7":-1.5},{"token_id:9":-0.25,"token_id:3":-2.0}],"text_offset":[0,1]}}]}"#,
        ),
    ] {
        assert_eq!(steps(text), one, "{what}");
    }
}

#[test]
fn layouts_without_ids() {
    // a is 0, b 1, c 2: in order of appearance
    let one = vec![(vec![vec![(0, -0.5), (1, -1.5)], vec![(0, -2.0), (2, -0.25)]], vec![0, 2])];
    let items = r#"[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-0.5,"bytes":[97]},{"token":"b","logprob":-1.5,"bytes":[98]}]},
        {"token":"c","logprob":-0.25,"bytes":[99],"top_logprobs":[{"token":"c","logprob":-0.25,"bytes":[99]},{"token":"a","logprob":-2.0,"bytes":[97]}]}]"#;
    let each: Vec<Value> = serde_json::from_str(items).unwrap();
    let chat = format!(
        r#"{{"id":"x","object":"chat.completion","choices":[{{"index":0,"message":{{"content":"ac"}},"logprobs":{{"content":{items},"refusal":null}}}}]}}"#
    );
    let chunk = |item: &Value| json!({"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": item["token"]}, "logprobs": {"content": [item]}}]});
    let ollama = |item: &Value, done: bool| json!({"model": "m", "response": item["token"], "logprobs": [item], "done": done});
    for (what, text) in [
        ("OpenAI, chat", chat.clone()),
        (
            "OpenAI, streamed",
            format!("data: {}\n\ndata: {}\n\ndata: {{\"id\":\"x\",\"choices\":[],\"usage\":{{\"completion_tokens\":2}}}}\n\ndata: [DONE]\n\n", chunk(&each[0]), chunk(&each[1])),
        ),
        ("OpenAI, chunks a line each", format!("{}\n{}\n", chunk(&each[0]), chunk(&each[1]))),
        (
            "OpenAI, a response",
            format!(r#"{{"object":"response","output":[{{"type":"message","content":[{{"type":"output_text","text":"ac","logprobs":{items}}}]}}]}}"#),
        ),
        (
            "OpenAI, a response, streamed",
            format!("event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"ac\",\"logprobs\":{}}}\n\nevent: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{{\"output\":[]}}}}\n\n", json!(each)),
        ),
        (
            "OpenAI, legacy",
            r#"{"object":"text_completion","choices":[{"text":"ac","index":0,"logprobs":{"tokens":["a","c"],"token_logprobs":[-0.5,-0.25],
               "top_logprobs":[{"a":-0.5,"b":-1.5},{"c":-0.25,"a":-2.0}],"text_offset":[0,1]}}]}"#.to_string(),
        ),
        ("Ollama", format!(r#"{{"model":"m","created_at":"now","response":"ac","done":true,"logprobs":{items}}}"#)),
        ("Ollama, a stream", format!("{}\n{}\n", ollama(&each[0], false), ollama(&each[1], true))),
    ] {
        assert_eq!(steps(&text), one, "{what}");
        let source = read(&text).unwrap();
        assert_eq!(source.carried()[0].text.as_deref(), Some("ac"), "{what}");
        let strings = source.strings().unwrap();
        assert_eq!([0, 1, 2].map(|id| strings.token(id)), ["a", "b", "c"].map(Some), "{what}");
    }
    // a batch: a line each, the names of the requests beside them, and one that failed
    let line = |id: &str, body: &str| {
        format!(
            r#"{{"id":"b","custom_id":"{id}","response":{{"status_code":200,"body":{}}},"error":null}}"#,
            body.replace('\n', " ")
        )
    };
    let failed = r#"{"id":"b","custom_id":"f","response":{"status_code":400,"body":{"error":{"message":"too long","code":"x"}}},"error":null}"#;
    let batch = [line("first", &chat), failed.to_string(), line("second", &chat)].join("\n");
    assert_eq!(steps(&batch), [one.clone(), one].concat());
    let source = read(&batch).unwrap();
    assert_eq!(json!(source.ids()), json!({"0": "first", "1": "second"}));
    assert!(
        source.notes()[0].contains("1 of 3 answers are errors of the server; the first says x: too long")
    );
}

#[test]
fn prompts_are_told_apart() {
    let vllm = r#"{"choices":[{"index":0,"text":"c","token_ids":[9],"prompt_token_ids":[1,4,5],"logprobs":{"tokens":["c"],"token_logprobs":[-0.25],"top_logprobs":[{"c":-0.25}],"text_offset":[0]},
        "prompt_logprobs":[null,{"4":{"logprob":-3.0,"rank":40,"decoded_token":"x"},"2":{"logprob":-0.5,"rank":1,"decoded_token":"y"}},{"5":{"logprob":-0.1,"rank":1,"decoded_token":"z"}}]}]}"#;
    let tgi = r#"{"generated_text":"c","details":{"prefill":[{"id":1,"text":"<s>","logprob":null},{"id":4,"text":"x","logprob":-3.0},{"id":5,"text":"z","logprob":-0.1}],"tokens":[{"id":9,"text":"c","logprob":-0.25}]}}"#;
    let sglang = r#"{"text":"c","output_ids":[9],"meta_info":{"input_token_logprobs":[[null,1,null],[-3.0,4,null],[-0.1,5,null]],"output_token_logprobs":[[-0.25,9,null]]}}"#;
    for text in [vllm, tgi, sglang] {
        let source = read(text).unwrap();
        assert_eq!(
            (&source.carried()[0].prompt[..], &source.carried()[0].ids[..]),
            (&[1, 4, 5][..], &[9][..])
        );
        let open = Open { portion: Some(Portion::Prompt), ..Open::new("answer") };
        let mut source = open.read(std::io::Cursor::new(text.as_bytes().to_vec())).unwrap();
        assert_eq!((source.shape().first_step, source.shape().end_step), (1, Some(3)));
        let carried = &source.carried()[0];
        assert_eq!(
            (&carried.ids[..], &carried.logprobs[..]),
            (&[1, 4, 5][..], &[None, Some(-3.0), Some(-0.1)][..])
        );
        assert_eq!(rows(&mut source)[0][0].logit(4), Some(-3.0));
    }
    let said = read(r#"{"generated_text":"c","details":{"tokens":[]}}"#).err().unwrap().to_string();
    assert!(said.contains("the answer has no log-probabilities (it says \"c\")"), "{said}");
}

#[test]
fn floors_are_no_numbers() {
    let text = r#"{"choices":[{"message":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-9999.0,"top_logprobs":[
        {"token":"b","logprob":-0.5},{"token":"c","logprob":-3.4028234663852886e+38},{"token":"d","logprob":-1.5}]}]}}]}"#;
    let mut source = read(text).unwrap();
    assert_eq!(source.carried()[0].logprobs, [None]);
    let row = &rows(&mut source)[0][0];
    // b and d are listed; a, c are somewhere below
    assert_eq!((row.logits.len(), row.vocab), (2, 4));
    let rest = row.rest.unwrap();
    assert!((rest.bound + 1.769_96).abs() < 1e-3 && (rest.mass - 0.1703).abs() < 1e-3, "{rest:?}");
}

/// What hostile and broken answers end in: one line, or the rows that are there.
#[test]
fn hostile_answers() {
    let entry = r#"{"token":"a","id":1,"logprob":-0.5,"top_logprobs":[]}"#;
    let answer =
        |content: &str| format!(r#"{{"choices":[{{"message":{{}},"logprobs":{{"content":{content}}}}}]}}"#);
    let deep = format!("{}{}", r#"{"choices":"#.to_string() + &"[".repeat(100_000), "]".repeat(100_000));
    for (text, said) in [
        (answer(&format!("[{entry}")), "line 1: "),
        (
            r#"{"choices":[{"logprobs":{"content":["#.to_string(),
            "truncated: the JSON text ends in the middle",
        ),
        ("data: {\"choices\":[\n\n".to_string(), "truncated: the event ends in the middle"),
        (deep, "nested deeper than 64"),
        (answer("5"), "\"logprobs.content\" is a number, no list"),
        (answer("[7]"), "7 where an entry"),
        (answer(r#"[{"token":"a","logprob":"x"}]"#), "\"logprob\" is \"x\", no number"),
        (answer(r#"[{"token":"a","logprob":NaN}]"#), "a log-probability is NaN"),
        (answer(r#"[{"token":"a","id":-1,"logprob":-1}]"#), "-1 is no token id"),
        (answer(r#"[{"token":"a","id":4294967296,"logprob":-1}]"#), "4294967296 is no token id"),
        (answer(r#"[{"logprob":-1}]"#), "an entry without a token"),
        (answer("[]"), "the answer has no log-probabilities"),
        (
            r#"{"choices":[{"logprobs":{"tokens":["a"],"token_logprobs":[]}}]}"#.to_string(),
            "1 \"tokens\", but 0 \"token_logprobs\"",
        ),
        (r#"{"completion_probabilities":[{"token":"a","id":1,"prob":1.5}]}"#.to_string(), "\"prob\" is 1.5"),
        (
            r#"{"error":"model 'x' not found"}"#.to_string(),
            "the server answered with an error: model 'x' not found",
        ),
        (
            r#"{"object":"error","message":"no","type":"BadRequestError","code":400}"#.to_string(),
            "with an error: 400 BadRequestError: no",
        ),
        (r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#.to_string(), "field required"),
        (
            r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#.to_string(),
            "429 RESOURCE_EXHAUSTED: quota",
        ),
        ("data: {\"error\":{\"message\":\"overloaded\"}}\n\n".to_string(), "overloaded"),
    ] {
        let found = read(&text).err().unwrap_or_else(|| panic!("read: {}", &text[..text.len().min(80)]));
        assert!(found.to_string().contains(said), "{found}");
    }
    // an id as large as ids are: its rows stay as short as they are
    let mut source =
        read(&answer(r#"[{"token":"a","id":4294967295,"logprob":-1,"top_logprobs":[]}]"#)).unwrap();
    assert_eq!((source.shape().vocab, rows(&mut source)[0][0].logits.len()), (Some(1 << 32), 1));
    let many = answer(&format!("[{}]", vec![entry; 200_000].join(",")));
    assert_eq!(rows(&mut read(&many).unwrap())[0].len(), 200_000);
    // a list of one text, over and over
    let same = vec![r#"{"token":"x","logprob":-13}"#; 100_000].join(",");
    let same = answer(&format!(r#"[{{"token":"x","logprob":-13,"top_logprobs":[{same}]}}]"#));
    assert!(read(&same).unwrap().notes().join(" ").contains("with a text that another of its list has"));
}

#[test]
fn numbers_that_are_no_log_probabilities() {
    let text = r#"[{"3":{"logprob":12.5},"7":{"logprob":9.0}}]"#;
    let mut source = read(text).unwrap();
    assert!(source.notes()[0].contains("1 step are no log-probabilities"), "{:?}", source.notes());
    assert_eq!(rows(&mut source)[0][0].rest, None);
    let older = r#"{"content":"ab","completion_probabilities":[{"content":"a","probs":[{"tok_str":"a","prob":0.75},{"tok_str":"b","prob":0.25}]}]}"#;
    let mut source = read(older).unwrap();
    assert!(source.notes()[0].contains("after the server's filters"));
    assert_eq!((source.carried()[0].ids.clone(), rows(&mut source)[0][0].rest), (vec![0], None));
}

#[test]
fn commands_say_what_is_missing_and_what_is_exact() {
    let file = "../formats/llama-server/native-greedy-n10.json";
    let note = |words: &str| {
        let ran = tokpick(&words.split(' ').chain([file]).collect::<Vec<_>>());
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        let missing = "0.2936 of the probability is in tokens that its rows don't list, 0.6015 at most (sequence 0, step 4); ";
        ran.err.split_once(missing).unwrap_or_else(|| panic!("{words}: {}", ran.err)).1.trim().to_string()
    };
    let renormalised = "the probabilities are renormalised over the listed tokens";
    for (words, said) in [
        ("greedy", "the most probable token is exact all the same"),
        (
            "greedy --repetition-penalty 1.2",
            "from repetition_penalty on, the probabilities are renormalised over the listed tokens",
        ),
        ("sample --seed 1", renormalised),
        (
            "sample --seed 1 --top-k 10 --temperature 0.7",
            "top_k makes it exact all the same: all that it can keep is listed",
        ),
        (
            "sample --seed 1 --top-k 11",
            "from top_k on, the probabilities are renormalised over the listed tokens",
        ),
        ("sample --seed 1 --top-p 0.39", "top_p makes it exact all the same: all that it can keep is listed"),
        (
            "sample --seed 1 --top-p 0.5",
            "from top_p on, the probabilities are renormalised over the listed tokens",
        ),
        (
            "sample --seed 1 --temperature 0.7 --top-p 0.3",
            "from temperature on, the probabilities are renormalised over the listed tokens",
        ),
        (
            "probs --typical-p 0.5",
            "from typical_p on, the probabilities are renormalised over the listed tokens",
        ),
        (
            "score",
            "log-probabilities of listed tokens are those of the whole row; of the processed ones: the probabilities are renormalised over the listed tokens",
        ),
    ] {
        assert_eq!(note(words), said, "{words}");
    }
    let said = tokpick(&["greedy", file, "--max-missing-mass", "0.6"]).failure();
    let what = "sequence 0, step 4: 0.601529 of the probability is in tokens that are not listed, more than --max-missing-mass allows, 0.6";
    assert!(said.contains(what), "{said}");
    assert_eq!(
        tokpick(&["greedy", file, "--max-missing-mass", "0.61"]).text(),
        "329 259 371 278 265 82 272 69 261 268 417 331\n"
    );
    let idle = tokpick(&["greedy", "steps-small.json", "--max-missing-mass", "0.1"]);
    assert!(
        idle.err.contains("no effect on rows that leave nothing out: --max-missing-mass"),
        "{}",
        idle.err
    );
    let said = tokpick(&["greedy", "steps.npy", "--part", "prompt"]).failure();
    assert!(said.contains("--part prompt: steps.npy is no answer of a server"), "{said}");
}

/// A top-p below the listed mass keeps what it keeps of the whole row.
#[test]
fn top_p_counts_what_is_missing() {
    let whole = "../formats/llama-server/native-full-n512.json";
    let listed = "../formats/llama-server/native-greedy-n10.json";
    let kept = |file: &str| {
        let document = tokpick(&["probs", file, "--top-p", "0.45", "--rows", "0..1", "-f", "json"]).json();
        document["rows"][0]["ids"].clone()
    };
    assert_eq!(kept(listed), kept(whole));
    let score = tokpick(&["score", listed, "--ids", "329,500", "-f", "json"]).json();
    let sequence = &score["sequences"][0];
    assert_eq!((&sequence["tokens"][1]["logprob"], &sequence["logprob"]), (&Value::Null, &Value::Null));
    let bound = sequence["tokens"][1]["logprob_at_most"].as_f64().unwrap();
    // the least of the ten that are listed
    assert!((bound + 3.606_088_6).abs() < 1e-5, "{bound}");
    let (sum, first) = (&sequence["logprob_at_most"], sequence["tokens"][0]["logprob"].as_f64().unwrap());
    assert!((sum.as_f64().unwrap() - first - bound).abs() < 1e-9);
    assert_eq!(score["sequences"][0]["tokens"][0]["logprob_at_most"], Value::Null);
    let info = tokpick(&["info", listed, "-f", "json"]).json();
    let missing = info["rows"][4]["missing_mass"].as_f64().unwrap();
    assert!((missing - 0.601_529).abs() < 1e-5, "{missing}");
}

/// Lists in JSON Lines say what they leave out, too; they are cut by the mass that they list, as ever.
#[test]
fn lists_in_json_lines() {
    let lines = "{\"ids\":[3,7,1],\"logprobs\":[-0.7,-1.6,-2.3]}\n";
    let run = |args: &[&str]| with_input(args, lines.as_bytes());
    let ran = run(&["probs", "-", "--top-p", "0.6"]);
    assert!(ran.err.contains("0.2013 of the probability"), "{}", ran.err);
    assert_eq!(ran.text().lines().count(), 1);
    let score = run(&["score", "-", "--ids", "7", "-f", "json"]).json();
    assert!((score["sequences"][0]["logprob"].as_f64().unwrap() + 1.6).abs() < 1e-6);
}
