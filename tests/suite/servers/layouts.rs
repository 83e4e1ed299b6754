//! Layouts that are written by hand after their documents, and hostile ones.

use serde_json::{Value, json};
use tokpick::TokenId;
use tokpick::source::{Open, Portion, Row};

use super::{read, rows};

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
            "Gemini, a list of the parts of a stream",
            r#"[{"responseId":"r","candidates":[{"content":{"parts":[{"text":"a"}]},"logprobsResult":{
               "chosenCandidates":[{"token":"a","tokenId":3,"logProbability":-0.5}],
               "topCandidates":[{"candidates":[{"token":"a","tokenId":3,"logProbability":-0.5},{"token":"b","tokenId":7,"logProbability":-1.5}]}]}}]},
               {"responseId":"r","candidates":[{"content":{"parts":[{"text":"c"}]},"logprobsResult":{
               "chosenCandidates":[{"token":"c","tokenId":9,"logProbability":-0.25}],
               "topCandidates":[{"candidates":[{"token":"c","tokenId":9,"logProbability":-0.25},{"token":"a","tokenId":3,"logProbability":-2.0}]}]}}]}]"#,
        ),
        (
            "legacy arrays with token_ids beside them",
            r#"{"choices":[{"index":0,"text":"ac","logprobs":{"token_ids":[3,9],"tokens":["a","c"],"token_logprobs":[-0.5,-0.25],
               "top_logprobs":[{"a":-0.5,"token_id:7":-1.5},{"c":-0.25,"a":-2.0}]}}]}"#,
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
    // its place is kept, so that the others draw as they do without it
    let nothing = steps(&batch)[one.len()].clone();
    assert!(nothing.0.is_empty() && nothing.1.is_empty());
    assert_eq!(steps(&batch), [one.clone(), vec![nothing], one].concat());
    let source = read(&batch).unwrap();
    assert_eq!(json!(source.ids()), json!({"0": "first", "1": "f", "2": "second"}));
    assert!(source.notes()[0].contains(
        "1 of 3 answers are errors of the server, and keep their places; the first says x: too long"
    ));
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

/// An answer without the rows of its prompt doesn't keep the others from theirs.
#[test]
fn one_prompt_without_rows() {
    let answer = |places: Value| {
        json!({"id": "x", "choices": [{"index": 0, "text": "c", "token_ids": [9], "prompt_token_ids": [1, 4, 5], "prompt_logprobs": places,
            "logprobs": {"tokens": ["c"], "token_logprobs": [-0.25], "top_logprobs": [{"c": -0.25}], "text_offset": [0]}}]})
    };
    let places = json!([null, {"4": {"logprob": -3.0, "rank": 40}}, {"5": {"logprob": -0.5, "rank": 1}}]);
    for with in [[true, false], [false, true]] {
        let text =
            json!(with.map(|with| answer(if with { places.clone() } else { Value::Null }))).to_string();
        let open = Open { portion: Some(Portion::Prompt), ..Open::new("answer") };
        let mut source = open.read(std::io::Cursor::new(text.into_bytes())).unwrap();
        assert_eq!(source.shape().first_step, 1);
        let found: Vec<usize> = rows(&mut source).iter().map(Vec::len).collect();
        assert_eq!(found, with.map(|with| if with { 2 } else { 0 }));
    }
}

/// vLLM's chats put the taken token first: only where it is the least of the list it stands there for no other reason.
#[test]
fn a_taken_token_out_of_turn() {
    for (listed, is_outside) in [
        // rank 2 of 5
        ("-1.0 -0.75 -2.5 -3.0 -4.0", false),
        ("-0.75 -1.0 -2.5 -3.0 -4.0", false),
        ("-5.0 -0.75 -1.0 -2.5 -3.0", true),
        // nothing falls here
        ("-5.0 -1.0 -0.75 -2.5 -3.0", false),
    ] {
        let listed: Vec<f64> = listed.split(' ').map(|x| x.parse().unwrap()).collect();
        let entry = |n: usize| json!({"token": format!("token_id:{n}"), "logprob": listed[n]});
        let mut taken = entry(0);
        taken["top_logprobs"] = (0..listed.len()).map(entry).collect();
        let text = json!({"choices": [{"logprobs": {"content": [taken]}}]}).to_string();
        let row = rows(&mut read(&text).unwrap()).remove(0).remove(0);
        assert_eq!(row.rest.unwrap().outside.is_some(), is_outside, "{listed:?}");
    }
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
        (answer("5"), "logprobs: \"content\" is a number, no list"),
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
        // lists beside tokens that are none, or of another length
        (answer(r#"[{"token":"a","logprob":-1,"top_logprobs":7}]"#), "\"top_logprobs\" is a number, no list"),
        (r#"{"model":"m","done":true,"logprobs":"x"}"#.to_string(), "\"logprobs\" is a string, no list"),
        (
            r#"{"object":"response","output":[{"content":[{"logprobs":{"a":1}}]}]}"#.to_string(),
            "\"logprobs\" is an object, no list",
        ),
        (
            r#"{"candidates":[{"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-1}],"topCandidates":[{"candidates":[]},{"candidates":[]}]}}]}"#.to_string(),
            "\"topCandidates\" has 2 entries beside 1 token",
        ),
        (
            r#"{"candidates":[{"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-1}],"topCandidates":[{"candidates":3}]}}]}"#.to_string(),
            "\"candidates\" is a number, no list",
        ),
        (
            r#"{"output_ids":[1,2],"meta_info":{"output_token_logprobs":[[-1,1,null],[-1,2,null]],"output_top_logprobs":[[[-1,1,null]]]}}"#.to_string(),
            "\"output_top_logprobs\" has 1 entry beside 2 tokens",
        ),
        (
            r#"{"output_ids":[1],"meta_info":{"output_token_logprobs":[[-1,1,null]],"output_top_logprobs":["x"]}}"#.to_string(),
            "entry 0 of \"output_top_logprobs\" is a string, no list",
        ),
        (
            r#"{"generated_text":"a","details":{"tokens":[{"id":1,"text":"a","logprob":-1}],"top_tokens":[[],[]]}}"#.to_string(),
            "\"top_tokens\" has 2 entries beside 1 token",
        ),
        (r#"{"seed":18446744073709551616,"choices":[]}"#.to_string(), "no 64-bit whole number"),
        (
            format!(r#"{{"custom_id":"{}","response":{{"body":{{}}}}}}"#, "x".repeat(5000)),
            "\"custom_id\" has 5000 bytes",
        ),
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

/// `[DONE]` ends an answer, and an event may go on over several lines until an empty one.
#[test]
fn streams_after_one_another_are_answers_of_their_own() {
    let event = |id: u32| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"token_ids\":[{id}],\ndata: \"logprobs\":{{\"content\":[{{\"token\":\"token_id:{id}\",\"logprob\":-0.5,\"top_logprobs\":[]}}]}}}}]}}\n\n"
        )
    };
    let stream = [event(3), event(9), "data: [DONE]\n\n".into()].concat();
    let taken = |text: &str| steps(text).into_iter().map(|(_, ids)| ids).collect::<Vec<_>>();
    assert_eq!(taken(&stream), [[3, 9]]);
    assert_eq!(taken(&[&stream[..], &stream].concat()), [[3, 9], [3, 9]]);
    // lines that are empty cost no more than they are long
    assert!(read(&"data: \n\n".repeat(200_000)).is_err());
}

/// OpenAI's responses have no `[DONE]`: their last event ends them.
#[test]
fn responses_end_with_their_last_event() {
    let event = |kind: &str, more: Value| {
        let mut event = json!({"type": format!("response.{kind}")});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("event: response.{kind}\ndata: {event}\n\n")
    };
    let delta = |id: u32| {
        let entry = json!({"token": format!("token_id:{id}"), "logprob": -0.5, "top_logprobs": []});
        event("output_text.delta", json!({"delta": "x", "logprobs": [entry]}))
    };
    let taken = |text: &str| steps(text).into_iter().map(|(_, ids)| ids).collect::<Vec<_>>();
    for end in ["completed", "incomplete", "failed"] {
        let response = json!({"response": {"status": end, "error": {"message": "no"}}});
        let one = [
            delta(3),
            delta(9),
            event(end, if end == "failed" { response } else { json!({"response": {"status": end}}) }),
        ]
        .concat();
        assert_eq!(taken(&[&one[..], &delta(4), &delta(5)].concat()), [[3, 9], [4, 5]], "{end}");
    }
    // one that was cut off before its end
    let cut = [delta(3), event("created", json!({"response": {}})), delta(4)].concat();
    assert_eq!(taken(&cut), [[3], [4]]);
    // one that failed before it said anything has its place
    let failed = event("failed", json!({"response": {"error": {"code": "x", "message": "no"}}}));
    assert_eq!(taken(&[&failed[..], &delta(4)].concat()), [vec![], vec![4]]);
}

/// A part of a stream may hold what is new alone, and begin as everything did.
#[test]
fn sglang_counts_tell_what_is_new() {
    let part = |ids: &[u32], count: Option<usize>| {
        let triples: Vec<Value> = ids.iter().map(|id| json!([-0.5, id, null])).collect();
        let mut meta = json!({"id": "r", "output_token_logprobs": triples});
        if let Some(count) = count {
            meta["completion_tokens"] = count.into();
        }
        format!("data: {}\n\n", json!({"text": "", "output_ids": ids, "meta_info": meta}))
    };
    let taken = |parts: &[String]| steps(&parts.concat()).into_iter().map(|(_, ids)| ids).collect::<Vec<_>>();
    assert_eq!(taken(&[part(&[3], Some(1)), part(&[3, 9], Some(3))]), [[3, 3, 9]]);
    assert_eq!(taken(&[part(&[3], Some(1)), part(&[3, 9], Some(2))]), [[3, 9]]);
    assert_eq!(taken(&[part(&[3], None), part(&[3, 9], None), part(&[4], None)]), [[3, 9, 4]]);
}

/// What the choices of a request have in common is read, held and compared once.
#[test]
fn many_choices_of_a_long_prompt() {
    let choice = |n: usize| json!({"index": n, "token_ids": [1], "logprobs": {"content": [{"token": "token_id:1", "logprob": -0.5, "top_logprobs": []}]}});
    let place = json!({"1": {"logprob": -0.5, "rank": 1}});
    let document = json!({
        "id": "x".repeat(100_000), "seed": 5, "prompt_token_ids": vec![1; 20_000], "prompt_logprobs": vec![place; 1500],
        "choices": (0..3000).map(choice).collect::<Vec<_>>(),
    });
    let text = document.to_string();
    let claims = tokpick::check::claims("answer", &text, None).unwrap().unwrap();
    assert_eq!((claims.len(), claims[2999].seed), (3000, Some(3004)));
    drop(claims);
    let source = read(&text).unwrap();
    assert_eq!((source.carried().len(), source.carried()[2999].prompt.len()), (3000, 20_000));
    // one copy of the prompt for all of them
    let prompts: Vec<_> = source.carried().iter().map(|carried| &carried.prompt).collect();
    assert!(prompts.iter().all(|prompt| std::sync::Arc::ptr_eq(prompt, prompts[0])));
    let open = Open { portion: Some(Portion::Prompt), ..Open::new("answer") };
    let source = open.read(std::io::Cursor::new(text.into_bytes())).unwrap();
    assert_eq!((source.shape().sequences.len(), source.shape().end_step), (3000, Some(1500)));
}

/// The n-th choice of a prompt counts from the request's seed, wherever the others of the prompt stand.
#[test]
fn seeds_count_within_a_prompt() {
    let choice = |prompt: u32| json!({"token_ids": [1], "prompt_token_ids": [prompt, 2]});
    let document = json!({"seed": 40, "choices": [choice(7), choice(8), choice(7), choice(7), choice(8)]});
    let claims = tokpick::check::claims("answer", &document.to_string(), None).unwrap().unwrap();
    let seeds: Vec<_> = claims.iter().map(|c| c.seed).collect();
    assert_eq!(seeds, [40, 40, 41, 42, 41].map(Some));
    let large = json!({"seed": u64::MAX, "choices": [{"token_ids": [1]}]});
    let claims = tokpick::check::claims("answer", &large.to_string(), None).unwrap().unwrap();
    assert_eq!(claims[0].seed, Some(u64::MAX.into()));
}

/// Only a prompt's first token may be without a row.
#[test]
fn a_prompt_lacks_one_row_at_most() {
    let entry = |id: u32, logprob: Value| json!({"id": id, "text": "x", "logprob": logprob});
    let answer = |prefill: Vec<Value>| {
        json!({"generated_text": "c", "details": {"prefill": prefill, "tokens": []}}).to_string()
    };
    let whole = [entry(1, Value::Null), entry(2, json!(-0.5)), entry(3, json!(-0.5))];
    let gap = [entry(1, Value::Null), entry(2, Value::Null), entry(3, json!(-0.5))];
    let text = [answer(whole.to_vec()), answer(gap.to_vec())].join("\n");
    let mut source = Open { portion: Some(Portion::Prompt), ..Open::new("answer") }
        .read(std::io::Cursor::new(text.into_bytes()))
        .unwrap();
    assert_eq!(source.shape().first_step, 1);
    let read: Vec<_> = tokpick::source::row_iter(source.as_mut()).collect();
    assert!(read[0].is_ok() && read[1].is_ok());
    let said = read[2].as_ref().unwrap_err().to_string();
    assert!(said.contains("sequence 1, step 1: the answer lists no token here"), "{said}");
}

/// A part of the sequences has the ids of its own sequences.
#[test]
fn parts_carry_what_is_theirs() {
    let choice = |index: u32, id: u32| {
        json!({"index": index, "token_ids": [id], "logprobs": {"content": [
            {"token": format!("token_id:{id}"), "logprob": -0.5, "top_logprobs": [{"token": format!("token_id:{id}"), "logprob": -0.5}]}]}})
    };
    let answer = json!({"id": "x", "object": "chat.completion", "choices": [choice(0, 3), choice(1, 9)]});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), answer.to_string()).unwrap();
    let name = file.path().to_str().unwrap();
    let ids = |shard: &str| {
        let scores = crate::support::run::tokpick(&["score", name, "--shard", shard, "-f", "jsonl"]).json();
        (scores["sequence"].clone(), scores["tokens"][0]["id"].clone())
    };
    assert_eq!(ids("1/2"), (0.into(), 3.into()));
    assert_eq!(ids("2/2"), (1.into(), 9.into()));
}
