//! The reference draws: fixtures/draws/cases.json.

use std::collections::HashMap;

use serde_json::Value;
use tokpick::engine::Params;
use tokpick::source::{Layout, Open, Query};

const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

/// The rows of an NPY file of float32, `[R, V]` or `[R, B, V]`.
#[derive(Debug, Clone)]
pub struct Rows {
    values: std::rc::Rc<[f32]>,
    pub batch: usize,
    pub vocabulary: usize,
}

impl Rows {
    /// Row `b` of step `t`; the steps repeat.
    pub fn at(&self, t: usize, b: usize) -> &[f32] {
        let steps = self.values.len() / (self.batch * self.vocabulary);
        let start = (t % steps * self.batch + b) * self.vocabulary;
        &self.values[start..start + self.vocabulary]
    }
}

fn read_rows(path: &str) -> Rows {
    let mut source = Open { layout: None, ..Open::new(path) }.open().unwrap();
    // [R, B, V]: the file's first axis is the step
    let three = Open { layout: Some(Layout::Tbv), ..Open::new(path) }.open();
    if let Ok(steps_first) = three {
        source = steps_first;
    }
    let shape = source.shape();
    let mut values = Vec::new();
    let mut rows = Vec::new();
    for step in 0..shape.end_step.unwrap() {
        for sequence in shape.sequences.clone() {
            source.rows(&[Query { sequence, step, context: &[], prompt_len: 0 }], &mut rows).unwrap();
            values.extend_from_slice(&rows[0].logits);
        }
    }
    Rows { values: values.into(), batch: shape.sequences.len(), vocabulary: shape.vocab.unwrap() }
}

/// One reference case.
pub struct Case {
    pub name: String,
    pub engine: &'static str,
    pub rows: Rows,
    pub params: Params,
    pub seed: String,
    pub steps: usize,
    pub eos: Option<(u32, u32)>,
    pub ids: Vec<Vec<u32>>,
    pub orders: Option<Vec<Vec<u32>>>,
    /// Prompt ids, for penalties.
    pub prompt: Vec<u32>,
}

/// Those of engines on a CPU.
pub fn cases() -> Vec<Case> {
    read_cases("draws")
}

/// Those of vLLM's Model Runner V2 and of SGLang.
pub fn gpu_cases() -> Vec<Case> {
    read_cases("draws-gpu")
}

fn read_cases(folder: &str) -> Vec<Case> {
    let dir = format!("{DIR}/{folder}");
    let text = std::fs::read_to_string(format!("{dir}/cases.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut files = HashMap::new();
    let cases = all["cases"].as_array().unwrap().iter();
    cases
        .map(|case| {
            let input = case["input"].as_str().unwrap();
            let rows = files.entry(input).or_insert_with(|| read_rows(&format!("{dir}/{input}")));
            read(case, rows.clone())
        })
        .collect()
}

fn read(case: &Value, rows: Rows) -> Case {
    let p = &case["params"];
    let real = |name: &str| p[name].as_f64();
    let whole = |name: &str| p[name].as_i64();
    let engine = case["engine"].as_str().unwrap();
    let mut params = Params {
        temperature: real("temperature"),
        top_k: whole("top_k").or(whole("k")),
        top_p: real("top_p").or(real("p")),
        min_p: real("min_p"),
        typical_p: real("typical_p"),
        repetition_penalty: real("penalty_repeat").or(real("repetition_penalty")),
        frequency_penalty: real("penalty_freq").or(real("frequency_penalty")),
        presence_penalty: real("penalty_present").or(real("presence_penalty")),
        penalty_last_n: whole("penalty_last_n"),
        xtc_probability: real("xtc_probability"),
        xtc_threshold: real("xtc_threshold"),
        mirostat_tau: real("tau"),
        mirostat_eta: real("eta"),
        mirostat_m: whole("m"),
        adaptive_target: real("target"),
        adaptive_decay: real("decay"),
        num_samples: whole("num_samples"),
        replacement: p["replacement"].as_bool(),
        row_seeds: p["row_seeds"].as_array().map(|seeds| {
            let text = |s: &Value| s.as_str().map_or_else(|| s.to_string(), str::to_owned);
            let seeds = seeds.iter().map(|s| if s.is_null() { "none".to_owned() } else { text(s) });
            seeds.collect::<Vec<_>>().join(",")
        }),
        position: match &p["position"] {
            Value::Null => None,
            Value::Array(all) => Some(all.iter().map(Value::to_string).collect::<Vec<_>>().join(",")),
            one => Some(one.to_string()),
        },
        filtered_batch: p["filtered_batch"].as_bool(),
        ..Params::default()
    };
    let engine = match engine {
        "torch" | "torch-batch" => "torch",
        "transformers-generate" => "transformers",
        "vllm-native" => "vllm",
        "torch-multinomial-n" => "torch-multinomial",
        "numpy-generator" => "numpy",
        "numpy-randomstate" => "numpy-randomstate",
        "jax-split" => "jax-split",
        "jax-fold-in" => "jax-fold-in",
        "llama.cpp-dist" | "llama.cpp-chain" | "llama.cpp-adaptive-p" => "llama.cpp",
        "llama.cpp-mirostat" => {
            params.mirostat = Some(1);
            "llama.cpp"
        }
        "llama.cpp-mirostat-v2" => {
            params.mirostat = Some(2);
            "llama.cpp"
        }
        "candle" => {
            if p["kind"] == "argmax" {
                params.temperature = Some(0.0);
            }
            "candle"
        }
        "vllm-v2" => "vllm-v2",
        "vllm-v2-fp64" => "vllm-v2-fp64",
        "vllm-v2-murmur3" => "vllm-v2-murmur3",
        "vllm-v2-murmur3-fp64" => "vllm-v2-murmur3-fp64",
        "sglang" => "sglang",
        "mlx" => "mlx",
        "mlx-lm" => "mlx-lm",
        other => panic!("an engine without a replay: {other}"),
    };
    let list = |v: &Value| -> Vec<u32> {
        let numbers = v.as_array().unwrap().iter();
        numbers.map(|n| n.as_u64().unwrap() as u32).collect()
    };
    let ids = case["ids"].as_array().unwrap().iter();
    Case {
        name: case["name"].as_str().unwrap().to_owned(),
        engine,
        rows,
        params,
        seed: match &case["seed"] {
            Value::String(s) => s.clone(),
            other => other.to_string(),
        },
        steps: whole("steps").unwrap() as usize,
        eos: whole("eos_token_id").map(|e| (e as u32, whole("pad_token_id").unwrap() as u32)),
        ids: ids
            .map(|step| match step.as_u64() {
                Some(id) => vec![id as u32],
                None => list(step),
            })
            .collect(),
        prompt: p["prompt"].as_array().map_or_else(Vec::new, |_| list(&p["prompt"])),
        orders: case["orders"].as_array().map(|o| o.iter().map(list).collect()),
    }
}
