//! The samplers against the engine's own: fixtures/llama-cpp.

use super::{
    adaptive::Adaptive,
    apply,
    candidates::Candidates,
    dry::Dry,
    filters::Cut,
    mirostat::{Mirostat, Version},
    penalties::Penalties,
    settings::Stage,
};
use crate::engine::{
    Watch,
    shared::{float, row},
};
use crate::kernel::Mt;
use crate::source::{Open, Query};
use serde_json::Value;
use std::collections::HashMap;

const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/llama-cpp");

fn load(file: &str) -> Value {
    let text = std::fs::read_to_string(format!("{DIR}/{file}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The rows of the three inputs.
fn inputs() -> HashMap<String, Vec<Vec<f32>>> {
    let names = ["rows-8.npy", "rows-256.npy", "rows-4096.npy"];
    let read = |name: &str| {
        let mut source = Open::new(format!("{DIR}/{name}")).open().unwrap();
        let steps = source.shape().end_step.unwrap();
        let at = |step| Query { sequence: 0, step, context: &[], prompt_len: 0 };
        let mut rows = Vec::new();
        source.rows(&(0..steps).map(at).collect::<Vec<_>>(), &mut rows).unwrap();
        rows.into_iter().map(|row| row.logits).collect()
    };
    names.map(|n| (n.to_owned(), read(n))).into()
}

/// What a sampler of a case is here.
enum Sampler {
    Stage(Stage, Mt),
    Greedy,
    Mirostat(Mirostat),
    Adaptive(Adaptive),
}

fn sampler(name: &str, p: &Value) -> Sampler {
    let f = |key: &str| p[key].as_f64().unwrap_or(0.0) as f32;
    let n = |key: &str| p[key].as_i64().unwrap_or(0);
    let count = |key: &str| usize::try_from(n(key)).unwrap_or(0);
    let cut = |key: &str| Cut { p: f(key), min_keep: count("min_keep") };
    let mt = Mt::new(n("seed") as u32);
    let ids = |v: &Value| -> Vec<u32> {
        let ids = v.as_array().unwrap().iter();
        ids.map(|id| id.as_u64().unwrap() as u32).collect()
    };
    let stage = match name {
        "greedy" => return Sampler::Greedy,
        "mirostat" => {
            let version = Version::One { m: count("m") };
            return Sampler::Mirostat(Mirostat::new(version, f("tau"), f("eta"), mt));
        }
        "mirostat_v2" => {
            let sampler = Mirostat::new(Version::Two, f("tau"), f("eta"), mt);
            return Sampler::Mirostat(sampler);
        }
        "adaptive_p" => {
            return Sampler::Adaptive(Adaptive::new(f("target"), f("decay"), mt));
        }
        "temp" => Stage::Temperature { value: f("temp"), range: 0.0, exponent: 1.0 },
        "temp_ext" => Stage::Temperature { value: f("temp"), range: f("delta"), exponent: f("exponent") },
        "top_k" => Stage::TopK(count("k")),
        "top_p" => Stage::TopP(cut("p")),
        "min_p" => Stage::MinP(cut("p")),
        "typical" => Stage::Typical(cut("p")),
        "top_n_sigma" => Stage::TopNSigma(f("n")),
        "xtc" => Stage::Xtc { probability: f("probability"), threshold: cut("threshold") },
        "penalties" => Stage::Penalties(Penalties {
            last_n: count("last_n"),
            repeat: f("repeat"),
            frequency: f("freq"),
            presence: f("present"),
        }),
        "dry" => Stage::Dry(Dry {
            multiplier: f("multiplier"),
            base: f("base"),
            allowed_length: count("allowed_length"),
            last_n: count("last_n"),
            breakers: p["breakers"].as_array().unwrap().iter().map(ids).collect(),
        }),
        "logit_bias" => {
            let entry = |e: &Value| {
                let bias = e[1].as_f64().unwrap_or(f64::NEG_INFINITY);
                (e[0].as_u64().unwrap() as u32, bias as f32)
            };
            Stage::LogitBias(p["bias"].as_array().unwrap().iter().map(entry).collect())
        }
        other => panic!("an unknown sampler: {other}"),
    };
    Sampler::Stage(stage, mt)
}

fn samplers(case: &Value) -> Vec<Sampler> {
    let all = case["samplers"].as_array().unwrap().iter();
    all.map(|s| {
        let (name, p) = s.as_object().unwrap().iter().next().unwrap();
        sampler(name, p)
    })
    .collect()
}

/// Runs the samplers once; the id that was chosen, if one chooses.
fn run(samplers: &mut [Sampler], c: &mut Candidates, row: &[f32], context: &[u32]) -> Option<u32> {
    c.reset(row);
    let mut chosen = None;
    for s in samplers {
        let at = match s {
            Sampler::Stage(stage, mt) => {
                apply(stage, c, context, mt, 0).unwrap();
                continue;
            }
            Sampler::Greedy => {
                let logits: Vec<f32> = c.data.iter().map(|x| x.logit).collect();
                row::greedy(&logits, Watch::Ids).0 as usize
            }
            Sampler::Mirostat(m) => m.select(c, row.len(), Watch::Ids).0,
            Sampler::Adaptive(a) => a.select(c, Watch::Ids).0,
        };
        chosen = Some(c.data[at].id);
    }
    chosen
}

fn numbers(v: &Value) -> Vec<f64> {
    let all = v.as_array().unwrap().iter();
    all.map(|x| x.as_f64().unwrap_or(f64::NEG_INFINITY)).collect()
}

fn ids(v: &Value) -> Vec<u32> {
    numbers(v).iter().map(|&x| x as u32).collect()
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-5 * b.abs().max(1e-3)
}

/// Compares with a result; without the order where logits are tied.
fn compare(c: &Candidates, result: &Value, tied: bool, tied_cut: bool, at: &str) {
    assert_eq!(c.data.len() as u64, result["n"].as_u64().unwrap(), "{at}: n");
    assert_eq!(c.sorted, result["sorted"].as_bool().unwrap_or(c.sorted), "{at}: sorted");
    let mut mine: Vec<(u32, f64)> = c.data.iter().map(|x| (x.id, f64::from(x.logit))).collect();
    let whole = result.get("ids").is_some();
    if !whole && !tied {
        let first = ids(&result["first_ids"]);
        let these: Vec<u32> = mine.iter().take(first.len()).map(|x| x.0).collect();
        assert_eq!(these, first, "{at}: first_ids");
        mine.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap());
    }
    if result.get("top_ids").is_none() && !whole {
        return;
    }
    let (id_key, logit_key) = if whole { ("ids", "logits") } else { ("top_ids", "top_logits") };
    let mut theirs: Vec<(u32, f64)> =
        std::iter::zip(ids(&result[id_key]), numbers(&result[logit_key])).collect();
    if tied {
        let by_logit = |a: &(u32, f64), b: &(u32, f64)| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0));
        mine.sort_by(by_logit);
        theirs.sort_by(by_logit);
    }
    for (m, t) in mine.iter().zip(&theirs) {
        assert!(near(m.1, t.1), "{at}: logit of {}: {} and {}", t.0, m.1, t.1);
        // Masked tokens are tied, too.
        let free = tied_cut || t.1 == f64::NEG_INFINITY;
        assert!(m.0 == t.0 || free, "{at}: {} is {}", t.0, m.0);
    }
}

/// Every single sampler and queue, on every row.
#[test]
fn every_reference_sampler() {
    let inputs = inputs();
    let cases = load("cases.json");
    let mut compared = 0;
    for case in cases["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let mut samplers = samplers(case);
        let rows = &inputs[case["input"].as_str().unwrap()];
        let context = ids(&case["context"]);
        let mut c = Candidates::default();
        if let Some(row) = case["row"].as_u64() {
            let tied = case["tied_input"].as_bool().unwrap();
            let tied_cut = case["tied_cut"].as_bool().unwrap_or(tied);
            let chosen = run(&mut samplers, &mut c, &rows[row as usize], &context);
            compare(&c, &case["result"], tied, tied_cut, name);
            if let Some(selected) = case["result"]["selected"].as_u64() {
                assert_eq!(chosen, Some(selected as u32), "{name}");
            }
        } else {
            steps(case, &mut samplers, &mut c, rows);
        }
        compared += 1;
    }
    assert_eq!(compared, 804);
}

/// A case whose samplers keep their state.
fn steps(case: &Value, samplers: &mut [Sampler], c: &mut Candidates, rows: &[Vec<f32>]) {
    let name = case["name"].as_str().unwrap();
    for (t, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let row = case["rows"][t].as_u64().unwrap() as usize;
        let at = format!("{name} step {t} row {row}");
        let chosen = run(samplers, c, &rows[row], &[]);
        // Row 5 has exact ties, which the engine may order otherwise.
        compare(c, step, row == 5, row == 5, &at);
        let Some(selected) = step["selected"].as_u64() else {
            continue;
        };
        let chosen = chosen.unwrap();
        assert_eq!(chosen, selected as u32, "{at}");
        let p = c.data.iter().find(|x| x.id == chosen).unwrap().p;
        if let Some(expected) = step["selected_p"].as_f64() {
            assert!(near(f64::from(p), expected), "{at}: {p} and {expected}");
        }
        // mirostat follows its own draw whatever is accepted; adaptive-p learns only the token that it drew.
        if case["accept"] == "selected" {
            for s in samplers.iter_mut() {
                match s {
                    Sampler::Adaptive(a) => a.accept(chosen),
                    Sampler::Mirostat(m) => m.accept(chosen),
                    Sampler::Stage(..) | Sampler::Greedy => {}
                }
            }
        }
    }
}

/// llama.cpp's own tests/test-sampling.cpp. Its typical and xtc leave the probabilities of their own softmax, or, where
/// nothing is removed, the input's.
#[test]
fn upstream_table() {
    let table = load("upstream-table.json");
    let cases = table["cases"].as_array().unwrap();
    for (i, case) in cases.iter().enumerate() {
        let name = case["sampler"].as_str().unwrap();
        let probs = numbers(&case["probs"]);
        let logits: Vec<f32> = probs.iter().map(|&p| float::ln32(p as f32)).collect();
        let mut c = Candidates::default();
        let samplers = &mut [sampler(name, &case["params"])];
        run(samplers, &mut c, &logits, &ids(&case["context"]));
        match name {
            "typical" | "xtc" if c.data.len() < logits.len() => {}
            _ => c.softmax(),
        }
        let mut mine: Vec<f64> = c.data.iter().map(|x| f64::from(x.p)).collect();
        let mut theirs = numbers(&case["observed_probs"]);
        mine.sort_by(f64::total_cmp);
        theirs.sort_by(f64::total_cmp);
        assert_eq!(mine.len(), theirs.len(), "{name} {i}");
        for (m, t) in mine.iter().zip(&theirs) {
            assert!((m - t).abs() < 1e-6, "{name} {i}: {mine:?} and {theirs:?}");
        }
    }
    assert_eq!(cases.len(), 41);
}
