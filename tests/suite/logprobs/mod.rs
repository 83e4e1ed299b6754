//! Log-probabilities from two origins: how far apart they are, and the cause that each injected fault is named by.

mod files;

use tokpick::check::{CauseKind, Claimed, LogprobDiff, LogprobOptions, Side, compare_logprobs};
use tokpick::source::{Open, row_iter};

use crate::support::run::fixture;

/// Rows of a real model along a text, in chunks of 31 tokens, as natural logarithms that sum to 1.
struct Text {
    rows: Vec<Vec<f64>>,
    ids: Vec<u32>,
}

const CHUNK: usize = 31;

fn normalized(row: impl Iterator<Item = f64>) -> Vec<f64> {
    let row: Vec<f64> = row.collect();
    let most = row.iter().copied().fold(f64::MIN, f64::max);
    let sum: f64 = row.iter().map(|x| (x - most).exp()).sum();
    row.iter().map(|x| x - most - sum.ln()).collect()
}

impl Text {
    fn real(file: &str) -> Text {
        let mut source = Open::new(fixture("formats/kld").join(file)).open().unwrap();
        let carried = source.carried().to_vec();
        let (mut rows, mut ids) = (Vec::new(), Vec::new());
        for at in row_iter(source.as_mut()).map(Result::unwrap) {
            rows.push(normalized(at.row.logits.iter().map(|x| f64::from(*x))));
            ids.push(carried[at.sequence].ids[at.step]);
        }
        Text { rows, ids }
    }

    /// The same rows with other tokens taken: those that `rows` draw, by uniforms of a small generator.
    fn drawn(&self, rows: &[Vec<f64>], seed: u64) -> Text {
        let mut state = seed;
        let ids = rows.iter().map(|row| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (u, mut sum) = ((state >> 11) as f64 / (1u64 << 53) as f64, 0.0);
            let reached = |x: &f64| {
                sum += x.exp();
                sum > u
            };
            row.iter().position(reached).unwrap_or(0) as u32
        });
        Text { ids: ids.collect(), rows: self.rows.clone() }
    }

    fn greedy(&self) -> Text {
        let best = |row: &Vec<f64>| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u32;
        Text { ids: self.rows.iter().map(best).collect(), rows: self.rows.clone() }
    }

    /// What rows give to the ids.
    fn of(&self, rows: &[Vec<f64>]) -> Vec<Claimed> {
        let logprobs: Vec<Option<f64>> =
            rows.iter().zip(&self.ids).map(|(row, id)| Some(row[*id as usize])).collect();
        let chunks = logprobs.chunks(CHUNK).zip(self.ids.chunks(CHUNK));
        chunks
            .map(|(l, ids)| Claimed { ids: ids.to_vec(), logprobs: l.to_vec(), ..Claimed::default() })
            .collect()
    }

    fn plain(&self) -> Vec<Claimed> {
        self.of(&self.rows)
    }
}

fn at_temperature(rows: &[Vec<f64>], t: f64) -> Vec<Vec<f64>> {
    rows.iter().map(|row| normalized(row.iter().map(|x| x / t))).collect()
}

/// The rows with nothing but what `keep` keeps of each, given its ids from the best on.
fn truncated(rows: &[Vec<f64>], keep: impl Fn(&[f64]) -> usize) -> Vec<Vec<f64>> {
    let cut = |row: &Vec<f64>| {
        let mut sorted = row.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let least = sorted[keep(&sorted) - 1];
        normalized(row.iter().map(|x| if *x >= least { *x } else { f64::NEG_INFINITY }))
    };
    rows.iter().map(cut).collect()
}

fn top_p(p: f64) -> impl Fn(&[f64]) -> usize {
    move |sorted| {
        let mut sum = 0.0;
        let reached = |x: &f64| {
            sum += x.exp();
            sum >= p
        };
        sorted.iter().position(reached).map_or(sorted.len(), |at| at + 1)
    }
}

fn bf16(x: f64) -> f64 {
    let bits = (x as f32).to_bits();
    f64::from(f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000))
}

fn change(side: &[Claimed], f: impl Fn(usize, usize, f64) -> Option<f64>) -> Vec<Claimed> {
    let one = |(s, c): (usize, &Claimed)| {
        let logprobs = c.logprobs.iter().enumerate().map(|(t, x)| f(s, t, x.unwrap())).collect();
        Claimed { logprobs, ..c.clone() }
    };
    side.iter().enumerate().map(one).collect()
}

fn compare(a: &[Claimed], b: &[Claimed]) -> LogprobDiff {
    compare_logprobs(["a", "b"], a, b, &LogprobOptions::default()).unwrap()
}

fn kinds(found: &LogprobDiff) -> Vec<CauseKind> {
    found.causes.iter().map(|c| c.cause).collect()
}

/// Uniforms from −1 to 1, the same in every run.
fn noise(s: usize, t: usize) -> f64 {
    let x = (s * 131 + t * 7919 + 17) as u64;
    let x = x.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (((x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

#[test]
fn clean_pairs_name_no_cause() {
    let text = Text::real("lm512-f32.kld");
    for text in [text.drawn(&text.rows, 1), text.greedy(), text] {
        let plain = text.plain();
        for scale in [0.0, 1e-6, 1e-4, 1e-3] {
            let noisy = change(&plain, |s, t, x| Some((x + scale * noise(s, t)).min(0.0)));
            for (a, b) in [(&plain, &noisy), (&noisy, &plain)] {
                assert_eq!(compare(a, b).causes, [], "{scale}");
            }
        }
        // another model is no fault of the numbers
        for file in ["lm512-q8_0.kld", "lm512-q4_0.kld"] {
            let other = text.of(&Text::real(file).rows);
            assert_eq!(compare(&plain, &other).causes, [], "{file}");
        }
    }
}

#[test]
fn a_temperature_on_one_side_is_estimated() {
    let text = Text::real("lm512-f32.kld");
    for (what, text) in [("text", &text), ("drawn", &text.drawn(&text.rows, 1)), ("greedy", &text.greedy())] {
        for t in [0.5, 0.7, 0.9, 1.2, 1.5] {
            let processed = text.of(&at_temperature(&text.rows, t));
            for (is_a, a, b) in [(true, &processed, &text.plain()), (false, &text.plain(), &processed)] {
                let found = compare(a, b);
                assert_eq!(kinds(&found), [CauseKind::Temperature], "{what} {t} {is_a} {:?}", found.causes);
                let estimate = found.causes[0].estimate.unwrap();
                let expected = if is_a { t } else { 1.0 / t };
                let slack = if what == "greedy" || !is_a { 0.32 } else { 0.11 };
                assert!((estimate / expected).ln().abs() < slack, "{what} {t} {is_a}: {estimate}");
            }
        }
    }
}

#[test]
fn a_restricted_support_is_told_from_a_temperature() {
    let text = Text::real("lm512-f32.kld");
    for (p, k) in [(0.9, 0), (0.8, 0), (1.0, 5), (1.0, 20)] {
        let keep = |sorted: &[f64]| if k > 0 { k } else { top_p(p)(sorted) };
        let rows = truncated(&text.rows, keep);
        let drawn = text.drawn(&rows, 3);
        let (kept, plain) = (drawn.of(&rows), drawn.plain());
        for (side, found) in [(Side::A, compare(&kept, &plain)), (Side::B, compare(&plain, &kept))] {
            assert_eq!(kinds(&found), [CauseKind::RestrictedSupport], "{p} {k} {:?}", found.causes);
            assert_eq!(found.causes[0].side, Some(side));
            let least = found.causes[0].estimate.unwrap();
            assert!(k > 0 || least >= p - 1e-9, "{p}: {least}");
        }
    }
}

#[test]
fn raw_and_processed_numbers_are_told_apart() {
    let text = Text::real("lm512-f32.kld");
    // temperature, then top-p: the only token that is kept has probability 1
    let rows = truncated(&at_temperature(&text.rows, 0.7), top_p(0.9));
    let drawn = text.drawn(&rows, 5);
    let found = compare(&drawn.of(&rows), &drawn.plain());
    assert_eq!(kinds(&found), [CauseKind::Temperature, CauseKind::Processed], "{:?}", found.causes);
    // tokens that the processors mask
    let found = compare(&text.of(&truncated(&text.rows, |_| 3)), &text.plain());
    assert!(kinds(&found).contains(&CauseKind::Processed), "{:?}", found.causes);
    // a document with both: its processed numbers are those of the other side
    let other = drawn.of(&rows);
    let mut raw = drawn.plain();
    for (raw, other) in raw.iter_mut().zip(&other) {
        raw.processed = other.logprobs.clone();
    }
    let found = compare(&raw, &other);
    assert_eq!((kinds(&found), found.causes[0].side), (vec![CauseKind::Processed], Some(Side::B)));
    // a penalty on what came before
    let mut seen = std::collections::HashSet::new();
    let ids = text.ids.clone();
    let repeated: Vec<bool> = ids
        .iter()
        .enumerate()
        .map(|(at, id)| {
            if at % CHUNK == 0 {
                seen.clear();
            }
            !seen.insert(*id)
        })
        .collect();
    let penalized = change(&text.plain(), |s, t, x| {
        Some(if repeated[s * CHUNK + t] { x - 0.5 } else { x + 0.02 }.min(0.0))
    });
    let found = compare(&penalized, &text.plain());
    assert_eq!(kinds(&found), [CauseKind::Processed], "{:?}", found.causes);
    assert!(found.causes[0].what.contains("a penalty on repetition"));
}

#[test]
fn a_shift_by_one_is_found_both_ways() {
    let text = Text::real("lm512-f32.kld");
    let plain = text.plain();
    for (by, found) in [
        (
            1.0,
            compare(
                &change(&plain, |s, t, _| {
                    Some(plain[s].logprobs.get(t + 1).copied().flatten().unwrap_or(-3.0))
                }),
                &plain,
            ),
        ),
        (
            -1.0,
            compare(
                &change(&plain, |s, t, _| Some(if t > 0 { plain[s].logprobs[t - 1].unwrap() } else { -3.0 })),
                &plain,
            ),
        ),
    ] {
        assert_eq!(kinds(&found), [CauseKind::Shifted], "{:?}", found.causes);
        assert_eq!(found.causes[0].estimate, Some(by));
    }
}

#[test]
fn filling_is_left_out_and_counted() {
    let text = Text::real("lm512-f32.kld");
    let plain = text.plain();
    for (fill, n) in [(0.0, 3), (-9999.0, 5), (f64::MIN, 4), (f64::from(f32::MIN), 4)] {
        let filled = change(&plain, |s, t, x| Some(if s == 2 && t >= CHUNK - n { fill } else { x }));
        for (side, found) in [(Side::A, compare(&filled, &plain)), (Side::B, compare(&plain, &filled))] {
            assert_eq!(kinds(&found), [CauseKind::Filling], "{fill} {:?}", found.causes);
            assert_eq!((found.causes[0].side, found.causes[0].estimate), (Some(side), Some(n as f64)));
            assert_eq!((found.left_out, found.max_abs), (n, 0.0));
        }
    }
}

#[test]
fn a_side_of_filling_alone_is_named() {
    let text = Text::real("lm512-f32.kld");
    let plain = text.plain();
    let zeros = change(&plain, |_, _, _| Some(0.0));
    for (side, found) in [(Side::A, compare(&zeros, &plain)), (Side::B, compare(&plain, &zeros))] {
        assert_eq!(kinds(&found), [CauseKind::Filling], "{:?}", found.causes);
        assert_eq!((found.causes[0].side, found.causes[0].estimate), (Some(side), Some(186.0)));
        assert!(found.causes[0].what.contains("greedy decoding"), "{:?}", found.causes);
    }
    // most are filling, and the rest agrees
    let mostly = change(&plain, |_, t, x| Some(if t > 5 { 0.0 } else { x }));
    let found = compare(&mostly, &plain);
    assert_eq!((kinds(&found), found.causes[0].side), (vec![CauseKind::Filling], Some(Side::A)));
    assert_eq!((found.max_abs < 1e-3, found.left_out > 140), (true, true), "{found:?}");
    for floor in [-9999.0, f64::from(f32::MIN)] {
        let floors = change(&plain, |_, _, _| Some(floor));
        for (at, sides) in [("a", [&floors, &plain]), ("b", [&plain, &floors])] {
            let options = LogprobOptions::default();
            let line = compare_logprobs(["a", "b"], sides[0], sides[1], &options).unwrap_err().to_string();
            assert!(line.starts_with(at) && line.contains("all its log-probabilities are filling"), "{line}");
        }
    }
}

#[test]
fn a_lost_bos_is_named() {
    let text = Text::real("lm512-f32.kld");
    let plain = text.plain();
    // the first tokens without their beginning are much less likely, later ones hardly
    let lost = change(&plain, |s, t, x| {
        Some((x + noise(s, t) * 2.0 * 0.2f64.powi(t as i32) - 3.0 * 0.2f64.powi(t as i32)).min(0.0))
    });
    let found = compare(&lost, &plain);
    assert_eq!(kinds(&found), [CauseKind::BosLost], "{:?}", found.causes);
    // one side counts it
    let mut with = plain.clone();
    for claimed in &mut with {
        claimed.ids.insert(0, 1);
        claimed.logprobs.insert(0, None);
    }
    let found = compare(&with, &plain);
    assert_eq!((kinds(&found), found.causes[0].side), (vec![CauseKind::BosLost], Some(Side::B)));
    assert_eq!((found.tokens, found.max_abs), (186, 0.0));
    // prompts tell it, too
    let prompted = |prompt: &[u32]| -> Vec<Claimed> {
        plain.iter().map(|c| Claimed { prompt: prompt.to_vec(), ..c.clone() }).collect()
    };
    let found = compare(&prompted(&[7, 8]), &prompted(&[1, 7, 8]));
    assert_eq!((kinds(&found), found.causes[0].side), (vec![CauseKind::BosLost], Some(Side::A)));
}

#[test]
fn rounding_to_bfloat16_is_named() {
    let text = Text::real("lm512-f32.kld");
    for text in [text.drawn(&text.rows, 2), text.greedy(), text] {
        let plain = text.plain();
        let found = compare(&plain, &change(&plain, |_, _, x| Some(bf16(x))));
        assert_eq!((kinds(&found), found.causes[0].side), (vec![CauseKind::Rounding], Some(Side::B)));
        // the logits were, before they were normalised
        let logits =
            text.rows.iter().map(|row| normalized(row.iter().map(|x| bf16(x + 12.0)))).collect::<Vec<_>>();
        let found = compare(&text.of(&logits), &plain);
        // any noise of that size looks the same
        assert_eq!(kinds(&found), [], "{found:?}");
        assert!(found.notes[0].contains("noise of the size that logits in bfloat16 make"), "{found:?}");
    }
}

#[test]
fn ids_that_differ_are_an_error_that_says_what_it_looks_like() {
    let claimed = |ids: &[u32], text: Option<&str>| {
        let logprobs = vec![Some(-0.5); ids.len()];
        [Claimed { ids: ids.to_vec(), logprobs, text: text.map(str::to_string), ..Claimed::default() }]
    };
    let line = |a: &[Claimed], b: &[Claimed]| {
        compare_logprobs(["a", "b"], a, b, &LogprobOptions::default()).unwrap_err().to_string()
    };
    let (a, b) = (claimed(&[5, 6, 7], Some("the dog")), claimed(&[5, 9], Some("the dog")));
    assert_eq!(
        line(&a, &b),
        "b: sequence 0, step 1: id 9, but a has id 6 here; the text is the same: a different tokenizer"
    );
    let (a, b) = (claimed(&[5, 6, 7, 8], None), claimed(&[1, 2, 3, 4], None));
    assert!(line(&a, &b).ends_with("another run, or a different tokenizer"));
    let (a, b) = (claimed(&[5, 6, 7, 8], None), claimed(&[5, 6, 2, 8], None));
    assert!(line(&a, &b).ends_with("both must be of the same tokens"));
    assert!(line(&a, &[]).contains("0 sequences, but a has 1"));
    let mut above = a.clone();
    above[0].logprobs[2] = Some(0.7);
    assert!(line(&above, &a).starts_with("a: sequence 0, step 2: 0.7 is no log-probability"));
    // an end token more is no fault
    let found = compare(&claimed(&[5, 6, 7], None), &claimed(&[5, 6], None));
    assert_eq!((found.tokens, found.causes.len()), (2, 0));
}

/// d = ln 2 and −ln 2: the ratios are 2 and ½.
#[test]
fn estimators_by_hand() {
    let of = |x: &[f64]| [Claimed { logprobs: x.iter().map(|x| Some(*x)).collect(), ..Claimed::default() }];
    let ln2 = 2f64.ln();
    let found = compare(&of(&[-1.0, -1.0 - ln2]), &of(&[-1.0 - ln2, -1.0]));
    let near = |found: Option<f64>, expected: f64| {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} {expected}")
    };
    near(found.if_a_drew.k1, 0.0);
    // e^d − 1 − d: 1 − ln 2 and −½ + ln 2
    near(found.if_a_drew.k3, 0.25);
    near(found.if_b_drew.k3, 0.25);
    // (4 + ¼) / 2 − 1
    near(found.if_a_drew.chi2, 1.125);
    near(found.ratio.mean, 1.25);
    assert_eq!(
        (found.ratio.outside, found.ratio.quantiles.max, found.ratio.quantiles.min),
        (0.0, Some(2.0), Some(0.5))
    );
    near(found.perplexity_a, (1.0 + ln2 / 2.0).exp());
    near(found.perplexity_gap, 0.0);
    let bound = LogprobOptions { ratio_bound: 1.9, worst: 1, rows: None };
    let narrow = compare_logprobs(["a", "b"], &of(&[-1.0, -1.0]), &of(&[-1.0 - ln2, -1.0]), &bound).unwrap();
    assert_eq!((narrow.ratio.outside, narrow.worst.len(), narrow.worst[0].step), (0.5, 1, 0));
}
