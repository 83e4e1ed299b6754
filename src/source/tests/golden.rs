//! The fixtures: one model's logits, stored in many ways.

use std::path::PathBuf;

use super::super::{Access, Open, Query, Vocab};
use super::all;
use crate::Error;

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fixtures", name].iter().collect()
}

fn rows(name: &str) -> Vec<(usize, usize, Vec<f32>)> {
    let mut source = Open::new(fixture(name)).open().expect("a fixture");
    all(&mut *source).expect("its rows")
}

#[test]
fn the_same_logits_come_out_of_every_file() {
    let steps = rows("tiny-lm/steps.npy");
    assert_eq!((steps.len(), steps[0].2.len()), (24, 512));
    assert_eq!(rows("tiny-lm/steps-fortran.npy"), steps);
    assert_eq!(rows("tiny-lm/steps-f64be.npy"), steps[..4]);
    assert_eq!(rows("tiny-lm/steps-small.json"), steps[..4]);
}

#[test]
fn a_batch_and_its_f16_agree_to_its_precision() {
    let (batch, halves) = (rows("tiny-lm/batch.npy"), rows("tiny-lm/batch-f16.npy"));
    assert_eq!((batch.len(), batch[35].0, batch[35].1), (36, 2, 11));
    for ((_, _, exact), (_, _, rounded)) in batch.iter().zip(&halves) {
        for (x, y) in exact.iter().zip(rounded) {
            assert_eq!(half::f16::from_f32(*x).to_f32(), *y);
        }
    }
}

#[test]
fn the_tables_hold_their_prefixes() {
    for (name, count) in [("a", 135), ("b", 120), ("e", 38), ("f", 31)] {
        let path = fixture(&format!("tiny-lm/prefix-table-{name}.jsonl"));
        let mut table = Open::new(path).open().expect("a table");
        assert_eq!(table.format().axes, [count, 512]);
        let shape = table.shape();
        assert!(shape.follows_prefix && shape.access == Access::Random && shape.sequences == (0..1));
        let query = |context| Query { sequence: 0, step: 0, context, prompt_len: 2 };
        table
            .rows(&[query(&[0, 9])], &mut Vec::new())
            .expect("the empty prefix; the prompt is not part of it");
        let missing =
            table.rows(&[query(&[0, 9, 511, 511, 511])], &mut Vec::new()).expect_err("no such prefix");
        assert!(matches!(missing, Error::NoPrefix { prefix, .. } if prefix == [511, 511, 511]));
    }
}

#[test]
fn the_vocabulary_has_a_string_for_each_token() {
    let vocab = Vocab::open(fixture("tiny-lm/vocab.json")).expect("a list");
    assert_eq!((vocab.len(), vocab.token(0), vocab.token(512)), (512, Some("<|endoftext|>"), None));
}

/// The textbook example: greedy takes nice (.5) and reaches .5 · .4; dog (.4) leads to .4 · .9.
#[test]
fn the_teaching_table_is_complete_and_its_rows_are_distributions() {
    let vocab = Vocab::open(fixture("teaching/the-dog-has-vocab.json")).expect("words");
    let mut table = Open::new(fixture("teaching/the-dog-has.jsonl")).open().expect("a table");
    assert_eq!(table.shape().vocab, Some(vocab.len()));
    let (mut prefixes, mut found, mut depths) = (vec![vec![]], Vec::new(), [0; 5]);
    while let Some(prefix) = prefixes.pop() {
        let mut rows = Vec::new();
        table
            .rows(&[Query { sequence: 0, step: prefix.len(), context: &prefix, prompt_len: 0 }], &mut rows)
            .expect("a row");
        let total: f64 = rows[0].logits.iter().map(|x| f64::from(*x).exp()).sum();
        assert!((total - 1.0).abs() < 1e-6, "after {prefix:?} the probabilities add up to {total}");
        depths[prefix.len()] += 1;
        for (id, logit) in (0..).zip(&rows[0].logits) {
            if logit.is_finite() {
                let next = [&prefix[..], &[id]].concat();
                // The end token has no row after it.
                if id != 0 { prefixes.push(next) } else { found.push(next) }
            }
        }
    }
    assert_eq!((depths, found.len()), ([1, 3, 9, 1, 1], 9));
    let mut p = |context: &[u32], word: &str| {
        let mut rows = Vec::new();
        table.rows(&[Query { sequence: 0, step: 0, context, prompt_len: 0 }], &mut rows).expect("a row");
        let id = (0..14).find(|id| vocab.token(*id).map(str::trim_start) == Some(word)).expect("a word");
        f64::from(rows[0].logits[id as usize]).exp()
    };
    assert!((p(&[], "nice") * p(&[2], "woman") - 0.20).abs() < 1e-6);
    assert!((p(&[], "dog") * p(&[3], "has") - 0.36).abs() < 1e-6);
}
