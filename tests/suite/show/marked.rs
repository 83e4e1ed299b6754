//! `score` shows the text itself, each token under a mark.

use super::parse::{html, svg};
use super::{at_every_width, columns::hostile, snapshot};
use crate::support::run::{tokpick, with_input, words};

const IDS: &str = "307,318,278,372,261,268,417,257,87,79,365,83,14,0";

#[test]
fn a_text_stands_under_its_marks() {
    at_every_width("marked", &format!("score steps.npy --vocab vocab.json --ids {IDS} --format text"));
    at_every_width("marked-ids", &format!("score steps.npy --ids {IDS} --format text --by rank"));
    snapshot(
        "marked.svg",
        &tokpick(&words(&format!("score steps.npy --vocab vocab.json --ids {IDS} -f svg"))).text(),
    );
}

#[test]
fn a_mark_is_a_step_for_each_bit() {
    // p = 1/2, 1/4, 1/8 …: 1, 2, 3 bits
    let row = [0.5f64, 0.25, 0.125, 0.125].map(f64::ln);
    let input = serde_json::json!([row, row, row]).to_string().into_bytes();
    let text = with_input(&words("score --ids 0,1,2 --format text"), &input).text();
    assert_eq!(text.lines().nth(1), Some("▂ ▃ ▄"), "{text}");
    let by = |what: &str| {
        with_input(&words(&format!("score --ids 0,1,2 --format text --ascii --by {what}")), &input).text()
    };
    assert_eq!(by("rank").lines().nth(1), Some("0 1 1"));
    assert_eq!(by("probability").lines().nth(1), Some("4 6 7"));
    assert!(text.contains("3 tokens, log-probability"), "{text}");
}

#[test]
fn the_best_alternatives_are_those_of_the_row() {
    let document = tokpick(&words("score steps.npy --ids 307,5 -f json")).json();
    let info = tokpick(&words("info steps.npy --top 5 -f json")).json();
    for step in 0..2 {
        let alternatives = &document["sequences"][0]["tokens"][step]["alternatives"];
        assert_eq!(alternatives.as_array().unwrap().len(), 5);
        for (a, b) in
            alternatives.as_array().unwrap().iter().zip(info["rows"][step]["top"].as_array().unwrap())
        {
            assert_eq!(a[0], b[0]);
            assert!((a[1].as_f64().unwrap() - b[1].as_f64().unwrap()).abs() < 1e-12);
        }
    }
}

#[test]
fn other_ids_are_another_picture_and_hostile_ones_stay_inside() {
    for format in ["table", "text", "json", "svg", "html"] {
        let show =
            |ids: &str| tokpick(&["score", "steps.npy", "--ids", ids, "-f", format]).text().replace(ids, "");
        assert_ne!(show("307"), show("261"), "{format}");
    }
    for id in 0..7 {
        svg(&with_input(&words(&format!("score --ids {id} -f svg")), &hostile()).text());
        html(&with_input(&words(&format!("score --ids {id} -f html")), &hostile()).text());
    }
}
