//! tokpick against plain f64: kept sets, but within a hair of a cut, and probabilities.

use serde_json::json;

use super::bytes::Bytes;
use super::plain::{CHANGES, TRUNCATIONS, change, softmax, truncation};
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
    let history: Vec<u32> = (0..b.below(9)).map(|_| b.below(v) as u32).collect();
    let (changed, cut) = (b.of(&CHANGES), b.of(&TRUNCATIONS));
    let share = |b: &mut Bytes| f64::from(b.byte()) / 256.0 + f64::from(b.byte()) / 65536.0 + 1e-4;
    let x = match changed {
        "temperature" | "repetition_penalty" => 0.3 + 2.0 * share(b),
        "softcap" => 1.0 + 50.0 * share(b),
        _ => 2.0 * share(b),
    };
    let y = match cut {
        "top_k" => b.below(v + 2) as f64,
        "top_n_sigma" => 3.0 * share(b),
        _ => share(b).min(0.999),
    };
    let first = match changed {
        "presence_penalty" | "frequency_penalty" => json!({changed: {"value": x, "scope": "all"}}),
        _ => json!({changed: x}),
    };
    let second = match cut {
        "top_k" => json!({cut: y as u64}),
        "p_less" => json!({cut: true}),
        _ => json!({cut: y}),
    };
    let scores: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
    let scores = change(changed, x, &scores, &history);
    let cx = Context { context: &history, prompt_len: history.len(), sequence: 0, step: 0, coins: &0.0 };
    let context = || format!("{first} {second} on {row:?} after {history:?}");
    let apply = |text: String| settings::chain(&text).and_then(|chain| chain.after(&cx, &row));
    let c = apply(json!([first]).to_string()).unwrap_or_else(|e| panic!("{}: {e}", context()));
    let p = softmax(&scores);
    for (id, found) in c.probabilities() {
        let expected = p[id as usize];
        let near = (found - expected).abs() <= 1e-5 * expected + 1e-12;
        assert!(near, "token {id} has {found}, by the formula {expected}: {}", context());
    }
    let c = apply(json!([first, second]).to_string()).unwrap_or_else(|e| panic!("{}: {e}", context()));
    // scores that are equal to the last digit may not be so in f32, and logits that differ may be equal in f64 once they are bent
    let near = |i: usize, j: usize| j != i && (scores[i] - scores[j]).abs() < 1e-5;
    let tied = |i: usize| (0..v).any(|j| near(i, j) && (cut == "top_k" || row[i] != row[j]));
    for (id, kept) in truncation(cut, y, &scores).into_iter().enumerate() {
        let Some(kept) = kept.filter(|_| !tied(id)) else { continue };
        assert_eq!(c.contains(id as u32), kept, "token {id} of {:?}: {}", p, context());
    }
}
