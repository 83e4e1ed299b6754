//! `compare` sets strategies side by side.

use serde_json::Value;

use super::parse::{html, svg};
use super::{at_every_width, columns::hostile, snapshot};
use crate::support::run::{fixture, tokpick, with_input, words};

#[test]
fn strategies_stand_side_by_side() {
    at_every_width("compare", "compare steps.npy --vocab vocab.json --seed 7");
    at_every_width(
        "compare-many",
        "compare steps.npy --vocab vocab.json --seed 7 -n 5 --with top-k=5 --with min-p=0.1 --reference 307,318",
    );
    at_every_width(
        "compare-sweep",
        "compare steps.npy --seed 7 --with top-k=40 --sweep temperature=0.2..1.4:0.4",
    );
    at_every_width(
        "compare-grid",
        "compare steps.npy --seed 7 --sweep temperature=0.5,1 --sweep top-k=1,5,50",
    );
    snapshot("compare.svg", &tokpick(&words("compare steps.npy --vocab vocab.json --seed 7 -f svg")).text());
    snapshot(
        "compare-sweep.svg",
        &tokpick(&words("compare steps.npy --seed 7 --sweep temperature=0.2..1.4:0.2 -f svg")).text(),
    );
}

/// The measures of the only setting.
fn measures(args: &[&str]) -> Value {
    let document = tokpick(&[&["compare", "steps.npy", "--seed", "3", "-f", "json"], args].concat()).json();
    assert_eq!(document["settings"].as_array().unwrap().len(), 1);
    document["settings"][0].clone()
}

#[test]
fn each_number_is_that_of_the_other_commands() {
    let near = |a: &Value, b: f64, what: &str| {
        let a = a.as_f64().unwrap_or_else(|| panic!("{what}: {a}"));
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{what}: {a} {b}");
    };
    let setting = measures(&["--with", "temperature=0.8,top-p=0.9"]);
    let run = tokpick(&words("sample steps.npy --seed 3 --chain temperature=0.8,top-p=0.9 -f json")).json();
    let sequence = &run["sequences"][0];
    assert_eq!(setting["sequences"][0]["ids"], sequence["ids"]);
    near(&setting["measures"]["logprob"]["mean"], sequence["logprob"].as_f64().unwrap(), "log p");
    let rows = tokpick(&words("probs steps.npy --chain temperature=0.8,top-p=0.9 -f json")).json();
    let full = tokpick(&words("probs steps.npy -f json")).json();
    let rows = rows["rows"].as_array().unwrap();
    let mean = |of: &dyn Fn(&Value, &Value) -> f64| {
        rows.iter().zip(full["rows"].as_array().unwrap()).map(|(row, full)| of(row, full)).sum::<f64>()
            / rows.len() as f64
    };
    near(
        &setting["measures"]["entropy"]["mean"],
        mean(&|row, _| row["entropy"].as_f64().unwrap()),
        "entropy",
    );
    near(&setting["measures"]["kept"]["mean"], mean(&|row, _| row["kept"].as_f64().unwrap()), "kept");
    let kl = mean(&|row, full| {
        let (ids, probs) = (row["ids"].as_array().unwrap(), row["probs"].as_array().unwrap());
        ids.iter()
            .zip(probs)
            .map(|(id, q)| {
                let (q, p) =
                    (q.as_f64().unwrap(), full["probs"][id.as_u64().unwrap() as usize].as_f64().unwrap());
                q * (q / p).ln()
            })
            .sum()
    });
    near(&setting["measures"]["kl"]["mean"], kl, "KL");
    let greedy = measures(&["--with", "greedy"]);
    assert_eq!(greedy["measures"]["as_greedy"]["mean"], 1.0);
    assert!(greedy["measures"].get("entropy").is_none());
    let beam = measures(&["--with", "beam=4,length-penalty=0"]);
    let searched = tokpick(&words("beam steps.npy --num-beams 4 --length-penalty 0 -f json")).json();
    assert_eq!(beam["sequences"][0]["ids"], searched["sequences"][0]["ids"]);
}

#[test]
fn samples_give_intervals_and_are_those_of_sample() {
    // rows that depend on what was drawn, and rows that don't
    for setting in ["temperature=0.8", "temperature=0.8,repetition-penalty=1.3"] {
        let many = measures(&["--with", setting, "-n", "4"]);
        let decoded = tokpick(&["sample", "steps.npy", "--seed", "3", "-n", "4", "--chain", setting]).text();
        for (sample, ids) in many["sequences"].as_array().unwrap().iter().zip(decoded.lines()) {
            let own: Vec<String> = sample["ids"].as_array().unwrap().iter().map(Value::to_string).collect();
            assert_eq!(own.join(" "), ids, "{setting}");
            assert!(sample["entropy"].is_f64(), "{setting}");
        }
        let logprob = &many["measures"]["logprob"];
        assert!(
            logprob["low"].as_f64() < logprob["mean"].as_f64()
                && logprob["mean"].as_f64() < logprob["high"].as_f64()
        );
        assert!(many["measures"]["self_bleu"]["mean"].is_f64());
    }
}

#[test]
fn references_are_ids_or_text() {
    let exact = measures(&["--with", "greedy", "--reference", "1 2 3"]);
    let ids = tokpick(&["greedy", "steps.npy"]).text();
    let same = measures(&["--with", "greedy", "--reference", ids.trim()]);
    assert!((same["measures"]["bleu"]["mean"].as_f64().unwrap() - 100.0).abs() < 1e-9);
    assert_eq!(same["measures"]["rouge_l"]["mean"], 1.0);
    assert!(exact["measures"]["bleu"]["mean"].as_f64() < Some(50.0));
    let text = tokpick(&["greedy", "steps.npy", "--vocab", "vocab.json", "--format", "text"]).text();
    let words = measures(&["--vocab", "vocab.json", "--with", "greedy", "--reference", text.trim_end()]);
    assert!((words["measures"]["rouge_1"]["mean"].as_f64().unwrap() - 1.0).abs() < 1e-12, "{words}");
    // a JSON list may name tokens
    let named: Vec<Value> = {
        let run = tokpick(&["greedy", "steps.npy", "--vocab", "vocab.json", "-f", "json"]).json();
        run["sequences"][0]["tokens"].as_array().unwrap().clone()
    };
    let named = Value::Array(named).to_string();
    let named = measures(&["--vocab", "vocab.json", "--with", "greedy", "--reference", &named]);
    assert_eq!(named["measures"]["rouge_l"]["mean"], 1.0);
    let wrong = tokpick(&["compare", "steps.npy", "--reference", "no ids"]).failure();
    assert!(wrong.contains("no"), "{wrong}");
}

#[test]
fn greedy_misses_what_search_finds() {
    let table = fixture("teaching/the-dog-has.jsonl");
    let args = [
        "compare",
        table.to_str().unwrap(),
        "--seed",
        "1",
        "--prompt-ids",
        "1",
        "--eos-token-id",
        "0",
        "--max-new-tokens",
        "2",
    ];
    let with = ["--with", "greedy", "--with", "beam=2,length-penalty=0", "--with", "exact", "-f", "json"];
    let document = tokpick(&[&args[..], &with[..]].concat()).json();
    let of = |at: usize| document["settings"][at]["measures"]["logprob"]["mean"].as_f64().unwrap();
    assert!(of(0) < of(1) && (of(1) - of(2)).abs() < 1e-12, "{document}");
}

#[test]
fn another_setting_is_another_picture() {
    for format in ["text", "json", "svg", "html"] {
        let show = |setting: &str| {
            let args = ["compare", "steps.npy", "--seed", "1", "--with", setting, "-f", format];
            // the command stands at the foot of a picture
            tokpick(&args).text().replace(setting, "")
        };
        assert_ne!(show("top-k=5"), show("top-k=9"), "{format}");
        assert_ne!(show("temperature=0.5"), show("temperature=0.6"), "{format}");
    }
}

#[test]
fn pictures_hold_hostile_texts() {
    for more in ["", "--sweep temperature=0.5,1", "--sweep temperature=0.5,1 --sweep top-k=1,2"] {
        svg(&with_input(&words(&format!("compare --seed 1 -n 2 {more} -f svg")), &hostile()).text());
        html(&with_input(&words(&format!("compare --seed 1 -n 2 {more} -f html")), &hostile()).text());
    }
}

#[test]
fn what_cannot_be_compared_says_why() {
    for (args, why) in [
        ("--with top-q=3", "did you mean top"),
        ("--with beam=0", "num_beams"),
        ("--sweep temperature=1..2", "FROM..TO:STEP"),
        ("--sweep a=1 --sweep b=1 --sweep c=1", "twice at most"),
        ("-n 0", "1 or more"),
        ("--with exact,greedy", "--with exact,greedy: greedy"),
        ("--sweep top-k=1,2 --sweep top_k=3", "is swept already"),
    ] {
        let args = format!("compare steps.npy {args}");
        let said = tokpick(&words(&args));
        assert_eq!(said.status, Some(2));
        assert!(said.err.contains(why), "{}", said.err);
    }
    let record = tokpick(&["compare", "../records/sample.json"]).failure();
    assert!(record.contains("a record or a result of tokpick, which holds no logits"), "{record}");
    let stream = with_input(&words("compare --seed 1"), b"[1,2]\n[2,1]\n");
    assert!(stream.failure().contains("save the stream in a file"));
}

/// What a sweep doesn't change is a number, no curve.
#[test]
fn a_flat_curve_is_said_in_words() {
    let sweep = |format: &str, more: &str| {
        let line = format!(
            "compare steps.npy --seed 7 --with top-k=5 {more} --sweep temperature=0.5..1.5:0.5 -f {format}"
        );
        tokpick(&words(&line)).text()
    };
    let drawn = sweep("svg", "");
    assert!(drawn.contains("kept unchanged: 5.0"), "{drawn}");
    svg(&drawn);
    assert!(sweep("svg", "--with top-k=9").contains("kept unchanged: 5.0 (top-k 5), 9.0 (top-k 9)"));
    let text = sweep("text", "");
    assert!(text.lines().any(|line| line.starts_with("kept") && line.ends_with("unchanged: 5.0")), "{text}");
    // a grid has maps for what changes
    let grid = tokpick(&words(
        "compare steps.npy --seed 7 --sweep temperature=0.5,1 --sweep top-p=1,1.0 --with top-k=5 -f svg",
    ));
    assert!(grid.text().contains("unchanged: 5.0"));
}

#[test]
fn settings_have_the_names_of_the_flags() {
    let of = |with: &str| {
        let json = tokpick(&["compare", "steps.npy", "--seed", "7", "--with", with, "-f", "json"]).json();
        (json["settings"][0]["name"].clone(), json["settings"][0]["sequences"].clone())
    };
    assert_eq!(of("temp=0.5,topp=0.9"), of("temperature=0.5,top-p=0.9"));
    let line = "compare steps.npy --seed 7 --sweep temp=0.5,1 --sweep temperature=1,2";
    assert!(tokpick(&words(line)).failure().contains("is swept already"));
}
