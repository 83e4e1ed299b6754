//! probs, info, synth, processors.

use serde_json::{Value, json};

use crate::support::run::{fixture, tokpick, with_input, words};

#[test]
fn probs_as_lines() {
    let input = b"[[0,0,-Infinity],[0,0,0]]";
    let text = with_input(&["probs", "--top", "2"], input).text();
    assert_eq!(text, "0\t0\t0.5\n0\t1\t0.5\n1\t0\t0.333333\n1\t1\t0.333333\n");
    let all = with_input(&["probs", "--top", "1", "--digits", "full"], input).text();
    assert_eq!(all, "0\t0\t0.5\n1\t0\t0.3333333333333333\n");
    // ln .4 in f32 is not quite ln .4
    let decimals = with_input(&["probs"], b"[[-0.916290731874155,-0.5108256237659907]]").text();
    assert_eq!(decimals, "0\t1\t0.6\n0\t0\t0.4\n");
    let batch = with_input(&["probs", "--layout", "bv", "--top", "1"], input).text();
    assert_eq!(batch.lines().map(|l| l.split('\t').count()).collect::<Vec<_>>(), [4, 4], "a sequence column");
    let words = br#"{"logits":[[0,0]],"vocab":["a\tb","c"]}"#;
    assert_eq!(with_input(&["probs"], words).text(), "0\t0\t0.5\ta⇥b\n0\t1\t0.5\tc\n");
}

/// `--digits full` counts wherever numbers are shown: the text has what the document has.
#[test]
fn full_digits_are_those_of_json() {
    for (line, part, keys) in [
        ("diff batch.npy batch-f16.npy", "summary", &["max_abs", "mean_kl_ab", "max_kl", "flips"][..]),
        ("verify steps.npy -s 1 --ids 1,2,3", "verification", &["mean_clipped_margin", "max_margin"]),
    ] {
        let text = String::from_utf8(tokpick(&words(&format!("{line} --digits full"))).out).unwrap();
        let document = tokpick(&words(&format!("{line} -f json"))).out;
        let document: Value = serde_json::from_slice(&document).unwrap();
        let part = document[part].get("summary").unwrap_or(&document[part]);
        for key in keys {
            let number = part[key].as_f64().unwrap_or_else(|| panic!("{line}: no {key} in {part}"));
            let mut words = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
            assert!(words.any(|word| word == number), "{line}: {key} {number}: {text}");
        }
    }
}

#[test]
fn probs_as_json() {
    // p = .5 .3 .1 .1: what top-k 2 keeps had .8
    let input = b"[[-0.6931471805599453,-1.2039728043259361,-2.3025850929940455,-2.3025850929940455]]";
    let row = &with_input(&["probs", "-f", "json", "-k", "2"], input).json()["rows"][0];
    let keys: Vec<_> = row.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["sequence", "step", "ids", "probs", "entropy", "kept", "kept_mass"]);
    assert_eq!((&row["ids"], &row["kept"]), (&json!([0, 1]), &json!(2)));
    let near = |name: &str, x: f64| assert!((row[name].as_f64().unwrap() - x).abs() < 1e-6, "{name}: {row}");
    near("kept_mass", 0.8);
    near("entropy", -(0.625f64 * 0.625f64.ln() + 0.375 * 0.375f64.ln()));
    // kept mass is that of the same chain without its truncations
    let hot = &with_input(&["probs", "-f", "json", "-k", "2", "-t", "2"], input).json()["rows"][0];
    let weights = [0.5f64, 0.3, 0.1, 0.1].map(f64::sqrt);
    let kept = (weights[0] + weights[1]) / weights.iter().sum::<f64>();
    assert!((hot["kept_mass"].as_f64().unwrap() - kept).abs() < 1e-6, "{hot}");
    // a kept token whose probability underflows stays in the list
    let far = &with_input(&["probs", "-f", "json"], b"[[0,-2000]]").json()["rows"][0];
    assert_eq!((&far["ids"], &far["probs"]), (&json!([0, 1]), &json!([1.0, 0.0])));
}

#[test]
fn probs_of_given_ids() {
    let taken = with_input(
        &["probs", "--ids", "0 0", "--repetition-penalty", "2", "-f", "jsonl"],
        b"[[1,1],[1,1],[1,1]]",
    )
    .text();
    let rows: Vec<Value> = taken.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows.len(), 2, "the walk ends with the ids");
    assert_eq!(rows[0]["probs"], json!([0.5, 0.5]));
    assert!(rows[1]["probs"][0].as_f64() < rows[1]["probs"][1].as_f64(), "{taken}");
    let table = fixture("teaching/the-dog-has.jsonl");
    let lines = tokpick(&["probs", table.to_str().unwrap(), "--ids", "3 8", "--top", "1"]).text();
    assert_eq!(lines.lines().map(|l| l.split('\t').nth(1).unwrap()).collect::<Vec<_>>(), ["2", "8"]);
}

#[test]
fn info_goes_on_at_bad_rows() {
    let text = with_input(&["info"], b"[[1,NaN],[-Infinity,-Infinity],[0,0]]").text();
    assert!(text.contains("JSON, axes [3, 2]"), "{text}");
    assert!(text.contains("token 1: the logit is NaN") && text.contains("no logit is finite"), "{text}");
    let document = with_input(&["info", "-f", "json"], b"[[1,NaN],[-Infinity,-Infinity],[0,0]]").json();
    let rows = document["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[0]["nan"], &rows[1]["masked"]), (&json!(1), &json!(2)));
    assert_eq!(rows[2]["top"], json!([[0, 0.5], [1, 0.5]]));
    assert!((rows[2]["entropy"].as_f64().unwrap() - 2f64.ln()).abs() < 1e-12);
    let batch = tokpick(&["info", "batch.npy", "--max-rows", "5"]).text();
    assert!(
        batch.contains("3 sequences, steps 0 to 11") && batch.ends_with("… and further rows\n"),
        "{batch}"
    );
    let tbv = tokpick(&["info", "batch.npy", "--layout", "tbv"]).text();
    assert!(tbv.contains("12 sequences, steps 0 to 2"), "{tbv}");
}

#[test]
fn synth_depends_on_its_seed_alone() {
    for dist in ["normal", "uniform", "zipf"] {
        let make = |seed: &str| tokpick(&["synth", "4x50", "--dist", dist, "--seed", seed]).out;
        let npy = make("1");
        assert_eq!(npy, make("1"));
        assert_ne!(npy, make("2"));
        let json = tokpick(&["synth", "4x50", "--dist", dist, "--seed", "1", "-f", "json"]).out;
        let decoded = |input: &[u8]| with_input(&["sample", "-s", "3"], input).text();
        assert_eq!(decoded(&npy), decoded(&json), "{dist}: both formats hold the same numbers");
    }
    let entropy = |args: &str| {
        let logits = tokpick(&words(args)).out;
        with_input(&["info", "-f", "json"], &logits).json()["rows"][0]["entropy"].as_f64().unwrap()
    };
    assert!(entropy("synth 20000 --seed 1 --scale 0") > 9.9, "all equal: ln 20000");
    assert!(entropy("synth 20000 --seed 1 --dist zipf") < entropy("synth 20000 --seed 1 --dist normal"));
}

#[test]
fn processors_are_listed() {
    let text = tokpick(&["processors"]).text();
    let markdown = tokpick(&["processors", "--markdown"]).text();
    let document = tokpick(&["processors", "-f", "json"]).json();
    let listed: Vec<&str> =
        document["processors"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    let known: Vec<&str> = tokpick::processor::INFOS.iter().map(|info| info.name).collect();
    assert_eq!(listed, known);
    for info in tokpick::processor::INFOS {
        assert!(
            text.contains(info.name) && markdown.contains(&format!("`{}`", info.flag())),
            "{}",
            info.name
        );
    }
}
