use proptest::prelude::*;

use super::*;

fn loaded(logits: &[f32]) -> Candidates {
    let mut c = Candidates::default();
    c.load(Row::dense(logits.to_vec()), 0, 0).unwrap();
    c
}

fn ids(c: &Candidates) -> Vec<TokenId> {
    c.members().map(|m| m.0).collect()
}

#[test]
fn bad_rows_are_named() {
    let table: [(&[f32], &str); 3] = [
        (&[0.0, f32::NAN], "sequence 2, step 5, token 1: the logit is NaN"),
        (&[f32::INFINITY, 0.0], "sequence 2, step 5, token 0: the logit is +inf"),
        (&[f32::NEG_INFINITY; 3], "sequence 2, step 5: no logit is finite"),
    ];
    for (logits, text) in table {
        let mut c = Candidates::default();
        let error = c.load(Row::dense(logits.to_vec()), 2, 5).unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
        assert_eq!(c.take_row().logits.len(), logits.len(), "the row can be taken");
    }
}

#[test]
fn an_edit_of_the_best_finds_the_next_best() {
    let mut c = loaded(&[1.0, 5.0, 3.0]);
    c.edit(1, |s| s - 4.5);
    assert_eq!(c.argmax(), Some(2));
    assert_eq!(c.max_score(), 3.0);
    c.edit(0, |_| 9.0);
    assert_eq!(c.argmax(), Some(0));
    c.mask_each(&[0, 1, 2]);
    assert!(c.is_empty());
}

#[test]
fn a_masked_token_stays_masked() {
    let mut c = loaded(&[1.0, f32::NEG_INFINITY]);
    c.edit(1, |s| s + 100.0);
    assert_eq!(c.score(1), Some(f64::NEG_INFINITY));
    c.force(&[(1, 0.0)]);
    assert_eq!(ids(&c), [1]);
}

#[test]
fn edits_meet_the_pending_scale() {
    let mut c = loaded(&[1.0, 2.0, 4.0]);
    c.scale(0.5);
    c.shift(10.0);
    c.edit(2, |s| {
        assert_eq!(s, 12.0);
        11.25
    });
    assert_eq!(c.members().collect::<Vec<_>>(), [(0, 10.5), (1, 11.0), (2, 11.25)]);
    assert_eq!(c.raw_logit(2), Some(4.0));
}

#[test]
fn a_band_takes_the_top_away() {
    let mut c = loaded(&[1.0, 2.0, 3.0, 4.0]);
    let (low, high) = (c.cut_at(2.0), c.cut_at(3.0));
    c.keep_band(low, high);
    assert_eq!(ids(&c), [1, 2]);
    assert_eq!(c.max_score(), 3.0);
}

#[test]
fn tiny_temperatures_stay_finite() {
    let mut c = loaded(&[30.0, 29.0, -30.0]);
    c.scale(1.0 / 1e-45);
    assert_eq!(c.pick(0.999), Some(0));
    assert_eq!(c.mass(), 1.0);
}

fn rows() -> impl Strategy<Value = Vec<f32>> {
    let logit = prop_oneof![
        4 => -20.0f32..20.0,
        2 => (-5i8..5).prop_map(f32::from),
        1 => Just(f32::NEG_INFINITY),
        1 => prop_oneof![Just(3.0e38f32), Just(-3.0e38f32), Just(1e-42f32), Just(0.0f32), Just(-0.0f32)],
    ];
    proptest::collection::vec(logit, 1..2000)
        .prop_filter("a finite logit", |row| row.iter().any(|x| x.is_finite()))
}

/// Long rows are drawn from by sums that a search found on its way; with the prescribed sums the tokens are the same.
#[test]
fn draws_by_rough_sums_are_those_by_exact_ones() {
    let noise = |i: usize| {
        (i as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(0x9e37_79b9) as f32 / 4.3e9
    };
    let flat: Vec<f32> = (0..30_000).map(|i| 2.0 * noise(i)).collect();
    let normal = (0..30_000).map(|i| (0..8).map(|k| noise(8 * i + k)).sum::<f32>() * 4.0).collect();
    let peaked = (0..30_000).map(|i| -1.7 * (noise(i) * 30_000.0 + 1.0).ln()).collect();
    let cuts: [fn(&mut Candidates, f64); 3] = [
        |_, _| {},
        |c, share| {
            let cut = c.nucleus(share).unwrap();
            c.keep_at_or_above(cut);
        },
        |c, share| {
            let (low, high) = c.typical(share, 1e-6, 1).unwrap();
            c.keep_band(low, high);
        },
    ];
    for row in [flat, normal, peaked] {
        for (cut, share) in cuts.iter().flat_map(|cut| [0.05, 0.5, 0.9, 0.999].map(|share| (cut, share))) {
            let (mut rough, mut exact) = (loaded(&row), loaded(&row));
            for c in [&mut rough, &mut exact] {
                c.scale(1.25);
                cut(c, share);
            }
            assert_eq!(rough.count(), exact.count());
            exact.mass();
            for i in 0..200 {
                let u = f64::from(i) / 200.0;
                assert_eq!(rough.pick(u), exact.pick(u), "{share} {u}");
            }
        }
    }
}

#[test]
fn few_draws_after_many_use_the_same_table() {
    let row: Vec<f32> = (0..500_000u32).map(|id| (id * 7919 % 1000) as f32 * 0.01).collect();
    let uniforms: Vec<f64> = (0..3000).map(|i| (f64::from(i) * 0.618_033).fract()).collect();
    let (mut c, mut one) = (loaded(&row), loaded(&row));
    let expected: Vec<_> = uniforms.iter().map(|&u| one.pick(u)).collect();
    let mut found = Vec::new();
    let mut draw = |c: &mut Candidates, range: std::ops::Range<usize>| {
        c.pick_each(&uniforms[range], |_, id| found.push(id));
        c.runs
    };
    // 256 + V / 256 = 2209 draws are as dear as the table, in however many groups they come
    assert!(!draw(&mut c, 0..2000) && draw(&mut c, 2000..2990) && draw(&mut c, 2990..2995));
    assert_eq!(c.running.find(0.0), Some(0));
    c.running = Running::default();
    draw(&mut c, 2995..3000);
    assert_eq!(found, expected);
    // a table of another row, in its place: it is what the last few draws look into
    let set = Slice { ids: None, values: &[0.0, 1.0] };
    c.running.fill(set, Weigh { max: 1.0, scale: 1.0 }, Band::from(1.0), &[1.0]);
    let mut last = Vec::new();
    c.pick_each(&[0.0], |_, id| last.push(id));
    assert_eq!(last, [Some(1)]);
    // other members, other draws
    let cut = c.kth_best(100_000).unwrap();
    c.keep_at_or_above(cut);
    c.pick_each(&[0.5], |_, id| last.push(id));
    assert_eq!((last[1], c.drawn), (c.pick(0.5), 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happened_the_row_comes_back(row in rows(), edits in proptest::collection::vec((0u32..2000, -9.0f64..9.0), 0..40), k in 1usize..50) {
        let mut c = loaded(&row);
        for (n, &(id, by)) in edits.iter().enumerate() {
            c.edit(id, |s| s + by);
            if n == 10 && !c.is_empty() {
                let cut = c.kth_best(k).unwrap();
                c.keep_at_or_above(cut);
            }
            if n == 20 {
                c.map(|_, s| s * 0.5);
            }
        }
        let seen: Vec<f32> = c.raw().map(|r| r.1).collect();
        prop_assert_eq!(&seen, &row);
        prop_assert_eq!(c.take_row().logits, row);
        prop_assert!(c.is_empty() && c.members().next().is_none());
    }

    #[test]
    fn sparse_rows_decide_as_dense_ones(row in rows(), share in 0.0f64..1.0, u in 0.0f64..1.0) {
        let (ids, logits) =
            row.iter().enumerate().filter(|(_, x)| **x > f32::NEG_INFINITY).map(|(i, x)| (i as u32, *x)).unzip();
        let mut sparse = Candidates::default();
        sparse.load(Row { logits, ids: Some(ids), vocab: row.len(), ..Row::default() }, 0, 0).unwrap();
        let mut dense = loaded(&row);
        for c in [&mut sparse, &mut dense] {
            c.scale(1.0 / 0.7);
            c.edit(3, |s| s - 1.0);
            let cut = c.nucleus(share).unwrap();
            c.keep_at_or_above(cut);
        }
        prop_assert_eq!(sparse.mass().to_bits(), dense.mass().to_bits());
        prop_assert_eq!(sparse.pick(u), dense.pick(u));
        prop_assert_eq!(sparse.members().collect::<Vec<_>>(), dense.members().collect::<Vec<_>>());
    }

    #[test]
    fn reports_agree_with_f64(row in rows(), scale in 0.1f64..3.0) {
        let mut c = loaded(&row);
        c.scale(scale);
        let best = row.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x)) as f64;
        let weights: Vec<f64> = row.iter().map(|&x| ((x as f64 - best) * scale).exp()).collect();
        let z: f64 = weights.iter().sum();
        for (id, p) in c.probabilities() {
            let expected = weights[id as usize] / z;
            prop_assert!((p - expected).abs() <= 1e-9 * expected + 1e-300, "token {}: {} {}", id, p, expected);
        }
        let h: f64 = -weights.iter().map(|w| w / z).filter(|&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>();
        prop_assert!((c.entropy() - h).abs() <= 2e-6 * h + 1e-6, "{} {}", c.entropy(), h);
    }
}
