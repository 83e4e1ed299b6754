//! Laws that hold for every processor, over random rows: V from 1 to 2000, ties, masked tokens, extreme magnitudes.

use crate::support::common::{fixture, ids};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use serde_json::{Value, json};
use tokpick::TokenId;
use tokpick::candidates::Candidates;
use tokpick::processor::{Chain, Context, Fact, INFOS, Info, Kind, Off, Written};
use tokpick::settings;
use tokpick::source::Row;

/// Rows with at least one finite logit.
fn row() -> impl Strategy<Value = Vec<f32>> {
    let logit = prop_oneof![
        4 => (-12.0..12.0_f32).boxed(),
        4 => (-12..12_i32).prop_map(|level| 0.75 * level as f32).boxed(),
        1 => Just(f32::NEG_INFINITY).boxed(),
    ];
    let levels = (-6..3_i32).prop_map(|level| level as f32).boxed();
    let extreme =
        select(vec![f32::MAX, f32::MIN, 1e30, -1e30, 1e-40, -1e-40, 0.0, -0.0, 88.0, f32::NEG_INFINITY]);
    (
        prop_oneof![6 => vec(logit, 1..=2000), 2 => vec(levels, 1..=2000), 1 => vec(extreme, 1..=40)],
        any::<Index>(),
    )
        .prop_map(|(mut row, at)| {
            if row.iter().all(|x| *x == f32::NEG_INFINITY) {
                let at = at.index(row.len());
                row[at] = 1.0;
            }
            row
        })
}

/// Rows on a grid: an integer can be added without rounding.
fn grid_row() -> impl Strategy<Value = Vec<f32>> {
    let logit = prop_oneof![9 => (-900..900_i32).prop_map(|x| x as f32 / 64.0), 1 => Just(f32::NEG_INFINITY)];
    (vec(logit, 1..=2000), any::<Index>()).prop_map(|(mut row, at)| {
        let at = at.index(row.len());
        row[at] = 2.0;
        row
    })
}

/// A truncation with a threshold between 0 and 1, and whether it keeps more as that rises.
const BY_SHARE: [(&str, bool); 9] = [
    ("top_p", true),
    ("typical_p", true),
    ("tail_free", true),
    ("top_h", true),
    ("top_n_sigma", true),
    ("min_p", false),
    ("epsilon_cutoff", false),
    ("eta_cutoff", false),
    ("top_a", false),
];

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![1e-6..0.999_f64, select(vec![0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99])]
}

/// Every truncation that there is, by its flags: the first one is a share, a number of tokens or a switch.
fn truncation() -> impl Strategy<Value = Value> {
    let all: Vec<&Info> = INFOS.iter().copied().filter(|info| info.kind == Kind::Truncation).collect();
    let keep = prop_oneof![4 => Just(1_usize), 1 => 0..12_usize];
    let drawn = (0..all.len(), share(), 0.0..0.5_f64, 1..300_usize, keep);
    drawn.prop_map(move |(at, first, further, k, least)| {
        let info = all[at];
        let mut form = json!({"min_tokens_to_keep": least});
        for (at, flag) in info.flags.iter().enumerate() {
            form[flag.parameter] = match flag.written {
                Written::Switch => json!(true),
                Written::Count => json!(k),
                _ => json!(if at == 0 { first } else { further }),
            };
        }
        json!({info.name: form})
    })
}

/// What changes scores and doesn't mind a constant added to all.
fn shape() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop_oneof![0.05..3.0_f64, select(vec![1e-300, 1e-38, 1e38, 1e300])]
            .prop_map(|t| json!({"temperature": t})),
        (0.0..2.0_f64, 0.0..2.0_f64, 0.0..3.0_f64).prop_map(
            |(t, r, e)| json!({"dynamic_temperature": {"temperature": t, "range": r, "exponent": e}})
        ),
        (0.0..2.0_f64, 1.0..4.0_f64).prop_map(|(f, c)| json!({"smoothing": {"factor": f, "curve": c}})),
        Just(json!({"renormalize_logits": true})),
    ]
}

fn processor() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => truncation(),
        2 => shape(),
        1 => (0.5..50.0_f64).prop_map(|c| json!({"softcap": c})),
        1 => Just(json!({"temperature": 0})),
        2 => edits(),
    ]
}

/// What changes single tokens: those of the history, and token 0.
fn edits() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0.5..2.0_f64).prop_map(|r| json!({"repetition_penalty": r})),
        (-1.0..2.0_f64).prop_map(|f| json!({"frequency_penalty": {"value": f, "scope": "all"}})),
        (-1.0..2.0_f64).prop_map(|p| json!({"presence_penalty": {"value": p, "scope": "all"}})),
        (-9.0..9.0_f64).prop_map(|b| json!({"logit_bias": [[0, b]]})),
    ]
}

fn chain_of(entries: &[Value]) -> Chain {
    settings::chain(&Value::from(entries).to_string()).unwrap()
}

/// What a chain leaves of a row, when every coin shows `coin`, after a history of the first token and the last.
fn run(row: Row, entries: &[Value], coin: f64) -> Candidates {
    let mut c = Candidates::default();
    let context = [0, row.vocab as TokenId - 1, 0];
    let chain = chain_of(entries);
    chain.load(&mut c, row.clone(), 0, 0).unwrap();
    chain
        .apply(&mut c, &Context { context: &context, prompt_len: 2, sequence: 0, step: 0, coins: &coin })
        .unwrap();
    c
}

fn dense(row: &[f32], entries: &[Value]) -> Candidates {
    run(Row::dense(row.to_vec()), entries, 0.0)
}

fn members(c: &Candidates) -> Vec<(TokenId, u64)> {
    c.members().map(|(id, score)| (id, score.to_bits())).collect()
}

fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|x| x.to_bits()).collect()
}

fn unmasked(row: &[f32]) -> usize {
    row.iter().filter(|x| **x > f32::NEG_INFINITY).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn something_stays_and_nothing_is_invented(row in row(), entries in vec(processor(), 1..5), coin in 0.0..1.0) {
        let c = run(Row::dense(row.clone()), &entries, coin);
        prop_assert!(c.count() >= 1);
        prop_assert!(c.members().all(|(id, score)| score.is_finite() && row[id as usize] > f32::NEG_INFINITY));
        let p = c.probabilities();
        prop_assert_eq!(p.len(), c.count());
        prop_assert!(p.iter().all(|&(_, p)| (0.0..=1.0 + 1e-12).contains(&p)));
        prop_assert!((p.iter().map(|&(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn min_tokens_to_keep_is_kept(row in row(), entry in truncation()) {
        let form = entry.as_object().unwrap().values().next().unwrap();
        let least = form["min_tokens_to_keep"].as_u64().unwrap().max(1) as usize;
        prop_assert!(dense(&row, std::slice::from_ref(&entry)).count() >= least.min(unmasked(&row)), "{}", entry);
    }

    #[test]
    fn equal_logits_share_their_fate(row in row(), entries in vec(prop_oneof![3 => truncation(), 1 => shape()], 1..4)) {
        let c = dense(&row, &entries);
        let mut fate = std::collections::HashMap::new();
        for (id, x) in row.iter().enumerate() {
            let kept = c.contains(id as TokenId);
            prop_assert_eq!(*fate.entry((x + 0.0).to_bits()).or_insert(kept), kept);
        }
    }

    #[test]
    fn the_kept_set_grows_with_its_threshold(row in row(), (name, rises) in select(BY_SHARE.to_vec()), a in share(), b in share()) {
        let (few, many) = if (a < b) == rises { (a, b) } else { (b, a) };
        let few = dense(&row, &[json!({name: few})]);
        let many = dense(&row, &[json!({name: many})]);
        prop_assert!(few.members().all(|(id, _)| many.contains(id)));
    }

    #[test]
    fn top_k_grows_with_k(row in row(), a in 1..2000_usize, b in 1..2000_usize) {
        let few = dense(&row, &[json!({"top_k": a.min(b)})]);
        let many = dense(&row, &[json!({"top_k": a.max(b)})]);
        prop_assert!(few.members().all(|(id, _)| many.contains(id)));
        prop_assert!(many.count() >= a.max(b).min(unmasked(&row)));
    }

    #[test]
    fn a_permutation_of_the_vocabulary_permutes_the_result(
        (row, order) in row().prop_flat_map(|row| {
            let order = Just((0..row.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(row), order)
        }),
        entries in vec(prop_oneof![3 => truncation(), 1 => shape()], 1..4),
    ) {
        let there = dense(&row, &entries);
        let permuted: Vec<f32> = order.iter().map(|&from| row[from]).collect();
        let mut back: Vec<TokenId> =
            ids(&dense(&permuted, &entries)).into_iter().map(|id| order[id as usize] as TokenId).collect();
        back.sort_unstable();
        prop_assert_eq!(back, ids(&there));
    }

    #[test]
    fn a_constant_added_to_all_logits_changes_nothing(
        row in grid_row(),
        by in -200..200_i32,
        entries in vec(prop_oneof![3 => truncation(), 1 => shape()], 1..4),
    ) {
        let here = dense(&row, &entries);
        let shifted: Vec<f32> = row.iter().map(|x| x + by as f32).collect();
        let there = dense(&shifted, &entries);
        prop_assert_eq!(ids(&here), ids(&there));
        for ((_, a), (_, b)) in here.probabilities().into_iter().zip(there.probabilities()) {
            prop_assert!((a - b).abs() <= 1e-6 * a + 1e-30, "{} {}", a, b);
        }
    }

    #[test]
    fn a_sparse_row_is_the_dense_row_with_the_rest_masked(
        row in row(), named in vec(0..3_u8, 2000), entries in vec(processor(), 0..5), u in 0.0..1.0
    ) {
        let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        let named = |id: usize| named[id] > 0 || id == best;
        let masked: Vec<f32> =
            row.iter().enumerate().map(|(id, &x)| if named(id) { x } else { f32::NEG_INFINITY }).collect();
        let ids: Vec<TokenId> = (0..row.len()).filter(|&id| named(id)).map(|id| id as TokenId).collect();
        let sparse = Row {
            logits: ids.iter().map(|&id| row[id as usize]).collect(),
            ids: Some(ids),
            vocab: row.len(),
            ..Row::default()
        };
        let mut sparse = run(sparse, &entries, 0.0);
        let mut dense = run(Row::dense(masked), &entries, 0.0);
        prop_assert_eq!(members(&sparse), members(&dense));
        prop_assert_eq!(sparse.entropy().to_bits(), dense.entropy().to_bits());
        prop_assert_eq!(sparse.pick(u), dense.pick(u));
    }

    #[test]
    fn the_row_comes_back_as_it_was(
        row in row(), entries in vec(processor(), 0..4), edits in vec((any::<Index>(), -3.0..3.0_f64), 0..20)
    ) {
        let mut c = Candidates::default();
        c.load(Row::dense(row.clone()), 0, 0).unwrap();
        let raw = members(&c);
        for _ in 0..2 {
            for (id, by) in &edits {
                let by = if *by > 2.9 { f64::NEG_INFINITY } else { *by };
                c.edit(id.index(row.len()) as TokenId, |score| score + by);
            }
            if !c.is_empty() {
                chain_of(&entries).apply_alone(&mut c).unwrap();
            }
            prop_assert!(c.raw().zip(&row).all(|((_, a), b)| a.to_bits() == b.to_bits()));
            c.reset();
            prop_assert_eq!(members(&c), raw.clone());
        }
        chain_of(&entries).apply_alone(&mut c).unwrap();
        prop_assert_eq!(bits(&c.take_row().logits), bits(&row));
    }

    #[test]
    fn masks_of_the_raw_row_commute(row in row(), k in 1..300_usize, m in share(), n in share()) {
        let masks = [json!({"top_k": k}), json!({"min_p": m}), json!({"min_p": n})];
        let there = dense(&row, &masks);
        let [a, b, c] = masks;
        prop_assert_eq!(members(&there), members(&dense(&row, &[c, b, a])));
    }

    #[test]
    fn constraints_commute(row in vec(-9.0..9.0_f32, 50), order in Just([0, 1, 2, 3]).prop_shuffle()) {
        let masks = [
            json!({"suppress_tokens": [3, 5]}),
            json!({"bad_words_ids": {"ids": [[7], [0, 8], [9, 10]], "eos_token_id": []}}),
            json!({"no_repeat_ngram_size": 1}),
            json!({"allowed_tokens": (0..30).collect::<Vec<_>>()}),
        ];
        let there = dense(&row, &masks);
        let shuffled: Vec<Value> = order.iter().map(|&at: &usize| masks[at].clone()).collect();
        prop_assert_eq!(there.count(), 25);
        prop_assert_eq!(members(&there), members(&dense(&row, &shuffled)));
    }

    #[test]
    fn a_temperature_changes_no_mask_of_logits(row in grid_row(), t in 0.1..10.0_f64, n in 0.1..3.0_f64) {
        let sigma = json!({"top_n_sigma": n});
        let cold = dense(&row, &[json!({"temperature": t}), sigma.clone()]);
        prop_assert_eq!(ids(&cold), ids(&dense(&row, &[sigma])));
    }

    #[test]
    fn what_a_chain_writes_it_reads(row in row(), entries in vec(processor(), 0..5)) {
        let written = chain_of(&entries).json();
        prop_assert_eq!(members(&dense(&row, written.as_array().unwrap())), members(&dense(&row, &entries)));
        prop_assert_eq!(chain_of(written.as_array().unwrap()).json(), written);
    }

    #[test]
    fn invalid_values_are_repaired_in_any_row(
        row in vec(select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0, -2.5]), 1..300), before in truncation()
    ) {
        let chain = chain_of(&[before, json!({"remove_invalid_values": true})]);
        let mut c = Candidates::default();
        chain.load(&mut c, Row::dense(row.clone()), 0, 0).unwrap();
        chain.apply_alone(&mut c).unwrap();
        prop_assert_eq!(c.count(), row.len());
        for (id, score) in c.members() {
            match row[id as usize] {
                x if x.is_nan() => prop_assert_eq!(score, 0.0),
                f32::INFINITY => prop_assert_eq!(score, f64::from(f32::MAX)),
                f32::NEG_INFINITY => prop_assert_eq!(score, f64::from(f32::MIN)),
                x => prop_assert!(score == f64::from(x) || score == f64::from(f32::MIN)),
            }
        }
        prop_assert_eq!(bits(&c.take_row().logits), bits(&row));
    }
}

/// A truncation by a share has a direction in [`BY_SHARE`], and a shape is among those of [`processor`].
#[test]
fn every_truncation_and_shape_is_under_the_laws() {
    for info in INFOS.iter().filter(|info| info.kind == Kind::Truncation && !info.needs.coin) {
        let is_share = info.flags[0].written == Written::Number;
        assert_eq!(BY_SHARE.iter().any(|(name, _)| *name == info.name), is_share, "{}", info.name);
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..2000 {
        let entry = processor().new_tree(&mut runner).unwrap().current();
        drawn.extend(entry.as_object().unwrap().keys().cloned());
    }
    for info in INFOS.iter().filter(|info| [Kind::Truncation, Kind::Shape].contains(&info.kind)) {
        assert!(drawn.contains(info.name), "{}: no law is tried on it", info.name);
    }
}

/// A form of a processor with its off value; `None` where it has none.
fn off(info: &Info) -> Option<Value> {
    let off = match info.off {
        Off::Unset => return None,
        Off::False => json!({info.lone_parameter(): false}),
        Off::Empty => json!({info.lone_parameter(): []}),
        Off::Number(off) | Off::AtMost(off) if off.fract() == 0.0 => {
            json!({info.lone_parameter(): off as i64})
        }
        Off::Number(off) | Off::AtMost(off) => json!({info.lone_parameter(): off}),
        Off::All(all) => all.iter().map(|&(name, off)| (name.to_string(), json!(off))).collect(),
    };
    let mut form = off;
    for flag in info.flags {
        match flag.written {
            Written::File => form[flag.parameter] = json!(fixture("processors/logits.npy")),
            Written::Pair(first, _) => form[first] = json!(1),
            _ => {}
        }
    }
    for fact in info.facts {
        match fact {
            Fact::Eos => form["eos_token_id"] = json!(1),
            Fact::EncoderIds => form["encoder_ids"] = json!([1]),
            _ => {}
        }
    }
    Some(json!({info.name: form}))
}

#[test]
fn a_disabled_processor_is_the_identity() {
    let row: Vec<f32> = (0..500).map(|i| ((i * 37) % 101) as f32 * 0.11).collect();
    let plain = members(&dense(&row, &[]));
    let further = [json!({"dynamic_temperature": 1}), json!({"xtc": {"probability": 1, "threshold": 0.6}})];
    for entry in INFOS.iter().filter_map(|info| off(info)).chain(further) {
        assert!(chain_of(std::slice::from_ref(&entry)).is_empty(), "{entry}");
        assert_eq!(members(&dense(&row, std::slice::from_ref(&entry))), plain, "{entry}");
    }
}
