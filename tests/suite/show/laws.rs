//! Laws of all views: a picture shows what ran, with the numbers that the library gives.

use serde_json::Value;
use tokpick::kernel;
use tokpick::render::kit::{Digits, share};

use super::parse;
use crate::support::run::{tokpick, words};

/// Every view of what a chain does, with its formats.
const VIEWS: [(&str, &[&str]); 7] = [
    ("explain steps.npy --step 1 --seed 1", &["text", "json", "svg", "html"]),
    ("explain steps.npy --step 1 --seed 1 --draw gumbel", &["text", "json", "svg", "html"]),
    ("tree steps.npy --rows 0..3 --num-beams 2", &["text", "json", "dot", "mermaid", "svg", "html"]),
    ("sample steps.npy --rows 0..1 -n 60 --seed 1 --histogram", &["text", "json", "svg", "html"]),
    ("score steps.npy --ids 307,318,278", &["table", "text", "json", "svg", "html"]),
    ("compare steps.npy --rows 0..6 --seed 1", &["text", "json", "svg", "html"]),
    ("page steps.npy --rows 0..3 --seed 1", &[""]),
];

/// A chain, and others that differ from it in a value, the order, or a processor.
const CHAIN: &str = "temperature=0.8,top_p=0.9";
const OTHERS: [&str; 4] = [
    "temperature=0.8,top_p=0.8",
    "top_p=0.9,temperature=0.8",
    "temperature=0.8,min_p=0.2",
    "temperature=0.8",
];

/// Others that change what two beams see: a truncation changes no score, and only what it removes.
const OF_BEAMS: [&str; 4] = [
    "temperature=0.7,top_p=0.9",
    "temperature=0.8,top_p=0.2",
    "temperature=0.8,min_p=0.6",
    "temperature=0.8,top_k=1",
];

#[test]
fn another_processor_changes_every_picture() {
    for (view, formats) in VIEWS {
        for format in formats {
            let show = |chain: &str| {
                let flag = if view.starts_with("compare") { "--with" } else { "--chain" };
                let mut args = [&words(view)[..], &[flag, chain]].concat();
                args.extend(["-f", format].iter().filter(|_| !format.is_empty()));
                // the command itself stands in a picture
                tokpick(&args).text().replace(chain, "CHAIN")
            };
            let own = show(CHAIN);
            assert_eq!(own, show(CHAIN), "{view} -f {format}");
            for other in if view.starts_with("tree") { OF_BEAMS } else { OTHERS } {
                assert_ne!(own, show(other), "{view} -f {format}: {other}");
            }
        }
    }
}

/// The texts of a view: the columns of a text, the text elements of a picture, the cells of a page.
fn texts(view: &str, format: &str) -> Vec<String> {
    let shown = tokpick(&[&words(view)[..], &["-f", format]].concat()).text();
    match format {
        "svg" => parse::texts(&shown, &["text", "title"]),
        "html" => parse::texts(&shown, &["th", "td", "text", "caption", "span"]),
        _ => shown.lines().map(str::to_string).collect(),
    }
}

/// Holds that a view shows these numbers, in this order.
#[track_caller]
fn shows(view: &str, format: &str, numbers: &[String]) {
    let all = texts(view, format);
    let has = |line: &str, number: &str| {
        let is_number = |c: char| c.is_ascii_digit() || ".-e".contains(c);
        line.split(|c| !is_number(c)).any(|word| word.trim_end_matches('.') == number)
    };
    let mut at = 0;
    for number in numbers {
        let found = all[at..].iter().position(|line| has(line, number.trim()));
        at +=
            found.unwrap_or_else(|| panic!("{view} -f {format}: {number} is not shown after {at}: {all:#?}"));
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn explain_shows_the_numbers_of_the_library() {
    let chain = "--chain temperature=0.8,top_k=20,top_p=0.7";
    let view = format!("explain steps.npy --step 3 --seed 1 --top 4 {chain}");
    let probs = |chain: &str| {
        let document = tokpick(&words(&format!("probs steps.npy --rows 3..4 {chain} -f json"))).json();
        document["rows"][0].clone()
    };
    let stages = [
        probs(""),
        probs("-t 0.8"),
        probs("-t 0.8 -k 20"),
        probs("--chain temperature=0.8,top_k=20,top_p=0.7"),
    ];
    let of = |row: &Value, id: &Value| {
        let at = row["ids"].as_array().unwrap().iter().position(|i| i == id)?;
        Some(number(&row["probs"][at]))
    };
    let step = tokpick(&words(&format!("{view} -f json"))).json()["steps"][0].clone();
    for token in step["tokens"].as_array().unwrap() {
        let own: Vec<String> = stages.iter().filter_map(|row| of(row, &token["id"])).map(share).collect();
        let numbers = [vec![token["id"].to_string()], own].concat();
        shows(&view, "text", &numbers);
        shows(&view, "svg", &numbers);
        let full = stages.iter().filter_map(|row| of(row, &token["id"])).map(|p| Digits::Six.write(p));
        shows(&view, "html", &full.collect::<Vec<_>>());
    }
    let entropies: Vec<String> = stages.iter().map(|row| format!("{:.2}", number(&row["entropy"]))).collect();
    let kept: Vec<String> = stages.iter().map(|row| row["kept"].to_string()).collect();
    for format in ["text", "svg", "html"] {
        shows(&view, format, &entropies);
        shows(&view, format, &kept);
    }
}

#[test]
fn a_tree_shows_the_numbers_of_the_library() {
    let search = "steps.npy --rows 0..3 --num-beams 2 --length-penalty 0";
    let view = format!("tree {search}");
    let found = tokpick(&words(&format!("beam {search} -f json"))).json();
    for sequence in found["sequences"].as_array().unwrap() {
        let scores: Vec<f64> =
            sequence["processed_logprobs"].as_array().unwrap().iter().map(number).collect();
        let sum: f64 = scores.iter().sum();
        let own: Vec<String> = scores.iter().map(|&s| share(kernel::exp(s))).collect();
        for format in ["text", "svg", "dot", "mermaid"] {
            own.iter().for_each(|p| shows(&view, format, std::slice::from_ref(p)));
        }
        shows(&view, "text", &[share(kernel::exp(sum))]);
        shows(&view, "svg", &[share(kernel::exp(sum))]);
        shows(&view, "html", &[format!("{sum:.6}"), format!("{:.6}", number(&sequence["score"]))]);
    }
}

#[test]
fn a_comparison_shows_the_numbers_of_the_library() {
    let view = "compare steps.npy --rows 0..8 --seed 1 --with temperature=0.8,top_p=0.9 --with beam=2";
    let document = tokpick(&words(&format!("{view} -f json"))).json();
    for setting in document["settings"].as_array().unwrap() {
        let shown = [("logprob", 2), ("perplexity", 2), ("entropy", 2), ("kept", 1), ("distinct_2", 2)];
        for (key, digits) in shown {
            let Some(mean) = setting["measures"].get(key) else { continue };
            let cell = format!("{:.digits$}", number(&mean["mean"]) + 0.0);
            for format in ["text", "svg", "html"] {
                shows(view, format, std::slice::from_ref(&cell));
            }
        }
    }
}

#[test]
fn a_score_shows_the_numbers_of_the_library() {
    let ids = "307,318,278,372";
    let view = format!("score steps.npy --ids {ids}");
    let probs = tokpick(&words("probs steps.npy --rows 0..4 -f json")).json();
    let p = ids.split(',').zip(probs["rows"].as_array().unwrap()).map(|(id, row)| {
        let at = row["ids"].as_array().unwrap().iter().position(|i| i.as_u64() == id.parse().ok()).unwrap();
        number(&row["probs"][at])
    });
    let p: Vec<f64> = p.collect();
    let perplexity = (-p.iter().map(|p| p.ln()).sum::<f64>() / 4.0).exp();
    for format in ["svg", "html"] {
        shows(&view, format, &p.iter().map(|&p| share(p)).collect::<Vec<_>>());
        shows(&view, format, &[Digits::Six.write(perplexity)]);
    }
    shows(&view, "svg", &p.iter().map(|p| format!("{:.2}", -p.log2())).collect::<Vec<_>>());
    shows(&view, "html", &p.iter().map(|p| format!("{:.3}", -p.log2())).collect::<Vec<_>>());
}

#[test]
fn a_histogram_shows_the_numbers_of_the_library() {
    let view = "sample steps.npy --rows 0..1 -n 200 --seed 1 -k 6 --histogram --top 4";
    let drawn = tokpick(&words("sample steps.npy --rows 0..1 -n 200 --seed 1 -k 6")).text();
    let probs = tokpick(&words("probs steps.npy --rows 0..1 -k 6 -f json")).json();
    let (ids, p) = (&probs["rows"][0]["ids"], &probs["rows"][0]["probs"]);
    let all = ids.as_array().unwrap().iter().zip(p.as_array().unwrap()).map(|(id, p)| {
        let count = drawn.lines().filter(|line| line.parse().ok() == id.as_u64()).count();
        (count, number(p), id.to_string())
    });
    let mut all: Vec<(usize, f64, String)> = all.collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    for (count, p, id) in all.into_iter().take(4) {
        let (low, high) = tokpick::render::by_chance(200, p);
        let numbers =
            [id, share(count as f64 / 200.0), share(p), count.to_string(), low.to_string(), high.to_string()];
        for format in ["text", "svg", "html"] {
            shows(view, format, &numbers);
        }
    }
}
