//! The recipes of docs/inputs.md run: against a server that answers as the real ones do, where the right thing is asked for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::path;

/// The blocks of a language in docs/inputs.md.
fn blocks(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/inputs.md")).unwrap();
    let parts = text.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

/// What the servers answer to a request; nothing where it lacks what brings log-probabilities.
fn answer(place: &str, request: &Value) -> Option<String> {
    let recorded = |folder: &str, file: &str| std::fs::read_to_string(path(folder, file)).unwrap();
    let entry = json!({"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "a", "logprob": -0.5, "bytes": [97]}]});
    let asks = |pointer: &str| {
        request.pointer(pointer).is_some_and(|value| *value == true || value.as_u64() > Some(0))
    };
    let body = match place {
        "/8000/v1/chat/completions" if asks("/logprobs") && asks("/top_logprobs") => recorded("llama-server", "oai-chat-n5.json"),
        "/8000/v1/completions" if asks("/return_token_ids") && asks("/prompt_logprobs") && asks("/logprobs") => json!({
            "choices": [{"text": "a", "token_ids": [9], "prompt_token_ids": [1, 4], "prompt_logprobs": [null, {"4": {"logprob": -3.0, "rank": 40}}],
                "logprobs": {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5}], "text_offset": [0]}}],
        })
        .to_string(),
        "/8000/v1/completions" if asks("/logprobs") => recorded("llama-cpp-python-server", "py-completions-n5.json"),
        "/openai/v1/responses" if request["include"][0] == "message.output_text.logprobs" && asks("/top_logprobs") => {
            json!({"object": "response", "output": [{"type": "message", "content": [{"type": "output_text", "text": "a", "logprobs": [entry]}]}]}).to_string()
        }
        "/30000/generate" if asks("/return_logprob") && asks("/top_logprobs_num") => json!({
            "text": "a", "output_ids": [9],
            "meta_info": {"output_token_logprobs": [[-0.5, 9, null]], "output_top_logprobs": [[[-0.5, 9, null]]], "completion_tokens": 1},
        })
        .to_string(),
        "/8080/completion" if asks("/n_probs") && asks("/return_tokens") => recorded("llama-server", "native-greedy-n10.json"),
        "/11434/api/generate" if asks("/logprobs") && asks("/top_logprobs") => {
            json!({"model": "m", "response": "a", "done": true, "logprobs": [entry]}).to_string()
        }
        "/3000/generate" if asks("/parameters/details") && asks("/parameters/top_n_tokens") => json!({
            "generated_text": "a",
            "details": {"finish_reason": "length", "prefill": [], "tokens": [{"id": 9, "text": "a", "logprob": -0.5, "special": false}], "top_tokens": [[]]},
        })
        .to_string(),
        gemini if gemini.starts_with("/gemini/") && asks("/generationConfig/responseLogprobs") => json!({
            "candidates": [{"content": {"parts": [{"text": "a"}]}, "logprobsResult": {
                "chosenCandidates": [{"token": "a", "tokenId": 9, "logProbability": -0.5}],
                "topCandidates": [{"candidates": [{"token": "a", "tokenId": 9, "logProbability": -0.5}]}]}}],
        })
        .to_string(),
        _ => return None,
    };
    Some(body)
}

/// Reads a request and answers it.
fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut from = BufReader::new(stream);
    let (mut line, mut place, mut len) = (String::new(), String::new(), 0);
    while from.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                len = value.parse().unwrap_or(0)
            }
            None => place = line.split(' ').nth(1).unwrap_or_default().to_string(),
            Some(_) => {}
        }
        line.clear();
    }
    let mut body = vec![0; len];
    from.read_exact(&mut body)?;
    let asked = serde_json::from_slice(&body).ok().and_then(|request| answer(&place, &request));
    let (status, body) = match asked {
        Some(body) => ("200 OK", body),
        None => (
            "400 Bad Request",
            format!(
                "{{\"error\":{{\"message\":{:?}}}}}",
                format!("{place}: {}", String::from_utf8_lossy(&body))
            ),
        ),
    };
    write!(
        from.get_mut(),
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Runs a script in a folder where `tokpick` is this build's.
fn sh(folder: &Path, script: &str) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_tokpick")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-euc", script]).env("PATH", path).env("no_proxy", "*").env("KEY", "k").current_dir(folder);
    command.output().unwrap()
}

fn is_here(program: &str, flag: &str) -> bool {
    Command::new(program).arg(flag).output().is_ok_and(|ran| ran.status.success())
}

#[test]
#[cfg(unix)]
fn recipes_of_servers() {
    if !is_here("curl", "--version") {
        eprintln!("skipped: there is no curl here");
        return;
    }
    let script = blocks("sh").into_iter().find(|block| block.contains("ask()")).unwrap();
    let scored = script.matches("tokpick score").count();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| drop(stream.and_then(serve))));
    let script = script
        .replace("localhost:", &format!("http://{at}/"))
        .replace("https://api.openai.com", &format!("http://{at}/openai"))
        .replace("https://generativelanguage.googleapis.com", &format!("http://{at}/gemini"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(path("kld", "lm513-tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    let chat: Value =
        serde_json::from_slice(&std::fs::read(path("llama-server", "oai-chat-n5.json")).unwrap()).unwrap();
    let line = json!({"id": "b", "custom_id": "first", "response": {"status_code": 200, "body": chat}, "error": null});
    std::fs::write(folder.path().join("batch_output.jsonl"), format!("{line}\n")).unwrap();
    let ran = sh(folder.path(), &script);
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    assert_eq!(out.matches("perplexity").count(), scored, "{out}{err}");
}

#[test]
#[cfg(unix)]
fn recipes_of_arrays() {
    if !Command::new("python3").args(["-c", "import numpy"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no NumPy here");
        return;
    }
    let python = blocks("python");
    let block =
        |with: &str| python.iter().find(|block| block.contains(with)).unwrap_or_else(|| panic!("{with}"));
    let made = block("logits = numpy.log(");
    let folder = tempfile::tempdir().unwrap();
    let program = format!("import numpy, json\n{made}{}", block("savez_compressed"));
    std::fs::write(folder.path().join("arrays.py"), program).unwrap();
    let program = format!("import numpy, json\n{made}{}", block("\"logits\": row.tolist()"));
    std::fs::write(folder.path().join("lines.py"), program).unwrap();
    let zstd = if is_here("zstd", "--version") {
        "zstd -q logits.npy && tokpick greedy logits.npy.zst"
    } else {
        "tokpick greedy logits.npy"
    };
    let script = format!(
        "python3 arrays.py; python3 lines.py > logits.jsonl; tokpick greedy logits.npz; tokpick greedy logits.jsonl; \
         tokpick greedy logits.bin --raw f32 --vocab-size 3; {zstd}; gzip logits.npy && tokpick greedy logits.npy.gz"
    );
    let ran = sh(folder.path(), &script);
    // 0.5 is the most of the first row, 0.8 of the second
    assert_eq!(
        String::from_utf8_lossy(&ran.stdout),
        "0 2\n".repeat(5),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
