use super::*;
use crate::candidates::states::states;
use crate::kernel::{Simd, ln, with_simd};

/// Σ p ln(p / q), member by member; `None` if q lacks one.
fn plain(p: &Candidates, q: &Candidates) -> Option<f64> {
    let (of_p, of_q) = (p.normalizer(), q.normalizer());
    let mut sum = 0.0;
    for (id, score) in p.members() {
        let Some(ln_p) = of_p.log_probability(score) else { continue };
        let ln_q = q.score(id).and_then(|s| of_q.log_probability(s))?;
        sum += ln_p.exp() * (ln_p - ln_q);
    }
    Some(sum.max(0.0))
}

#[test]
fn are_what_members_say_in_every_pair_of_states() {
    let (mut pair, states) = (Pair::default(), states());
    for (name, a) in &states {
        for (other, b) in &states {
            let found: Vec<_> = Simd::ALL
                .into_iter()
                .map(|simd| {
                    with_simd(simd, || {
                        pair.look(a, b);
                        let probabilities: Vec<(f64, f64)> = pair.probabilities().collect();
                        (pair.divergences(), pair.flips(), probabilities)
                    })
                })
                .collect();
            assert!(
                found.iter().all(|f| *f == found[0]),
                "{name}, {other}: every instruction set, the same bits"
            );
            let (divergences, flips, probabilities) = &found[0];
            for (got, expected) in divergences.iter().zip([plain(a, b), plain(b, a)]) {
                // a shift of 1e6 leaves scores ten digits behind the point
                let near = |x: f64, y: f64| (x - y).abs() <= 1e-8 * y.max(0.1);
                assert!(got.is_some() == expected.is_some(), "{name}, {other}: {got:?} {expected:?}");
                assert!(
                    got.zip(expected).is_none_or(|(x, y)| near(x, y)),
                    "{name}, {other}: {got:?} {expected:?}"
                );
            }
            for (c, of) in [(a, 0), (b, 1)] {
                let own = probabilities.iter().map(|p| if of == 0 { p.0 } else { p.1 }).filter(|&p| p > 0.0);
                let expected = c.probabilities().into_iter().map(|m| m.1).filter(|&p| p > 0.0);
                assert!(own.clone().count() == expected.clone().count(), "{name}, {other}");
                assert!(own.zip(expected).all(|(x, y)| (x / y - 1.0).abs() < 1e-12), "{name}, {other}");
            }
            // between the total variation and 1
            let variation: f64 = probabilities.iter().map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0;
            assert!(
                (variation - 1e-12..1.0 + 1e-12).contains(flips),
                "{name}, {other}: {flips}, {variation}"
            );
            assert_eq!(a.raw_distance(b), a.raw_distance_by_id(b), "{name}, {other}");
        }
        pair.look(a, a);
        assert_eq!((pair.divergences(), pair.flips()), ([Some(0.0); 2], 0.0), "{name}: itself");
    }
}

#[test]
fn a_lost_member_counts_however_little_it_weighs() {
    let mut pair = Pair::default();
    for (row, vocab) in [(0, 3), (1_500, 4_000)] {
        let mut a = vec![0.5f32; vocab];
        let mut b = a.clone();
        a[row + 1] = -5_000.0;
        b[row + 1] = f32::NEG_INFINITY;
        b[row] = 0.75;
        let [a, b] = [&a, &b].map(|row| Candidates::from(&row[..]));
        pair.look(&a, &b);
        let [of_a, of_b] = pair.divergences();
        assert_eq!(of_a, None);
        let (n, q) = (vocab as f64 - 2.0, 0.25f64.exp());
        let kl = q / (n + q) * 0.25 + ln(n + 1.0) - ln(n + q);
        assert!((of_b.unwrap() - kl).abs() < 1e-14, "{of_b:?} {kl}");
    }
}
