//! tokpick against plain f64: kept sets, but within a hair of a cut, and probabilities.

use serde_json::json;

use super::bytes::Bytes;
use super::plain::{CHANGES, TRUNCATIONS, With, change, truncation};
use tokpick::processor::Context;
use tokpick::settings;

/// Compares one change of scores and one truncation with their formulas.
pub fn differential(data: &[u8]) {
    let b = &mut Bytes(data);
    let v = 1 + b.below(60);
    // logits of every day: what is extreme has laws of its own
    let tame = |b: &mut Bytes| match b.byte() {
        0..=19 => f32::NEG_INFINITY,
        20..=129 => f32::from(b.byte()) / 16.0 - 8.0,
        _ => b.word() as f32 / u32::MAX as f32 * 24.0 - 12.0,
    };
    let mut row: Vec<f32> = (0..v).map(|_| tame(b)).collect();
    if row.iter().all(|x| *x == f32::NEG_INFINITY) {
        row[b.below(v)] = 1.0;
    }
    // few ids, which repeat each other
    let ids = v.min(1 + b.below(8));
    let history: Vec<u32> = (0..b.below(12)).map(|_| b.below(ids) as u32).collect();
    let (changed, cut) = (b.of(&CHANGES), b.of(&TRUNCATIONS));
    let share = |b: &mut Bytes| f64::from(b.byte()) / 256.0 + f64::from(b.byte()) / 65536.0 + 1e-4;
    let x = match changed {
        "temperature" | "repetition_penalty" | "dynamic_temperature" => 0.3 + 2.0 * share(b),
        "softcap" => 1.0 + 50.0 * share(b),
        _ => 2.0 * share(b),
    };
    let y = match cut {
        "top_k" => b.below(v + 2) as f64,
        "xtc" => 0.5 * share(b),
        "top_n_sigma" => 3.0 * share(b),
        _ => share(b).min(0.999),
    };
    let with = match changed {
        "dynamic_temperature" => {
            With { x, y: (x - 0.1) * share(b).min(1.0), z: 0.3 + 2.0 * share(b), breaker: None }
        }
        "dry" => {
            let breaker = b.yes().then(|| b.below(ids) as u32);
            With { x, y: 1.0 + share(b), z: 1.0 + b.below(3) as f64, breaker }
        }
        _ => With { x, y: 0.0, z: 0.0, breaker: None },
    };
    let With { y: second, z: third, breaker, .. } = with;
    let first = match changed {
        "dynamic_temperature" => json!({changed: {"temperature": x, "range": second, "exponent": third}}),
        "dry" => {
            let breakers: Vec<[u32; 1]> = breaker.map(|id| [id]).into_iter().collect();
            json!({changed: {"multiplier": x, "base": second, "allowed_length": third as u64, "breakers": breakers}})
        }
        "presence_penalty" | "frequency_penalty" => json!({changed: {"value": x, "scope": "all"}}),
        _ => json!({changed: x}),
    };
    let second = match cut {
        "top_k" => json!({cut: y as u64}),
        "p_less" | "p_less_norm" => json!({cut: true}),
        // every coin is 0
        "xtc" => json!({cut: {"probability": 1.0, "threshold": y}}),
        _ => json!({cut: y}),
    };
    let scores = change(changed, &with, &row, &history);
    let cx = Context { context: &history, prompt_len: history.len(), sequence: 0, step: 0, coins: &0.0 };
    let context = || format!("{first} {second} on {row:?} after {history:?}");
    let apply = |text: String| settings::chain(&text).and_then(|chain| chain.after(&cx, &row));
    let c = apply(json!([first]).to_string()).unwrap_or_else(|e| panic!("{}: {e}", context()));
    let p = scores.probabilities();
    // reports are evaluated in f64, but for a temperature that the arithmetic of decisions has found
    let slack = if changed == "dynamic_temperature" { 1e-5 } else { 1e-6 };
    for (id, found) in c.probabilities() {
        let expected = p[id as usize];
        let near = (found - expected).abs() <= slack * expected + 1e-300;
        assert!(near, "token {id} has {found}, by the formula {expected}: {}", context());
    }
    let c = apply(json!([first, second]).to_string()).unwrap_or_else(|e| panic!("{}: {e}", context()));
    for (id, kept) in truncation(cut, y, &scores).into_iter().enumerate() {
        assert!(
            kept.is_none_or(|kept| c.contains(id as u32) == kept),
            "token {id} of {:?}: {}",
            scores.exact,
            context()
        );
        // equal scores, one fate
        let twin = (0..id).find(|&other| scores.exact[other] == scores.exact[id] && row[other] == row[id]);
        let alike = twin.is_none_or(|other| c.contains(other as u32) == c.contains(id as u32));
        assert!(alike, "tokens {twin:?} and {id} are equal: {}", context());
    }
}
