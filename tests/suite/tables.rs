//! Small distributions, worked out by hand: what each truncation keeps, what each shape makes of them, what is refused.

use crate::support::common::{apply, ids};
use tokpick::TokenId;
use tokpick::settings;

/// Probabilities, chain, kept ids.
type Kept = (&'static [f32], &'static str, &'static [TokenId]);

const HALVES: &[f32] = &[0.5, 0.25, 0.125, 0.0625, 0.0625];
const DECIMALS: &[f32] = &[0.5, 0.3, 0.1, 0.1];
const FLAT: &[f32] = &[0.25, 0.25, 0.25, 0.25];
const SURE: &[f32] = &[0.97, 0.01, 0.01, 0.01];

const TRUNCATIONS: &[Kept] = &[
    // a threshold in decimals means what it says: equality stays
    (DECIMALS, "top_p=0.8", &[0, 1]),
    (DECIMALS, "top_p=0.81", &[0, 1, 2, 3]),
    (DECIMALS, "min_p=0.2", &[0, 1, 2, 3]),
    (DECIMALS, "min_p=0.2000001", &[0, 1, 2, 3]), // within 1e-6 · 0.2
    (DECIMALS, "min_p=0.2001", &[0, 1]),
    (DECIMALS, "min_p=1", &[0]),
    (DECIMALS, "epsilon_cutoff=0.1", &[0, 1, 2, 3]),
    (DECIMALS, "epsilon_cutoff=0.3", &[0, 1]),
    (DECIMALS, "epsilon_cutoff=0.9", &[0]),
    (FLAT, "epsilon_cutoff=0.9", &[0, 1, 2, 3]), // the best one and its ties
    // η = min(ε, √ε · e^−H): e^−H = 1/4 here, √0.81 / 4 = 0.225
    (FLAT, "eta_cutoff=0.81", &[0, 1, 2, 3]),
    // H = 1.168, e^−H = 0.311: η = √0.25 · 0.311 = 0.155
    (DECIMALS, "eta_cutoff=0.25", &[0, 1]),
    // H = 1.152: η = √0.16 · 0.316 = 0.126, below ε
    (&[0.5, 0.3, 0.14, 0.06], "eta_cutoff=0.16", &[0, 1, 2]),
    // top-a: 0.8 · 0.5² = 0.2, 0.4 · 0.5² = 0.1
    (DECIMALS, "top_a=0.8", &[0, 1]),
    (DECIMALS, "top_a=0.4", &[0, 1, 2, 3]),
    (SURE, "top_a=0.2", &[0]),
    (FLAT, "top_a=1", &[0, 1, 2, 3]),
    // p-less: Σp² = 0.36, 0.34375, 0.25, 0.9412
    (DECIMALS, "p_less=true", &[0]),
    (HALVES, "p_less=1", &[0]),
    (FLAT, "p_less=true", &[0, 1, 2, 3]),
    (&[0.4, 0.35, 0.25], "p_less=true", &[0, 1]), // 0.345
    (SURE, "p_less=true", &[0]),
    (FLAT, "p_less_norm=true", &[0, 1, 2, 3]),            // 0
    (&[0.4, 0.35, 0.25], "p_less_norm=true", &[0, 1, 2]), // (3 · 0.345 − 1) / 2 = 0.0175
    (SURE, "p_less_norm=true", &[0]),
    // tail-free: second differences .125 .0625 .0625 of .25
    (HALVES, "tail_free=0", &[0]),
    (HALVES, "tail_free=0.5", &[0, 1]),
    (HALVES, "tail_free=0.7", &[0, 1]),
    (HALVES, "tail_free=0.75", &[0, 1, 2]),
    (HALVES, "tail_free=0.99", &[0, 1, 2]),
    (FLAT, "tail_free=0.1", &[0, 1, 2, 3]), // no bend at all
    (&[0.5, 0.3, 0.1, 0.06, 0.04], "tail_free=0.01", &[0, 1]), // .2 − .2 = 0 is no bend yet
    // typical: H = 1.04 nats; the surprises of 0.5 and 0.25 lie equally far from it
    (&[0.5, 0.25, 0.25], "typical_p=0.3", &[0, 1, 2]),
    (SURE, "typical_p=0.5", &[0]),
    (&[0.4, 0.2, 0.2, 0.2], "typical_p=0.5", &[1, 2, 3]),
    (&[0.4, 0.2, 0.2, 0.2], "typical_p=0.59", &[1, 2, 3]),
    (&[0.4, 0.2, 0.2, 0.2], "typical_p=0.6", &[1, 2, 3]),
    (&[0.4, 0.2, 0.2, 0.2], "typical_p=0.61", &[0, 1, 2, 3]),
    (&[0.4, 0.2, 0.2, 0.2], "typical_p(value=0,min_tokens_to_keep=4)", &[0, 1, 2, 3]),
    // top-h: H = 1.875 bits; the terms are .5 .5 .375 .25 .25 bits
    (HALVES, "top_h=0.01", &[0]),
    (HALVES, "top_h=0.53", &[0]),
    (HALVES, "top_h=0.54", &[0, 1]),
    (HALVES, "top_h=0.75", &[0, 1, 2]), // 1.375 of 1.40625
    (HALVES, "top_h=1", &[0, 1, 2, 3, 4]),
    // of two tied tokens one needs to fit: 1.375 + .25 = 1.625 = 1.875 · 0.8667
    (HALVES, "top_h=0.86", &[0, 1, 2]),
    (HALVES, "top_h=0.87", &[0, 1, 2, 3, 4]),
    // top-n-sigma: 0 1 2 3 3 steps of ln 2 below the best, σ = √1.36 = 1.166 steps (population)
    (HALVES, "top_n_sigma=0.85", &[0]),
    (HALVES, "top_n_sigma=0.86", &[0, 1]),
    (FLAT, "top_n_sigma=0.001", &[0, 1, 2, 3]),
    (HALVES, "top_n_sigma=-1", &[0, 1, 2, 3, 4]),
    // XTC: the coin shows 0
    (HALVES, "xtc(probability=1,threshold=0.125)", &[2, 3, 4]),
    (HALVES, "xtc(probability=1,threshold=0.25)", &[1, 2, 3, 4]), // two good ones
    (HALVES, "xtc(probability=1,threshold=0.125,min_tokens_to_keep=3)", &[2, 3, 4]),
    (HALVES, "xtc(probability=1,threshold=0.125,min_tokens_to_keep=4)", &[0, 1, 2, 3, 4]),
    (HALVES, "xtc(probability=1,threshold=0.3)", &[0, 1, 2, 3, 4]),
    (HALVES, "xtc(probability=1,threshold=0.01)", &[3, 4]), // tied with the worst good one
    (HALVES, "xtc(probability=1,threshold=0.01,min_tokens_to_keep=3)", &[0, 1, 2, 3, 4]),
    (HALVES, "xtc=0.5", &[2, 3, 4]), // threshold 0.1
    // min_tokens_to_keep: ties at the floor are added
    (HALVES, "min_p(value=1,min_tokens_to_keep=3)", &[0, 1, 2]),
    (HALVES, "top_a(value=1,min_tokens_to_keep=4)", &[0, 1, 2, 3, 4]),
    (HALVES, "p_less(value=true,min_tokens_to_keep=2)", &[0, 1]),
    (HALVES, "p_less_norm(value=true,min_tokens_to_keep=2)", &[0, 1]),
    (HALVES, "tail_free(value=0,min_tokens_to_keep=3)", &[0, 1, 2]),
    (HALVES, "top_h(value=0.1,min_tokens_to_keep=9)", &[0, 1, 2, 3, 4]),
    // masked tokens stay masked and count nowhere
    (&[0.5, 0.0, 0.25, 0.25], "top_n_sigma=1", &[0]),
    (&[0.5, 0.0, 0.5], "min_p(value=1,min_tokens_to_keep=3)", &[0, 2]),
];

#[test]
fn truncations() {
    let mut failures = Vec::new();
    for (p, chain, kept) in TRUNCATIONS {
        let row: Vec<f32> = p.iter().map(|p| p.ln()).collect();
        let got = ids(&apply(&settings::chain(chain).unwrap(), &row, &[], 0));
        if got != *kept {
            failures.push(format!("{chain} of {p:?}: {got:?} instead of {kept:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Logits 0 and −1: σ = ½ exactly, so that two deviations reach the second.
#[test]
fn a_logit_at_the_threshold_stays() {
    for (n, kept) in [("2", 2), ("1.9999", 1)] {
        let chain = settings::chain(&format!("top_n_sigma={n}")).unwrap();
        assert_eq!(apply(&chain, &[0.0, -1.0], &[], 0).count(), kept, "{n}");
    }
}

#[test]
fn shapes() {
    let table: &[(&[f32], &str, &[f64])] = &[
        (&[1.0, 3.0], "temperature=0.5", &[2.0, 6.0]),
        // smoothing: d = 0 −1 −3; −f·d²
        (&[3.0, 2.0, 0.0], "smoothing=0.5", &[3.0, 2.5, -1.5]),
        // curve 2: k = s = ½; −½·f·d² + ½·f·d³
        (&[3.0, 2.0, 1.0], "smoothing(factor=1,curve=2)", &[3.0, 2.0, -3.0]),
        // beyond 3 what is a little below the best rises above it: k = −½, s = 3/2 at curve 4
        (&[0.0, -0.125], "smoothing(factor=1,curve=4)", &[0.0, 0.0078125 - 0.0029296875]),
        (&[0.0, 10.0, -1000.0], "softcap=10", &[0.0, 7.615941559557649, -10.0]),
        (&[0.5, 0.5], "renormalize_logits=true", &[-std::f64::consts::LN_2, -std::f64::consts::LN_2]),
        // h = 1: T' = T + range; a single candidate keeps its score
        (&[3.0, 3.0], "dynamic_temperature(temperature=1,range=0.5)", &[2.0, 2.0]),
        (&[3.0], "dynamic_temperature(temperature=1,range=0.5)", &[3.0]),
        (&[3.0, 3.0], "dynamic_temperature=0.5", &[6.0, 6.0]),
        // masked tokens don't count: h = 1 again
        (&[3.0, 3.0, f32::NEG_INFINITY], "dynamic_temperature(temperature=1,range=0.5)", &[2.0, 2.0]),
        // exponent 0: T' = T + range whatever the entropy
        (&[3.0, -6.0], "dynamic_temperature(temperature=1,range=0.5,exponent=0)", &[2.0, -4.0]),
        // T' = 0 is greedy
        (&[900.0, -900.0], "dynamic_temperature(temperature=0.5,range=0.5)", &[900.0]),
    ];
    for (row, chain, scores) in table {
        let c = apply(&settings::chain(chain).unwrap(), row, &[], 0);
        let got: Vec<f64> = c.members().map(|m| m.1).collect();
        let close = got.len() == scores.len() && got.iter().zip(*scores).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "{chain} of {row:?}: {got:?}");
    }
}

#[test]
fn what_is_out_of_range_is_refused_with_the_range() {
    for (chain, message) in [
        ("temperature=-1", "temperature -1: must be a finite number, 0 or more"),
        ("min_p=1.05", "min_p 1.05: must be from 0 to 1 (0 keeps all)"),
        ("typical_p=-0.1", "typical_p -0.1: must be from 0 to 1 (1 keeps all)"),
        ("epsilon_cutoff=1", "epsilon_cutoff 1: must be at least 0 and below 1 (0 keeps all)"),
        ("eta_cutoff=-1", "eta_cutoff -1: must be at least 0 and below 1 (0 keeps all)"),
        ("top_h=0", "top_h 0: must be above 0 and at most 1"),
        ("top_h=1.5", "top_h 1.5: must be above 0 and at most 1"),
        ("top_a=2", "top_a 2: must be from 0 to 1 (0 keeps all)"),
        ("tail_free=1.5", "tail_free 1.5: must be from 0 to 1 (1 keeps all)"),
        ("p_less=0.5", "p_less 0.5: must be true or false: the method has no parameter"),
        ("xtc=2", "xtc probability 2: must be from 0 to 1 (0 is off)"),
        ("xtc(probability=1,threshold=-1)", "xtc threshold -1: must be from 0 to 1 (above 0.5 is off)"),
        ("smoothing=-1", "smoothing factor -1: must be a finite number, 0 or more (0 is off)"),
        ("smoothing(factor=1,curve=0)", "smoothing curve 0: must be a finite number, 1 or more"),
        ("softcap=-30", "softcap -30: must be a finite number, 0 or more (0 is off)"),
        (
            "dynamic_temperature(temperature=1,range=-1)",
            "dynamic_temperature range -1: must be a finite number, 0 or more",
        ),
        ("dynamic_temperature=-1", "dynamic_temperature temperature -1: must be a finite number, 0 or more"),
    ] {
        assert_eq!(settings::chain(chain).unwrap_err().to_string(), message);
    }
}
