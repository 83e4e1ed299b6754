//! The logits processors of transformers 5: every case of fixtures/processors.

use crate::support::common::{apply, close, fixture, id_list, ids, json, numbers, rows, sha256};
use serde_json::Value;
use tokpick::TokenId;
use tokpick::candidates::Candidates;
use tokpick::settings;

/// The chain of a case, with the path of its second row as seen from here.
fn chain_of(case: &Value) -> Value {
    let mut chain = case["chain"].clone();
    for form in chain.as_array_mut().unwrap().iter_mut().flat_map(|e| e.as_object_mut().unwrap().values_mut())
    {
        if let Some(path) = form.get_mut("uncond_input") {
            *path = fixture("processors").join(path.as_str().unwrap()).to_str().unwrap().into();
        }
    }
    chain
}

/// The forms of the kept set that count: without the accidents of unstable sorts, and where float32 and float64 disagree, either,
/// since then a threshold is met to within rounding.
fn forms(case: &Value) -> &'static [&'static str] {
    let has = |name: &str| case.get(name).is_some() || case.get(format!("{name}_count")).is_some();
    match (case["f64_agrees"].as_bool().unwrap(), case["tied_cut"].as_bool().unwrap()) {
        (false, _) => &["kept", "f64_kept"],
        (_, true) if has("kept_with_ties") => &["kept_with_ties"],
        _ => &["kept"],
    }
}

/// Whether exactly the ids of a form were kept.
fn is_kept(case: &Value, form: &str, got: &[TokenId]) -> bool {
    match case.get(form) {
        Some(want) => id_list(want) == got,
        None => case[format!("{form}_count")] == got.len() && case[format!("{form}_sha256")] == *sha256(got),
    }
}

/// Kept set and scores; probabilities and entropy where the kept set is the one that they were computed for.
fn check(case: &Value, c: &Candidates) -> Result<(), String> {
    let got = ids(c);
    let Some(form) = forms(case).iter().find(|form| is_kept(case, form, &got)) else {
        return Err(format!("{} kept, not {:?}", got.len(), forms(case)));
    };
    let scores = numbers(&case["scores"]);
    let steep = chain_of(case).as_array().unwrap().iter().any(|e| e.get("temperature").is_some())
        && scores.iter().any(|s| s.abs() > 100.0);
    let tolerance = if steep { 1e-4 } else { 2e-5 };
    if *form == "kept" {
        let z = c.normalizer().ln_sum_exp();
        for (id, p) in id_list(&case["top_ids"]).into_iter().zip(numbers(&case["probs"])) {
            let got = (c.score(id).unwrap() - z).exp();
            if !close(got, p, tolerance, 1e-37) {
                return Err(format!("p({id}) = {got:e} instead of {p:e}"));
            }
        }
        let (got, want) = (c.entropy(), case["entropy_nats"].as_f64().unwrap());
        if !close(got, want, tolerance, 1e-9) {
            return Err(format!("entropy {got} instead of {want}"));
        }
    }
    let named = case.get("named_scores").and_then(Value::as_array).into_iter().flatten();
    let named = named
        .map(|pair| (pair[0].as_u64().unwrap() as TokenId, pair[1].as_f64().unwrap_or(f64::NEG_INFINITY)));
    for (id, want) in id_list(&case["top_ids"]).into_iter().zip(scores).chain(named) {
        let got = c.score(id).unwrap();
        if !close(got, want, 2e-5, 2e-5) {
            return Err(format!("score({id}) = {got} instead of {want}"));
        }
    }
    Ok(())
}

#[test]
fn every_case_of_transformers() {
    let reference = json("processors/cases.json");
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 374);
    let files = ["logits.npy", "logits-50257.npy"].map(|name| (name, rows(&format!("processors/{name}"))));
    let mut failures = Vec::new();
    for case in cases {
        let chain = chain_of(case);
        let (_, rows) = files.iter().find(|(name, _)| case["input"] == **name).unwrap();
        let row = &rows[case["row"].as_u64().unwrap() as usize];
        let chain = settings::chain(&chain.to_string()).unwrap();
        let c = apply(&chain, row, &id_list(&case["context"]), case["prompt_len"].as_u64().unwrap() as usize);
        if let Err(what) = check(case, &c) {
            failures.push(format!("{}: {what}", case["name"]));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
