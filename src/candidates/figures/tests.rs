use super::*;
use crate::candidates::states::states;
use crate::kernel::{Simd, with_simd};

/// ln Σ exp and the entropy, as they are defined, by the platform's functions.
fn plain(scores: impl Iterator<Item = f64>) -> (f64, f64) {
    let scores: Vec<f64> = scores.collect();
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let ln_sum = scores.iter().map(|s| (s - best).exp()).sum::<f64>().ln();
    let entropy =
        scores.iter().map(|s| (s - best) - ln_sum).map(|l| if l < -700.0 { 0.0 } else { l * l.exp() });
    (best + ln_sum, -entropy.sum::<f64>())
}

fn close(name: &str, got: f64, expected: f64, least: f64) {
    assert!((got - expected).abs() <= 1e-12 * expected.abs().max(least), "{name}: {got} {expected}");
}

#[test]
fn are_those_of_the_definition_in_every_state() {
    for (name, c) in states() {
        let expected = plain(c.members().map(|m| m.1));
        let raw = plain(c.raw().map(|m| f64::from(m.1)));
        // a shift of 1e6 leaves scores ten digits behind the point
        let least = if name == "shifted" { 1e4 } else { 1e-2 };
        let bits: Vec<_> = Simd::ALL
            .into_iter()
            .map(|simd| {
                with_simd(simd, || {
                    let (figures, of_raw) = (c.figures(), c.raw_figures());
                    close(name, figures.normalizer.ln_sum_exp(), expected.0, least);
                    close(name, figures.entropy, expected.1, least);
                    close(name, of_raw.normalizer.ln_sum_exp(), raw.0, 1.0);
                    close(name, of_raw.entropy, raw.1, 1e-2);
                    (figures, of_raw)
                })
            })
            .collect();
        assert!(bits.iter().all(|b| *b == bits[0]), "{name}: every instruction set, the same bits");
    }
}

#[test]
fn ranks_and_the_best_are_those_of_a_sorted_list() {
    for (name, c) in states() {
        let members: Vec<(TokenId, f64)> = c.members().collect();
        for &(id, score) in members.iter().step_by(members.len() / 7 + 1).chain([&(0, 1e3), &(0, -1e9)]) {
            let expected = members.iter().filter(|m| m.1 > score).count();
            assert_eq!(c.above(score), expected, "{name}: token {id}");
        }
        let mut raw: Vec<(TokenId, f32)> = c.raw().collect();
        for logit in [raw[0].1, raw[1].1, 9.0, 60.0, f32::NEG_INFINITY] {
            assert_eq!(c.raw_above(logit), raw.iter().filter(|r| r.1 > logit).count(), "{name}: {logit}");
        }
        raw.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut probabilities = c.probabilities();
        probabilities.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut best = vec![(9, 9.0)];
        for n in [0, 1, 2, 5, 300, 9_000] {
            c.raw_ranked(n, &mut best);
            assert_eq!(best, raw[..n.min(raw.len())], "{name}: {n}");
            assert_eq!(c.most_probable(n), probabilities[..n.min(probabilities.len())], "{name}: {n}");
        }
    }
}

#[test]
fn what_looks_at_a_score_finds_the_least_value_above_it() {
    for x in [0.0f32, -0.0, 1e-45, -1e-45, 1.5, -1.5, f32::MAX, f32::MIN] {
        assert_eq!(least(|y| y >= x), x, "{x}");
    }
    assert_eq!(least(|_| false), f32::INFINITY);
    assert_eq!(least(|_| true), f32::MIN);
}
