//! Held to the values of sacreBLEU, rouge-score and NLTK.

use serde_json::Value;

use super::*;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/overlap/cases.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn lists(value: &Value) -> Vec<Vec<u32>> {
    serde_json::from_value(value.clone()).unwrap()
}

#[track_caller]
fn near(is: f64, should: &Value, what: &str) {
    let should = should.as_f64().unwrap();
    assert!((is - should).abs() <= 1e-12 * should.abs().max(1.0), "{what}: {is}, should be {should}");
}

#[test]
fn of_pairs() {
    let golden = golden();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 60);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (text, references) = (ids(&case["hypothesis"]), lists(&case["references"]));
        let references: Vec<&[u32]> = references.iter().map(Vec::as_slice).collect();
        let bleu = sentence_bleu(&text, &references);
        near(bleu.score, &case["sentence_bleu"], name);
        near(bleu.brevity_penalty, &case["brevity_penalty"], name);
        (0..4).for_each(|n| near(bleu.precisions[n], &case["precisions"][n], name));
        near(meteor(&text, &references), &case["meteor"], name);
        for (key, rouge) in [
            ("rouge1", rouge_n(&text, &references, 1)),
            ("rouge2", rouge_n(&text, &references, 2)),
            ("rougeL", rouge_l(&text, &references)),
        ] {
            for (at, part) in [rouge.precision, rouge.recall, rouge.f1].into_iter().enumerate() {
                near(part, &case[key][at], &format!("{name} {key}"));
            }
        }
    }
}

#[test]
fn of_corpora() {
    let golden = golden();
    for corpus in golden["corpora"].as_array().unwrap() {
        let of = |name: &Value| {
            golden["cases"].as_array().unwrap().iter().find(|c| c["name"] == *name).unwrap().clone()
        };
        let pairs: Vec<(Vec<u32>, Vec<Vec<u32>>)> = corpus["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| (ids(&of(name)["hypothesis"]), lists(&of(name)["references"])))
            .collect();
        let bleu =
            corpus_bleu(pairs.iter().map(|(h, r)| (h.as_slice(), r.iter().map(Vec::as_slice).collect())));
        near(bleu.score, &corpus["corpus_bleu"], "corpus");
        near(bleu.brevity_penalty, &corpus["brevity_penalty"], "corpus");
        (0..4).for_each(|n| near(bleu.precisions[n], &corpus["precisions"][n], "corpus"));
    }
}

#[test]
fn of_sets() {
    let golden = golden();
    for set in golden["sets"].as_array().unwrap() {
        let samples = lists(&set["samples"]);
        let samples: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
        near(self_bleu(&samples).unwrap(), &set["self_bleu"], "self-BLEU");
        for (n, should) in set["distinct"].as_object().unwrap() {
            near(distinct(&samples, n.parse().unwrap()).unwrap(), should, "distinct");
        }
        for (n, should) in set["rep"].as_object().unwrap() {
            for (sample, should) in samples.iter().zip(should.as_array().unwrap()) {
                near(repetition(sample, n.parse().unwrap()).unwrap(), should, "rep");
            }
        }
    }
}

#[test]
fn of_nothing() {
    let (none, some): ([u32; 0], [u32; 2]) = ([], [1, 2]);
    assert_eq!(sentence_bleu(&none, &[&some]).score, 0.0);
    assert_eq!(sentence_bleu(&some, &[]).score, 0.0);
    assert_eq!((meteor(&none, &[&some]), meteor(&some, &[&none])), (0.0, 0.0));
    assert_eq!((rouge_l(&none, &[&some]).f1, rouge_n(&some, &[&none], 2).f1), (0.0, 0.0));
    assert_eq!((distinct(&[&none[..]], 1), repetition(&some, 3)), (None, None));
}
