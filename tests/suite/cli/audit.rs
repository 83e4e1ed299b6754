//! Engines through the program: what `explain` shows of them, half-precision logits, and audits of servers whose noise has
//! no state.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::reference::{Case, gpu_cases};
use crate::support::run::{Ran, fixture, tokpick, with_input, words};

/// The engine's own stages, in its order, and its own draw.
#[test]
fn explain_shows_what_the_engine_does() {
    let row = b"[[1, 0.9, 0.8]]";
    let explain = |settings: &str| {
        with_input(&words(&format!("explain - -f json --engine {settings}")), row).json()["steps"][0].clone()
    };
    let names = |step: &Value| -> Vec<String> {
        let stages = step["stages"].as_array().unwrap().iter().skip(1);
        stages.map(|s| s["name"].as_str().unwrap().to_owned()).collect()
    };
    let step = explain("numpy --top-k 1 --seed 1");
    assert_eq!(names(&step), ["top-k 1"]);
    assert_eq!((&step["stages"][0]["kept"], &step["stages"][1]["kept"]), (&json!(3), &json!(1)));
    assert_eq!(step["draw"]["intervals"], json!([{"id": 0, "from": 0.0, "to": 1.0}]));
    // llama.cpp's temperature comes last, mlx-lm's and vLLM's filters stand in their orders; candle's top_p is off where top_k
    // leaves less
    for (engine, order) in [
        ("llama.cpp", vec!["top-k 2", "top-p 0.9", "temperature 0.5"]),
        ("vllm", vec!["temperature 0.5", "top-k 2", "top-p 0.9"]),
        ("numpy", vec!["temperature 0.5", "top-k 2", "top-p 0.9"]),
        ("mlx-lm", vec!["top-p", "top-k", "temperature"]),
        ("candle", vec!["temperature", "top-k 2"]),
        ("vllm-v2", vec!["temperature 0.5", "top-k 2", "top-p 0.9"]),
        ("sglang", vec!["temperature 0.5", "top-k 2", "top-p 0.9"]),
    ] {
        let settings = format!("{engine} --seed 3 --prompt-ids 1,0 --temperature 0.5 --top-k 2 --top-p 0.9");
        let step = explain(&settings);
        assert_eq!(names(&step), order, "{engine}");
        let drawn = with_input(&words(&format!("sample - --engine {settings}")), row).text();
        assert_eq!(step["draw"]["id"].to_string(), drawn.trim(), "{engine}");
    }
}

/// llama.cpp's `min_keep` is one for all its truncations; an engine that has none says so.
#[test]
fn the_least_number_of_tokens_reaches_the_engine_that_has_it() {
    let row = b"[[1, 2, 3, -1, -2]]";
    for truncation in ["--top-p 0.1", "--min-p 0.9", "--typical-p 0.01", "--top-k 3 --top-p 0.1"] {
        for (least, kept) in [("", 1), ("--min-tokens-to-keep 2", 2)] {
            let line = format!("explain - -f json --engine llama.cpp --seed 1 {truncation} {least}");
            let step = with_input(&words(&line), row).json()["steps"][0].clone();
            assert_eq!(step["stages"].as_array().unwrap().last().unwrap()["kept"], kept, "{line}");
        }
    }
    let torch =
        with_input(&words("sample - --engine torch --seed 1 -p 0.1 --min-tokens-to-keep 2"), row).failure();
    assert!(torch.contains("min_tokens_to_keep"), "{torch}");
}

#[test]
fn a_trace_has_the_stages_of_an_engine() {
    let args = words("sample - --engine torch --top-k 2 --seed 1 --trace /dev/stderr");
    let err = with_input(&args, b"[[1, 0.9, 0.8]]").err;
    let line = err.lines().find(|l| l.contains("\"filters\"")).unwrap_or_else(|| panic!("{err}"));
    let event: Value = serde_json::from_str(line).unwrap();
    assert_eq!(event["stages"][0]["filter"], "top_k=2");
    assert_eq!(event["stages"][0]["kept"], 2);
}

/// A float32 NPY of [steps, vocabulary], under the temporary directory.
fn npy(name: &str, dtype: &str, vocabulary: usize, bytes: &[u8], size: usize) -> PathBuf {
    let steps = bytes.len() / size / vocabulary;
    let header =
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({steps}, {vocabulary}), }}");
    let header = format!("{header:<117}\n");
    let path = std::env::temp_dir().join(format!("tokpick-audit-{}-{name}.npy", std::process::id()));
    let mut all = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    all.extend(header.as_bytes());
    all.extend(bytes);
    std::fs::write(&path, all).unwrap();
    path
}

/// Engines that draw in the type of their logits refuse half precision, but torch's float16, whose ids of float32 were always given
/// and are now said to be so; those that convert take it.
#[test]
fn half_precision_is_refused_or_said_where_the_noise_depends_on_it() {
    let bits: [u16; 3] = [0x3c00, 0x3800, 0x0000];
    let bytes: Vec<u8> = bits.iter().flat_map(|b| b.to_le_bytes()).collect();
    let path = npy("half", "<f2", 3, &bytes, 2);
    let path = path.to_str().unwrap();
    for engine in ["torch", "torch-multinomial"] {
        let ran = tokpick(&["sample", path, "--engine", engine, "--seed", "1"]);
        assert!(ran.err.contains("note: the logits are float16") && ran.status == Some(0), "{}", ran.err);
    }
    for engine in ["jax-split", "jax-fold-in", "mlx", "mlx-lm"] {
        let error = tokpick(&["sample", path, "--engine", engine, "--seed", "1"]).failure();
        assert!(error.starts_with(&format!("--engine {engine}: the logits are float16")), "{error}");
    }
    for engine in ["transformers", "vllm", "numpy", "llama.cpp", "candle", "vllm-v2", "sglang"] {
        tokpick(&["sample", path, "--engine", engine, "--seed", "1", "--prompt-ids", "0"]).text();
    }
    std::fs::remove_file(path).unwrap();
}

fn flags(case: &Case) -> Vec<String> {
    let p = &case.params;
    let real = |name: &str, v: Option<f64>| v.map(|v| format!("--{name}={v}"));
    let mut all = vec![format!("--engine={}", case.engine), format!("--seed={}", case.seed)];
    all.extend(real("temperature", p.temperature));
    all.extend(p.top_k.map(|k| format!("--top-k={k}")));
    all.extend(real("top-p", p.top_p));
    all.extend(real("min-p", p.min_p));
    all.extend(real("repetition-penalty", p.repetition_penalty));
    all.extend(real("frequency-penalty", p.frequency_penalty));
    all.extend(real("presence-penalty", p.presence_penalty));
    all.extend(p.position.as_ref().map(|v| format!("--position={v}")));
    all.extend(p.row_seeds.as_ref().map(|v| format!("--row-seeds={v}")));
    all.extend(p.filtered_batch.map(|_| "--filtered-batch".to_owned()));
    if !case.prompt.is_empty() {
        let ids: Vec<String> = case.prompt.iter().map(u32::to_string).collect();
        all.push(format!("--prompt-ids={}", ids.join(",")));
    }
    if case.rows.batch > 1 {
        all.push("--layout=tbv".to_owned());
    }
    all
}

/// Every reference case whose steps its file has; longer ones as far as it goes.
#[test]
fn the_program_draws_every_gpu_case() {
    let mut compared = 0;
    for case in gpu_cases().iter().filter(|c| c.rows.vocabulary <= 1000) {
        let batch = if case.rows.batch > 1 { "batch" } else { "logits" };
        let path = fixture(&format!("draws-gpu/gpu-{batch}-{}.npy", case.rows.vocabulary));
        let mut args = vec!["sample".to_owned(), path.to_str().unwrap().to_owned()];
        args.extend(flags(case));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let text = tokpick(&args).text();
        for (b, line) in text.lines().enumerate() {
            let ids: Vec<u32> = line.split_whitespace().map(|id| id.parse().unwrap()).collect();
            let expected: Vec<u32> = case.ids.iter().map(|step| step[b]).take(ids.len()).collect();
            assert_eq!(ids[..expected.len()], expected, "{} row {b}", case.name);
            compared += expected.len();
        }
    }
    assert!(compared > 3000, "{compared}");
}

#[test]
fn seeds_that_mean_none_are_refused_with_the_reason() {
    let run = |flags: &str| with_input(&words(&format!("sample - --position 4 {flags}")), b"[[1,2]]");
    for flags in ["--engine vllm-v2 --seed=-1", "--engine vllm-v2-murmur3 --row-seeds none"] {
        let error = run(flags).failure();
        assert!(error.contains("vLLM takes a random seed for such a request"), "{error}");
    }
    let error = run("--engine sglang --seed none").failure();
    assert!(error.contains("SGLang draws with 42"), "{error}");
    run("--engine sglang --seed=-1").text();
    run("--engine vllm-v2").text();
    let error = with_input(&words("sample - --engine vllm-v2 --seed 1"), b"[[1,2]]").failure();
    assert!(error.contains("the position, which is not known"), "{error}");
    let note = run("--engine vllm --seed 1").err;
    assert!(note.contains("--position") || note.contains("does not take position"), "{note}");
    let note = with_input(&words("sample - --engine vllm --seed 1"), b"[[1,2]]").err;
    assert!(note.contains("vllm-v2-murmur3 (0.31 - 0.33)"), "{note}");
}

/// Logits that a served model might have: `round` is what another arithmetic does to each.
fn logits(steps: usize, vocabulary: usize, round: impl Fn(f32) -> f32) -> Vec<u8> {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut normal = || (0..6).map(|_| uniform()).sum::<f32>() - 3.0;
    (0..steps * vocabulary).flat_map(|_| round(3.0 * normal()).to_le_bytes()).collect()
}

struct Audit {
    path: String,
    rounded: String,
    ids: Vec<u32>,
}

const SETTINGS: &str = "--engine vllm-v2-murmur3 --temperature 0.8 --top-p 0.95";

impl Audit {
    fn new(name: &str) -> Self {
        let path = |p: PathBuf| p.to_str().unwrap().to_owned();
        let exact = path(npy(&format!("{name}-exact"), "<f4", 200, &logits(800, 200, |x| x), 4));
        let bf16 = |x: f32| f32::from_bits((x.to_bits() + 0x8000) & 0xffff_0000);
        let rounded = path(npy(&format!("{name}-bf16"), "<f4", 200, &logits(800, 200, bf16), 4));
        let mut args = vec!["sample", exact.as_str()];
        args.extend(words(SETTINGS));
        args.extend(["--seed", "42", "--position", "11"]);
        let text = tokpick(&args).text();
        let ids = text.split_whitespace().map(|id| id.parse().unwrap()).collect();
        Audit { path: exact, rounded, ids }
    }

    fn verify(&self, input: &str, settings: &str, ids: &[u32]) -> Ran {
        let ids = ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let mut args = vec!["verify", input, "-f", "json", "--ids", &ids];
        args.extend(words(settings));
        tokpick(&args)
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        for path in [&self.path, &self.rounded] {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A faithful run passes; each injected fault is found, with what it is worth.
#[test]
fn an_audit_tells_a_faithful_run_from_a_faulty_one() {
    let audit = Audit::new("faults");
    let right = format!("{SETTINGS} --seed 42 --position 11");
    let document = audit.verify(&audit.path, &right, &audit.ids).json();
    let verdict = &document["verification"]["verdict"];
    assert_eq!((&document["holds"], &verdict["chance"]), (&json!(true), &json!(1.0)), "{verdict}");
    let mut replaced = audit.ids.clone();
    replaced.iter_mut().step_by(100).for_each(|id| *id = (*id + 17) % 200);
    let faults = [
        ("seed", audit.verify(&audit.path, &right.replace("--seed 42", "--seed 43"), &audit.ids)),
        ("position", audit.verify(&audit.path, &right.replace("--position 11", "--position 12"), &audit.ids)),
        ("temperature", audit.verify(&audit.path, &right.replace("0.8", "0.81"), &audit.ids)),
        ("replaced", audit.verify(&audit.path, &right, &replaced)),
        ("bf16", audit.verify(&audit.rounded, &right, &audit.ids)),
        ("engine", audit.verify(&audit.path, &right.replace("-murmur3", ""), &audit.ids)),
    ];
    for (fault, ran) in faults {
        assert_eq!(ran.status, Some(1), "{fault}: {}", ran.err);
        let document: Value = serde_json::from_slice(&ran.out).unwrap();
        let verdict = &document["verification"]["verdict"];
        assert_eq!(verdict["faithful"], false, "{fault}");
        assert!(verdict["chance"].as_f64().unwrap() < 1e-6, "{fault}: {verdict}");
        assert!(verdict["not_explained"].as_u64().unwrap() > 0, "{fault}: {verdict}");
    }
}

/// One command on two files: ids, seeds and positions out of a server's answers.
#[test]
fn an_audit_reads_what_servers_answer() {
    let audit = Audit::new("answers");
    let prompt: Vec<u32> = (0..12).collect();
    let answers = [
        json!({"config": {"seed": 42}, "samples": [{"prompt_token_ids": prompt, "outputs": [{"token_ids": audit.ids}]}]}),
        json!({"seed": 42, "choices": [{"token_ids": audit.ids}], "usage": {"prompt_tokens": 12}}),
    ];
    for (n, answer) in answers.iter().enumerate() {
        let file = format!("{}.{n}.json", audit.path);
        std::fs::write(&file, answer.to_string()).unwrap();
        let mut args = vec!["verify", &audit.path, "--ids-file", &file];
        args.extend(words(SETTINGS));
        let text = tokpick(&args).text();
        assert!(text.contains("800 of 800 steps match"), "{text}");
        assert!(text.contains("as a faithful server draws"), "{text}");
        std::fs::remove_file(file).unwrap();
    }
}

/// Seed, position and SGLang's path are found again, and it is said how many ids that takes.
#[test]
fn a_guess_finds_seed_and_position() {
    let audit = Audit::new("guess");
    let ids = audit.ids[..12].iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut args =
        vec!["verify", &audit.path, "--ids", &ids, "--guess", "--seeds", "0..100", "--positions", "0..50"];
    args.extend(words("--temperature 0.8 --top-p 0.95 --width 200"));
    let text = tokpick(&args).text();
    assert!(text.contains("vllm-v2-murmur3, with seed 42 at position 11"), "{text}");
    assert!(text.contains("beyond chance"), "{text}");
    let first = audit.ids[0].to_string();
    args[3] = &first;
    let text = String::from_utf8(tokpick(&args).out).unwrap();
    assert!(text.contains("chance may explain it"), "{text}");
}

#[test]
fn every_release_has_its_name() {
    let text = tokpick(&["engines", "--markdown"]).text();
    for line in [
        "| vLLM 0.24 - 0.30, Model Runner V2 | `vllm-v2` |",
        "| vLLM 0.31 - 0.33, Model Runner V2, with use_fp64_gumbel | `vllm-v2-murmur3-fp64` |",
        "| SGLang 0.5.18 - 0.5.23, --enable-deterministic-inference | `sglang` |",
    ] {
        assert!(text.lines().any(|l| l == line), "{text}");
    }
}
