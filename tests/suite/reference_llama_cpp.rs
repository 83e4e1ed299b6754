//! The samplers of llama.cpp: the single-row cases of fixtures/llama-cpp, and the table and queues of its own tests.
//!
//! Left out are the cases that cut through a tie, where which token stays follows no rule. What stays masked in llama.cpp's list
//! counts as removed here.

use crate::support::common::{apply, close, id_list, ids, json, numbers, rows, sha256};
use serde_json::{Value, json};
use tokpick::TokenId;
use tokpick::candidates::Candidates;
use tokpick::draw::{AdaptiveP, Draw, Mirostat, Seat, Turn};
use tokpick::processor::Chain;
use tokpick::settings;

/// What the mapping of a sampler to a chain must know besides its parameters.
struct Setting<'a> {
    row: &'a [f32],
    /// Candidates in llama.cpp's list at the end, and those of them that are not masked.
    listed: usize,
    possible: usize,
}

/// A sampler of llama.cpp as entries of a chain.
fn entries(name: &str, p: &Value, before: &[Value], at: &Setting) -> Vec<Value> {
    let value = |key: &str| p[key].as_f64().unwrap();
    let keep = p.get("min_keep").and_then(Value::as_u64).unwrap_or(0).max(1);
    let truncation =
        |name: &str, value: f64| vec![json!({name: {"value": value, "min_tokens_to_keep": keep}})];
    // a window of 0 or less turns penalties off
    let last_n = || p["last_n"].as_i64().unwrap().max(0);
    match name {
        "greedy" => vec![],
        "temp" => vec![json!({"temperature": value("temp").max(0.0)})],
        "temp_ext" if value("delta") <= 0.0 => vec![json!({"temperature": value("temp").max(0.0)})],
        "temp_ext" => vec![json!({"dynamic_temperature": dynamic(p, at)})],
        "top_k" => vec![json!({"top_k": p["k"].as_i64().unwrap().max(0)})],
        "top_p" => truncation("top_p", value("p").min(1.0)),
        "min_p" => truncation("min_p", value("p").min(1.0)),
        "typical" => truncation("typical_p", value("p").min(1.0)),
        "top_n_sigma" => vec![json!({"top_n_sigma": value("n")})],
        "xtc" => vec![json!({"xtc": {
            "probability": p["probability"], "threshold": p["threshold"], "min_tokens_to_keep": keep}})],
        "penalties" => {
            [("repetition_penalty", "repeat"), ("frequency_penalty", "freq"), ("presence_penalty", "present")]
                .map(|(name, key)| json!({name: {"value": p[key], "last_n": last_n(), "scope": "all"}}))
                .to_vec()
        }
        // a base below 1 turns it off
        "dry" if value("base") < 1.0 => vec![],
        "dry" => vec![json!({"dry": {
            "multiplier": p["multiplier"], "base": p["base"], "allowed_length": p["allowed_length"],
            "last_n": last_n(), "breakers": p["breakers"]}})],
        "logit_bias" => vec![json!({"logit_bias": biases(p["bias"].as_array().unwrap(), before, at.row)})],
        other => panic!("no sampler {other}"),
    }
}

/// llama.cpp relates the entropy to ln n of its list, masked tokens included: the same temperature with the possible ones.
fn dynamic(p: &Value, at: &Setting) -> Value {
    let [temp, delta, exponent] = ["temp", "delta", "exponent"].map(|key| p[key].as_f64().unwrap());
    let ratio = if at.possible > 1 { (at.possible as f64).ln() / (at.listed as f64).ln() } else { 1.0 };
    let low = (temp - delta).max(0.0);
    let high = low + (temp + delta - low) * ratio.powf(exponent);
    json!({"temperature": (low + high) / 2.0, "range": (high - low) / 2.0, "exponent": exponent})
}

/// Where ids and positions differ, only the first of several biases for an id counts in llama.cpp.
fn biases(all: &[Value], before: &[Value], row: &[f32]) -> Vec<Value> {
    let order = run(before, row, &[]).ranked(row.len());
    let in_place =
        |id: usize| before.is_empty() || order.get(id).is_some_and(|&(other, _)| other as usize == id);
    let first = |at: usize| all.iter().position(|pair| pair[0] == all[at][0]) == Some(at);
    let counts = |at: usize| in_place(all[at][0].as_u64().unwrap() as usize) || first(at);
    (0..all.len()).filter(|&at| counts(at)).map(|at| all[at].clone()).collect()
}

fn run(chain: &[Value], row: &[f32], context: &[TokenId]) -> Candidates {
    apply(&chain_of(chain), row, context, 0)
}

fn chain_of(entries: &[Value]) -> Chain {
    settings::chain(&Value::from(entries).to_string()).unwrap()
}

fn check(case: &Value, c: &mut Candidates, possible: &[(TokenId, f64, f64)]) -> Result<(), String> {
    let result = &case["result"];
    if let Some(id) = result.get("selected") {
        return match c.argmax().map(Value::from) {
            Some(got) if got == *id => Ok(()),
            got => Err(format!("{got:?} instead of {id}")),
        };
    }
    let got = ids(c);
    let mut want: Vec<TokenId> = possible.iter().map(|t| t.0).collect();
    want.sort_unstable();
    match result.get("sorted_ids_sha256") {
        Some(sum) if *sum != *sha256(&got) => return Err(format!("{} kept, or others", got.len())),
        None if got != want => return Err(format!("kept {got:?} instead of {want:?}")),
        _ => {}
    }
    let z = c.normalizer().ln_sum_exp();
    for &(id, logit, p) in possible {
        let score = c.score(id).unwrap();
        // llama.cpp rounds logits to f32: an ulp of the largest is what two of them may be off
        let rounding = c.max_score().abs().max(logit.abs()) * f64::from(f32::EPSILON);
        if !close(score, logit, 1e-5, 1e-5) || !close((score - z).exp(), p, 1e-5 + 2.0 * rounding, 1e-37) {
            return Err(format!("{id}: score {score}, p {:e} instead of {logit}, {p:e}", (score - z).exp()));
        }
    }
    Ok(())
}

/// Cases whose cut runs between equal logits too, but which aren't marked as such: top-k over the row `exact_ties`.
const UNMARKED: [&str; 2] = ["-693", "-762"];

#[test]
fn every_single_row_case() {
    let reference = json("llama-cpp/cases.json");
    let files = [8, 256, 4096].map(|v| (format!("rows-{v}.npy"), rows(&format!("llama-cpp/rows-{v}.npy"))));
    let cases = reference["cases"].as_array().unwrap().iter();
    let tied = |c: &Value| {
        c["tied_cut"] == true || UNMARKED.iter().any(|end| c["name"].as_str().unwrap().ends_with(end))
    };
    let single: Vec<&Value> = cases.filter(|c| c.get("steps").is_none() && !tied(c)).collect();
    assert_eq!(single.len(), 746 - UNMARKED.len());
    let mut failures = Vec::new();
    for case in single {
        let (_, rows) = files.iter().find(|(name, _)| case["input"] == **name).unwrap();
        let row = &rows[case["row"].as_u64().unwrap() as usize];
        let part =
            |name: &str| case["result"].get(name).or(case["result"].get(format!("top_{name}"))).unwrap();
        let listed =
            id_list(part("ids")).into_iter().zip(numbers(part("logits"))).zip(numbers(part("probs")));
        let possible: Vec<_> =
            listed.map(|((id, l), p)| (id, l, p)).filter(|t| t.1 > f64::NEG_INFINITY).collect();
        let at =
            Setting { row, listed: case["result"]["n"].as_u64().unwrap() as usize, possible: possible.len() };
        let mut chain = Vec::new();
        for (name, p) in case["samplers"].as_array().unwrap().iter().flat_map(|s| s.as_object().unwrap()) {
            chain.extend(entries(name, p, &chain, &at));
        }
        let mut c = run(&chain, row, &id_list(&case["context"]));
        if let Err(what) = check(case, &mut c, &possible) {
            failures.push(format!("{}: {what}", case["name"]));
        }
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_table_of_its_own_tests() {
    let table = json("llama-cpp/upstream-table.json");
    let cases = table["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 41);
    for case in cases {
        let row: Vec<f32> = numbers(&case["probs"]).iter().map(|&p| (p as f32).ln()).collect();
        let n = row.len();
        let at = Setting { row: &row, listed: n, possible: n };
        let chain = entries(case["sampler"].as_str().unwrap(), &case["params"], &[], &at);
        let c = run(&chain, &row, &id_list(&case["context"]));
        let want = numbers(&case["expected_probs"]);
        let whole: f64 = want.iter().sum(); // some samplers leave the probabilities unnormalised
        let listed = id_list(&case["observed_ids"]);
        assert!(ids(&c).iter().all(|id| listed.contains(id)), "{case}");
        for (id, p) in listed.into_iter().zip(want) {
            let got = (c.score(id).unwrap() - c.normalizer().ln_sum_exp()).exp();
            assert!(close(got, p / whole, 0.0, 1e-5), "{id}: {got} in {case}");
        }
    }
}

#[test]
fn the_queues_of_its_own_tests() {
    let table = json("llama-cpp/upstream-table.json");
    let queues = table["queues"].as_array().unwrap();
    assert_eq!(queues.len(), 24);
    for queue in queues {
        let row: Vec<f32> = (0..queue["n_vocab"].as_u64().unwrap()).map(|id| (id as f32).ln()).collect();
        let mut chain = Vec::new();
        for (step, seen) in
            queue["sequence"].as_str().unwrap().chars().zip(queue["observed"].as_array().unwrap())
        {
            chain.push(match step {
                'k' => json!({"top_k": queue["top_k"]}),
                'p' => json!({"top_p": queue["top_p"]}),
                _ => json!({"min_p": queue["min_p"]}),
            });
            let got = ids(&run(&chain, &row, &[]));
            // token 0 has the logit −inf: a candidate there, masked here
            let masked = usize::from(seen["min_id"] == 0);
            assert_eq!(Value::from(got.len() + masked), seen["n"], "{queue}");
            assert_eq!(Value::from(got[0] as usize - masked), seen["min_id"], "{queue}");
            assert_eq!(Value::from(*got.last().unwrap()), seen["max_id"], "{queue}");
        }
    }
}

/// A terminal with state, if its parameters are in the range of this crate's.
fn terminal(samplers: &Value) -> Option<Box<dyn Draw>> {
    let (name, p) = samplers.as_array().unwrap().last().unwrap().as_object().unwrap().iter().next().unwrap();
    let value = |key: &str| p[key].as_f64().unwrap();
    let m = p.get("m").and_then(Value::as_u64).unwrap_or(100) as usize;
    match name.as_str() {
        "mirostat" => Some(Box::new(Mirostat::new(1, value("tau"), value("eta"), m, 0).unwrap())),
        "mirostat_v2" => Some(Box::new(Mirostat::new(2, value("tau"), value("eta"), m, 0).unwrap())),
        "adaptive_p" => AdaptiveP::new(value("target"), value("decay"), 0).ok().map(|d| Box::new(d) as _),
        _ => None,
    }
}

/// Its generators are replayed elsewhere; here the tokens that llama.cpp drew are given, and the distribution at each step must be
/// its own. Where it cuts through a tie, or its k overflows, the states part, and a case ends.
#[test]
fn terminals_with_state_given_the_drawn_tokens() {
    let reference = json("llama-cpp/cases.json");
    let files = [8, 256].map(|v| (format!("rows-{v}.npy"), rows(&format!("llama-cpp/rows-{v}.npy"))));
    let mut compared = 0;
    for case in reference["cases"].as_array().unwrap().iter().filter(|c| c["accept"] == "selected") {
        let Some(mut draw) = terminal(&case["samplers"]) else { continue };
        let (_, rows) = files.iter().find(|(name, _)| case["input"] == **name).unwrap();
        let chain = match case["samplers"][0].get("min_p") {
            Some(p) => vec![json!({"min_p": p["p"]})],
            None => vec![],
        };
        for (at, (row, step)) in
            case["rows"].as_array().unwrap().iter().zip(case["steps"].as_array().unwrap()).enumerate()
        {
            let row = &rows[row.as_u64().unwrap() as usize];
            let mut c = run(&chain, row, &[]);
            let mut seats = [Seat { line: 0, sample: 0, lane: 0, finished: false, pick: None }];
            let mut turn = [Turn {
                sequence: 0,
                step: at,
                context: &[],
                prompt_len: 0,
                candidates: &mut c,
                seats: &mut seats,
            }];
            draw.step(&mut turn).unwrap();
            let selected = step["selected"].as_u64().unwrap() as TokenId;
            draw.accept(&mut turn[0], 0, selected);
            let listed = step["n"].as_u64().unwrap() as usize;
            let masked = row.iter().filter(|x| **x == f32::NEG_INFINITY).count();
            let scores: Vec<f64> = c.ranked(c.count()).into_iter().map(|(_, s)| s).collect();
            let tied = scores.len() > listed && scores[listed - 1] == scores[listed];
            // k beyond 2^31 becomes 1 in llama.cpp (an overflow), where it means that all tokens stay
            let overflown = scores.len() == row.len() && listed == 1;
            if tied || overflown {
                break;
            }
            let all_listed = listed == row.len();
            assert_eq!(c.count() + if all_listed { masked } else { 0 }, listed, "{} step {at}", case["name"]);
            let z = c.normalizer().ln_sum_exp();
            let p = |id: TokenId| (c.score(id).unwrap() - z).exp();
            if let Some(want) = step["selected_p"].as_f64() {
                assert!(
                    close(p(selected), want, 1e-4, 0.0),
                    "{} step {at}: {} {want}",
                    case["name"],
                    p(selected)
                );
            }
            if let Some(probs) = step.get("probs") {
                for (id, want) in id_list(&step["ids"]).into_iter().zip(numbers(probs)) {
                    assert!(close(p(id), want, 1e-4, 1e-9), "{} step {at}: {} {want}", case["name"], p(id));
                }
            }
            compared += 1;
        }
    }
    assert!(compared >= 400, "{compared} steps were compared");
}
