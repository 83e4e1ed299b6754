//! What each processor makes of scores at the edge: rational functions, evaluated exactly.

use num_rational::BigRational;
use num_traits::{Pow, ToPrimitive};

use tokpick::TokenId;
use tokpick::processor::{Context, INFOS};
use tokpick::settings;

use super::{ABOVE_0, ABOVE_1, BELOW_1, MASKED, TINY, cases, exact, ids, whole};

/// Scores at the edge; the last token is masked.
const ROW: [f32; 12] = [0.0, -0.0, 1.0, -1.0, TINY, -TINY, f32::MAX, f32::MIN, 88.0, -104.0, 1e-38, MASKED];
/// A factor's edges.
const FACTORS: [f64; 11] =
    [ABOVE_0, 1e-300, f64::MIN_POSITIVE, 0.5, BELOW_1, 1.0, ABOVE_1, 2.0, 1e38, 1e300, f64::MAX];
/// A summand's edges.
const TERMS: [f64; 13] =
    [0.0, -0.0, ABOVE_0, -ABOVE_0, 1e-38, 0.5, -1.0, 2.0, 1e38, -1e38, 1e300, f64::MAX, -1e308];

/// What a score becomes: a number, which is held within ±f32::MAX, or masked.
type Score = Option<BigRational>;

fn limited(x: BigRational) -> BigRational {
    let most = exact(f32::MAX.into());
    x.clamp(-most.clone(), most)
}

fn power(x: f64, n: usize) -> BigRational {
    Pow::pow(exact(x), n)
}

/// The scores of the row behind a chain are these.
#[track_caller]
fn gives(
    chain: &str,
    context: &[TokenId],
    prompt_len: usize,
    expected: impl Fn(usize, BigRational) -> Score,
) {
    let cx = Context { context, prompt_len, ..Context::default() };
    let found = settings::chain(chain).and_then(|chain| chain.after(&cx, &ROW));
    let found = found.unwrap_or_else(|e| panic!("{chain}: {e}"));
    for (at, &x) in ROW.iter().enumerate() {
        let expected = if x == MASKED { None } else { expected(at, exact(x.into())).map(limited) };
        let score = found.score(at as TokenId).filter(|s| *s > f64::NEG_INFINITY);
        let Some(expected) = expected else {
            assert_eq!(score, None, "{chain}: token {at} ({x}) is masked");
            continue;
        };
        let expected = expected.to_f64().expect("within f32");
        let score = score.unwrap_or_else(|| panic!("{chain}: token {at} ({x}) is masked, not {expected}"));
        // two roundings, of which a difference may leave those of its parts
        let room = 4.0 * f64::EPSILON * expected.abs().max(f64::from(x.abs()));
        assert!((score - expected).abs() <= room, "{chain}: token {at} ({x}) has {score}, not {expected}");
    }
}

/// Every token once, and the first four again.
fn history() -> Vec<TokenId> {
    (0..ROW.len() as TokenId).chain(0..4).collect()
}

fn count(at: usize) -> BigRational {
    whole(if at < 4 { 2 } else { 1 })
}

#[test]
fn penalties_by_a_factor() {
    let is_negative = |x: &BigRational| *x < whole(0);
    for r in FACTORS {
        let worse = |_, x: BigRational| Some(if is_negative(&x) { x * exact(r) } else { x / exact(r) });
        gives(&format!("repetition_penalty={r:e}"), &history(), 3, worse);
        let ids: Vec<usize> = (0..ROW.len()).collect();
        let better = |_, x: BigRational| Some(if is_negative(&x) { x / exact(r) } else { x * exact(r) });
        gives(
            &format!(r#"[{{"encoder_repetition_penalty":{{"value":{r:e},"encoder_ids":{ids:?}}}}}]"#),
            &[],
            0,
            better,
        );
        for n in [0, 1, 2] {
            let grown = |at: usize, x: BigRational| {
                let size = if is_negative(&x) { -x.clone() } else { x.clone() };
                Some(if n > 0 && at < 9 { x + size * (power(r, n) - whole(1)) } else { x })
            };
            let form = format!(r#"{{"start":2,"factor":{r:e},"eos_token_id":[0,1,2,3,4,5,6,7,8]}}"#);
            gives(&format!(r#"[{{"exponential_decay_length_penalty":{form}}}]"#), &[1; 5][..3 + n], 1, grown);
        }
    }
}

#[test]
fn penalties_and_biases_by_a_summand() {
    for p in TERMS {
        let once = |_, x| Some(x - exact(p));
        let each = |at, x| Some(x - exact(p) * count(at));
        gives(&format!(r#"[{{"presence_penalty":{{"value":{p:e},"scope":"all"}}}}]"#), &history(), 0, once);
        gives(&format!(r#"[{{"frequency_penalty":{{"value":{p:e},"scope":"all"}}}}]"#), &history(), 0, each);
        // generated ids alone
        let some = |at, x| Some(if at < 4 { x - exact(p) } else { x });
        gives(&format!("frequency_penalty={p:e}"), &history(), ROW.len(), some);
        // twice: they add up
        let biases: Vec<String> = (0..4).chain(0..12).map(|id| format!("[{id},{p:e}]")).collect();
        gives(&format!(r#"[{{"logit_bias":[{}]}}]"#, biases.join(",")), &[], 0, |at, x| {
            Some(x + exact(p) * count(at))
        });
        let pairs: Vec<String> =
            (0..12).map(|id| format!("[[{id}],{p:e}],[[7,{id}],{p:e}],[[8,{id}],1]")).collect();
        let both = |_, x| Some(x + exact(p) * whole(2));
        gives(&format!(r#"[{{"sequence_bias":[{}]}}]"#, pairs.join(",")), &[8, 7], 0, both);
    }
    // what forbids, forbids, whatever is added to it; so does the lowest number of a type
    for lowest in ["\"-inf\"", "-1.7976931348623157e308", "-3.4028234663852886e38", "-65504"] {
        let masks = |at, x| if at == 2 { None } else { Some(x) };
        gives(&format!(r#"[{{"logit_bias":[[2,1e308],[2,{lowest}],[2,1e308]]}}]"#), &[], 0, masks);
    }
}

#[test]
fn dry_at_its_edges() {
    // 0 1 2 came before: token 3 would be the fourth of a repetition
    let context = [0, 1, 2, 3, 9, 0, 1, 2];
    for multiplier in TERMS {
        for (base, steps) in [
            (0.0, None),
            (BELOW_1, None),
            (1.0, Some(2)),
            (ABOVE_1, Some(2)),
            (1.75, Some(2)),
            (1e19, Some(2)),
            (1e20, Some(1)),
            (1e38, Some(1)),
            (1e300, Some(0)),
            (f64::MAX, Some(0)),
        ] {
            // the exponent stops where the power would leave f32
            let lowered = |at, x: BigRational| match steps {
                Some(n) if at == 3 => Some(x - exact(multiplier) * power(base, n)),
                _ => Some(x),
            };
            let form = format!(r#"{{"multiplier":{multiplier:e},"base":{base:e},"allowed_length":1}}"#);
            gives(&format!(r#"[{{"dry":{form}}}]"#), &context, 0, lowered);
        }
    }
}

#[test]
fn what_only_forbids_leaves_scores_alone() {
    let few = |forbidden: &'static [usize]| {
        move |at: usize, x: BigRational| (!forbidden.contains(&at)).then_some(x)
    };
    gives("[{\"suppress_tokens\":[2,6,11]}]", &[], 0, few(&[2, 6]));
    gives("[{\"allowed_tokens\":[0,5,11]}]", &[], 0, few(&[1, 2, 3, 4, 6, 7, 8, 9, 10]));
    gives("[{\"bad_words_ids\":[[6],[1,2],[3,4]]}]", &[3, 1], 0, few(&[2, 6]));
    gives("[{\"begin_suppress_tokens\":[6]}]", &[1], 1, few(&[6]));
    gives("[{\"begin_suppress_tokens\":[6]}]", &[1, 1], 1, few(&[]));
    gives("no_repeat_ngram_size=1", &[6, 7, 11], 0, few(&[6, 7]));
    gives("no_repeat_ngram_size=2", &[6, 7, 1, 6], 0, few(&[7]));
    gives("no_repeat_ngram_size=18446744073709551615", &[6, 7, 1, 6], 0, few(&[]));
    let encoder = r#"[{"encoder_no_repeat_ngram_size":{"value":2,"encoder_ids":[1,6,1,7]}}]"#;
    gives(encoder, &[0, 1], 0, few(&[6, 7]));
    for (m, length, forbids) in [(0, 0, false), (3, 2, true), (3, 3, false), (u64::MAX, 5, true)] {
        let context = vec![1; length];
        let forbidden: &[usize] = if forbids { &[6] } else { &[] };
        for name in ["min_length", "min_new_tokens"] {
            let chain = format!(r#"[{{"{name}":{{"value":{m},"eos_token_id":[6,11]}}}}]"#);
            gives(&chain, &context, 0, few(forbidden));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("allowed.jsonl");
    std::fs::write(&file, "{\"prefix\":[5],\"allowed\":[1,6,11]}\n").unwrap();
    let constraint =
        serde_json::json!([{"prefix_constraint": {"input": file, "missing": "free"}}]).to_string();
    gives(&constraint, &[9, 5], 1, few(&[0, 2, 3, 4, 5, 7, 8, 9, 10]));
    gives(&constraint, &[9, 4], 1, few(&[]));
}

/// A forced token has the score 0, masked or not; what is repaired is the number that stands for it.
#[test]
fn what_forces_and_repairs() {
    let forced = |chain: &str, context: &[TokenId], expected: &[(TokenId, f64)]| {
        let cx = Context { context, ..Context::default() };
        let found = settings::chain(chain).and_then(|chain| chain.after(&cx, &ROW)).unwrap();
        assert_eq!(found.members().collect::<Vec<_>>(), expected, "{chain}");
    };
    forced("[{\"forced_bos_token_id\":11}]", &[0], &[(11, 0.0)]);
    let end = r#"[{"forced_eos_token_id":{"max_length":3,"eos_token_id":[7,11]}}]"#;
    forced(end, &[0, 0], &[(7, 0.0), (11, 0.0)]);
    let (most, least) = (f64::from(f32::MAX), f64::from(f32::MIN));
    let row = [f32::NAN, f32::INFINITY, MASKED, -0.0, TINY, f32::MAX, f32::MIN];
    let repaired = settings::chain("remove_invalid_values=true").and_then(|chain| chain.on(&row)).unwrap();
    let scores: Vec<f64> = repaired.members().map(|m| m.1).collect();
    assert_eq!(scores, [0.0, most, least, 0.0, TINY.into(), most, least]);
    // nothing but these: all of them, equally probable
    let repaired =
        settings::chain("remove_invalid_values=true").and_then(|chain| chain.on(&[MASKED; 3])).unwrap();
    assert_eq!(repaired.probabilities(), [(0, 1.0 / 3.0), (1, 1.0 / 3.0), (2, 1.0 / 3.0)]);
}

/// Scores that are rewritten are held relative to the best one, within f32::MAX of it.
#[track_caller]
fn reshapes(chain: &str, row: &[f32], expected: impl Fn(BigRational) -> BigRational) {
    let found = settings::chain(chain).and_then(|chain| chain.on(row));
    let found = found.unwrap_or_else(|e| panic!("{chain}: {e}"));
    let scores: Vec<BigRational> = row.iter().map(|&x| expected(exact(x.into()))).collect();
    let best = scores.iter().max().unwrap().clone();
    for ((&x, score), (id, s)) in row.iter().zip(&scores).zip(found.members()) {
        let (below, found) = (limited(score - &best).to_f64().unwrap(), s - found.max_score());
        // of what is far below the best it is the distance that is exact
        let room = 1e-12 * below.abs().max(f64::from(ABOVE_0 as f32));
        let room = room.max(4.0 * f64::EPSILON * best.to_f64().unwrap().abs().min(1e300));
        assert!(
            (found - below).abs() <= room,
            "{chain}: token {id} ({x}) lies {found} below the best, not {below}"
        );
    }
}

#[test]
fn shapes_at_their_edges() {
    let rows: [&[f32]; 4] =
        [&[0.0, -0.0, 3.0, TINY, -TINY, -1.0], &[f32::MAX, f32::MIN, 0.0, 1e30], &[f32::MIN, -1e38], &[2.0]];
    for row in rows {
        let max = exact(row.iter().copied().fold(MASKED, f32::max).into());
        for factor in [ABOVE_0, 1e-300, 0.5, 1.0, 1e38, 1e99] {
            for curve in [1.0, 2.0, 3.0, 1e9] {
                let (k, s) = ((whole(3) - exact(curve)) / whole(2), (exact(curve) - whole(1)) / whole(2));
                let bent = |x: BigRational| {
                    let d = x - &max;
                    let bend = (exact(factor) * &d * &d) * (&s * &d - &k);
                    // the least f64
                    &max + bend.max(exact(-f64::MAX))
                };
                reshapes(&format!("smoothing(factor={factor:e},curve={curve:e})"), row, bent);
            }
        }
        // far from 0 the tangent is 1, near it the number itself
        for (cap, near) in
            [(ABOVE_0, false), (1e-300, false), (1e-60, false), (1e60, true), (1e300, true), (f64::MAX, true)]
        {
            let capped = |x: BigRational| match (near, x.cmp(&whole(0))) {
                (true, _) | (_, std::cmp::Ordering::Equal) => x,
                (false, std::cmp::Ordering::Greater) => exact(cap),
                (false, std::cmp::Ordering::Less) => exact(-cap),
            };
            reshapes(&format!("softcap={cap:e}"), row, capped);
        }
    }
}

/// The relative entropy is 0 where one token has everything, 1 where all have the same.
#[test]
fn dynamic_temperature_at_its_edges() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| case.t == 1.0 && (case.m() == 1 || case.m() == case.n())) {
        for (t, range) in [(1.0, 0.5), (1.0, 2.0), (0.0, 1e300), (1e300, 1e-300), (2.0, 1e-9), (1e38, 1e38)] {
            for exponent in [0.0, ABOVE_0, 1.0, 1e300, f64::MAX] {
                let (low, high) = ((exact(t) - exact(range)).max(whole(0)), exact(t) + exact(range));
                let at = if case.m() == 1 && exponent > 0.0 { low } else { high };
                let form =
                    format!("dynamic_temperature(temperature={t:e},range={range:e},exponent={exponent:e})");
                let mut c = case.after(&form);
                if case.n() == 1 {
                    assert_eq!(ids(&c), [case.best()], "{case}: {form}");
                    continue;
                }
                if at == whole(0) {
                    assert_eq!(ids(&c), [case.best()], "{case}: {form}");
                    continue;
                }
                // distances over the temperature, as far as they are nothing or enormous
                let below: Vec<_> = case.below.iter().map(|d| d.as_ref().map(|d| d / &at)).collect();
                if below.iter().flatten().any(|d| (exact(1e-15)..=exact(1e5)).contains(d)) {
                    continue;
                }
                let near: Vec<bool> =
                    below.iter().map(|d| d.as_ref().is_some_and(|d| *d < exact(1e-15))).collect();
                let m = near.iter().filter(|near| **near).count() as f64;
                for (id, p) in c.probabilities() {
                    let expected = if near[id as usize] { 1.0 / m } else { 0.0 };
                    assert!((p - expected).abs() < 1e-12, "{case}: {form}: token {id} has {p}");
                }
                assert!(c.pick(0.0).is_some_and(|id| near[id as usize]));
                compared += 1;
            }
        }
    }
    assert!(compared > 200, "{compared}");
}

/// Scores become ln 1/m; what lies below the best lies so far below that.
#[test]
fn renormalized_scores() {
    for case in cases().iter().filter(|case| case.t == 1.0) {
        let c = case.after("renormalize_logits=true");
        let m = case.m() as f64;
        for (id, score) in c.members() {
            let below = limited(case.below[id as usize].clone().unwrap()).to_f64().unwrap();
            let expected = -m.ln() - below;
            assert!(
                (score - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                "{case}: token {id}: {score}"
            );
        }
    }
}

#[test]
fn two_models_at_their_edges() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.json");
    let pairs: [(f32, f32); 6] =
        [(1.0, 0.0), (f32::MIN, f32::MAX), (f32::MAX, 1.0), (TINY, -TINY), (-1e38, f32::MIN), (-0.0, 2.0)];
    let other: Vec<String> = pairs.iter().map(|pair| format!("{:e}", f64::from(pair.1))).collect();
    std::fs::write(&file, format!("[[{}]]", other.join(","))).unwrap();
    let row = pairs.map(|pair| pair.0);
    let of = |x: &BigRational| {
        let pair = pairs.iter().find(|pair| exact(pair.0.into()) == *x);
        exact(pair.expect("a score of the row").1.into())
    };
    for g in [0.0, -1.0, ABOVE_0, 1e-300, 0.5, 2.0, 1e38, 1e300, f64::MAX, f64::MIN] {
        let guided = |x: BigRational| limited(of(&x) + exact(g) * (&x - of(&x)));
        let form =
            serde_json::json!([{"guidance_scale": {"value": g, "form": "logits", "uncond_input": file}}]);
        reshapes(&form.to_string(), &row, guided);
        if g > 0.0 {
            let preferred = |x: BigRational| limited(&x + exact(g) * (&x - of(&x)));
            let form = serde_json::json!([{"contrastive": {"alpha": 0.0, "beta": g, "amateur_input": file}}]);
            reshapes(&form.to_string(), &row, preferred);
        }
    }
}

/// None is left out: those of the other tables, and these.
#[test]
fn the_tables_have_every_processor() {
    let here = include_str!("scores.rs");
    for info in INFOS {
        let cut = super::truncations::has(info.name);
        assert!(
            cut || info.name == "temperature" || here.contains(info.name),
            "{} is in no table",
            info.name
        );
    }
}
