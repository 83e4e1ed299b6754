//! `sample --histogram`: what came is counted, beside what was to be expected.

use std::collections::BTreeMap;

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::parse::{html, svg};
use super::{at_every_width, columns::hostile, snapshot};
use crate::support::run::{tokpick, with_input, words};

fn outcomes(args: &str) -> Vec<Value> {
    let document = tokpick(&words(&format!("sample steps.npy --histogram -f json {args}"))).json();
    document["histogram"][0]["outcomes"].as_array().unwrap().clone()
}

#[test]
fn counts_stand_beside_what_was_expected() {
    let row = "sample steps.npy --rows 0..1 -n 300 --seed 7 --histogram --vocab vocab.json";
    at_every_width("histogram", &format!("{row} -k 8"));
    snapshot("histogram.svg", &tokpick(&words(&format!("{row} -k 8 -f svg"))).text());
    at_every_width(
        "histogram-many",
        "sample steps.npy --rows 0..3 -n 300 --seed 7 --histogram --vocab vocab.json -k 3 --top 8",
    );
}

/// The counts are those of the ids that `sample` writes, and the probabilities those of `probs`.
#[test]
fn each_number_is_that_of_the_other_commands() {
    for flags in ["", "--draw gumbel", "--top-p 0.7", "--temperature 2 --min-p 0.05", "--mirostat 2"] {
        let args = format!("steps.npy --rows 1..2 -n 200 --seed 3 {flags}");
        let ids = tokpick(&words(&format!("sample {args}"))).text();
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        ids.lines().for_each(|id| *counts.entry(id.parse().unwrap()).or_default() += 1);
        let outcomes = outcomes(args.strip_prefix("steps.npy ").unwrap());
        assert_eq!(outcomes.len(), counts.len(), "{flags}");
        for outcome in &outcomes {
            assert_eq!(outcome["count"], counts[&outcome["ids"][0].as_u64().unwrap()], "{flags}");
        }
        if flags.contains("mirostat") || flags.contains("gumbel") {
            continue;
        }
        let probs = tokpick(&words(&format!("probs steps.npy --rows 1..2 {flags} -f json"))).json();
        let row = &probs["rows"][0];
        for outcome in &outcomes {
            let at = row["ids"].as_array().unwrap().iter().position(|id| *id == outcome["ids"][0]).unwrap();
            let (ours, theirs) = (outcome["prob"].as_f64().unwrap(), row["probs"][at].as_f64().unwrap());
            assert!((ours - theirs).abs() <= 1e-9 * theirs, "{flags}: {ours} {theirs}");
        }
    }
}

/// All that came and all that did not have probability 1 together, for sequences too.
#[test]
fn nothing_is_left_out() {
    for flags in
        ["--rows 0..1", "--rows 0..3 -k 2", "--rows 0..2 -k 2 --eos-token-id 307", "--top 2 --rows 0..2"]
    {
        let document =
            tokpick(&words(&format!("sample steps.npy -n 400 --seed 1 --histogram -f json {flags}"))).json();
        let counted = &document["histogram"][0];
        let shown = counted["outcomes"].as_array().unwrap();
        let mass: f64 = shown.iter().map(|o| o["prob"].as_f64().unwrap()).sum();
        let mass = mass + counted["rest"]["prob"].as_f64().unwrap() + counted["unseen"].as_f64().unwrap();
        assert!((mass - 1.0).abs() < 1e-8, "{flags}: {mass}");
        let count: u64 = shown.iter().map(|o| o["count"].as_u64().unwrap()).sum();
        assert_eq!(count + counted["rest"]["count"].as_u64().unwrap(), 400, "{flags}");
        if flags.contains("-k 2") {
            assert_eq!(counted["unseen"], 0.0, "{flags}");
        }
    }
}

/// An engine that gives one id for a row is counted over seeds; races and intervals both tell a probability.
#[test]
fn engines_are_counted_over_seeds() {
    for engine in ["torch", "transformers", "llama.cpp", "mlx-lm", "vllm", "candle"] {
        let args = format!("--rows 0..1 -k 3 --seed 5 --engine {engine}");
        let outcomes = outcomes(&format!("{args} -n 60"));
        let mass: f64 = outcomes.iter().map(|o| o["prob"].as_f64().unwrap()).sum();
        assert!(outcomes.len() <= 3 && mass < 1.0 + 1e-6, "{engine}: {outcomes:?}");
        assert!(outcomes.len() < 3 || mass > 1.0 - 1e-6, "{engine}: {outcomes:?}");
        let third =
            tokpick(&words(&format!("sample steps.npy --rows 0..1 -k 3 --seed 7 --engine {engine}"))).text();
        let id: u64 = third.trim().parse().unwrap();
        assert!(outcomes.iter().any(|o| o["ids"][0] == id), "{engine}: seed 7 is one of them");
    }
}

#[test]
fn what_cannot_be_counted_says_why() {
    for (flags, why) in [
        ("--histogram --stream", "counts are known at the end"),
        ("--histogram -f ids", "text, json, svg or html"),
        ("--histogram -f jsonl", "text, json, svg or html"),
        ("-f svg", "is for `tokpick sample --histogram`"),
        ("--histogram --record /dev/null", "leave out --histogram"),
    ] {
        let error = tokpick(&words(&format!("sample steps.npy --seed 1 {flags}"))).failure();
        assert!(error.contains(why), "{flags}: {error}");
    }
    let idle = tokpick(&words("sample steps-small.json --seed 1 --width 60"));
    assert!(idle.err.contains("no effect without --histogram: --width"), "{}", idle.err);
    let xtc = tokpick(&words(
        "sample steps.npy --rows 0..1 --seed 1 -n 9 --histogram -f json --xtc-probability 0.5 --xtc-threshold 0.1",
    ));
    assert!(xtc.err.contains("no exact probabilities"), "{}", xtc.err);
}

#[test]
fn another_setting_is_another_histogram_and_hostile_tokens_stay_inside() {
    let show = |flags: &str| {
        tokpick(&words(&format!("sample steps.npy --rows 0..1 -n 50 --seed 1 --histogram {flags}"))).text()
    };
    assert_ne!(show("-k 5"), show("-k 4"));
    assert_ne!(show("-t 0.5"), show("-t 1.5"));
    for width in [60, 80, 120] {
        let args = format!("sample --seed 1 -n 40 --histogram --width {width}");
        let text = with_input(&words(&args), &hostile()).text();
        assert!(text.lines().all(|l| l.width() <= width), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
    }
    for rows in ["[[2,1]]", "[[2,1],[0,1]]"] {
        let run = |format: &str| {
            with_input(&words(&format!("sample --seed 1 -n 9 --histogram -f {format}")), rows.as_bytes())
                .text()
        };
        svg(&run("svg"));
        html(&run("html"));
    }
    svg(&with_input(&words("sample --seed 1 -n 40 --histogram -f svg"), &hostile()).text());
    html(&with_input(&words("sample --seed 1 -n 40 --histogram -f html"), &hostile()).text());
}
