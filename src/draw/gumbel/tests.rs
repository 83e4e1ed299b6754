use super::*;
use crate::candidates::states::states;
use crate::kernel::{Simd, with_simd};

/// The words of one address, by the plain generator.
fn plain(step: usize, ids: impl Iterator<Item = TokenId>) -> Vec<f64> {
    let stream = Gumbel::new(3).at(2, 1, 0, step).stream;
    ids.map(|id| gumbel(uniform(stream.pair(id)))).collect()
}

#[test]
fn the_bounds_on_the_noise_hold() {
    let stream = Gumbel::new(1).at(0, 0, 0, 0).stream;
    let words =
        (0..20_000).map(|id| stream.pair(id)).chain([0, 1 << 63, u64::MAX, u64::MAX << 32, u64::MAX << 11]);
    for word in words {
        let (u, h) = (uniform(word), (word >> 32) as u32);
        let noise = gumbel(u);
        assert!((noise..=noise + 2.0).contains(&at_most(u)) || u < 0.5, "{u}");
        assert!(at_most(u) >= noise, "{u}");
        // a token that just reaches what counts must be met
        for score in [0.0, -3.0, 1e4, -1e30] {
            assert!(bar(score, score + noise) <= h, "{u}");
            assert!(bar(score, (score + noise).next_down()) <= h, "{u}");
            assert!(may_reach(score, h, score + noise) && may_reach(score, h, f64::NEG_INFINITY), "{u}");
        }
    }
    assert_eq!(bar(0.0, f64::NEG_INFINITY), 0);
    // nearly 1/4 is missing to 1, and no less than 1/8: 3 ln 2 nats
    assert!(may_reach(0.0, 3 << 30, 2.07) && !may_reach(0.0, 3 << 30, 2.09));
    assert_eq!(bar(0.0, 38.0), u32::MAX);
    // of scores that are d behind, at least the share e^−d of all words reaches it
    for d in (1..200).map(|i| f64::from(i) * 0.1) {
        assert!((f64::from(!bar(0.0, d)) + 1.0) / 2f64.powi(32) >= (-d).exp(), "{d}");
    }
    // three in 1,000 words reach this bar, not more
    assert!(f64::from(!bar(0.0, 6.0)) / 2f64.powi(32) < 0.003);
}

#[test]
fn the_best_of_a_race_are_those_of_the_whole_race() {
    for (name, c) in states() {
        let noise = plain(9, c.members().map(|m| m.0));
        let mut all: Vec<(TokenId, f64, f64)> =
            c.members().zip(noise).map(|((id, score), g)| (id, score, score + g)).collect();
        all.sort_by(falling);
        for simd in Simd::ALL {
            with_simd(simd, || {
                let race = Gumbel::new(3).at(2, 1, 0, 9);
                for n in [1, 2, 17, 300, 6000] {
                    assert_eq!(race.top(&c, 0.0, n, f64::NEG_INFINITY), all[..n.min(all.len())], "{name}");
                    let least = all[n.min(all.len()) - 1].2;
                    let from = race.top(&c, 0.0, n, least);
                    assert_eq!(from, all[..n.min(all.len())], "{name}, bounded");
                }
                assert_eq!(race.top(&c, 0.0, 0, f64::NEG_INFINITY), []);
                for n in [0, 1, 2, 17, 300, 6000] {
                    // also where the scores are no log-probabilities
                    assert_eq!(race.top_of_all(&c, 0.0, n), all[..n.min(all.len())], "{name}, all");
                }
                let two = race.first_two(&c);
                let first = |runner: Option<(TokenId, f64, f64)>| runner.map(|r| (r.0, r.1));
                assert_eq!(first(two.first), Some((all[0].0, all[0].2)), "{name}");
                assert_eq!(first(two.second), all.get(1).map(|r| (r.0, r.2)), "{name}");
            });
        }
    }
}

#[test]
fn the_noise_of_many_tokens_is_that_of_each() {
    let ids: Vec<TokenId> = (0..3000).filter(|id| id % 7 != 3).chain([70_000, u32::MAX]).collect();
    for simd in Simd::ALL {
        let many = with_simd(simd, || Gumbel::new(3).noise(2, 1, 0, 9, &ids));
        assert_eq!(many, plain(9, ids.iter().copied()), "{simd:?}");
    }
}

/// Beside scores beyond 2^50 the noise vanishes, and sums are equal.
#[test]
fn of_equal_sums_the_first_that_was_met_counts() {
    let mut two = Two::default();
    for id in 4..8 {
        two.add((id, 1.0, 0.5));
    }
    assert_eq!((two.first, two.second), (Some((4, 1.0, 0.5)), Some((5, 1.0, 0.5))));
}

/// Rows of log-probabilities: the race begins where about as many are as are wanted, and finds what a race from −∞ does.
#[test]
fn a_race_of_a_distribution_begins_where_its_best_are_likely_to_be() {
    let mut begun = 0;
    for case in 0..120usize {
        let vocab = [1, 2, 40, 300, 5000][case % 5];
        let peak = [0.0, 1.0, 5.0, 12.0][case % 4];
        let logits: Vec<f32> = (0..vocab)
            .map(|i| match (i * 7919 + case * 31) % 101 {
                0 => f32::NEG_INFINITY,
                // ties, and a few tokens that have nearly everything
                1..4 => peak,
                place => (place / 9) as f32 * 0.4,
            })
            .collect();
        let mut c = Candidates::from(&logits[..]);
        if c.is_empty() {
            continue;
        }
        c.log_softmax();
        let race = Gumbel::new(case as u64).at(0, 0, 0, 1);
        for n in [1, 2, 6, 16, 200, 100_000] {
            let start = -3.5 * case as f64;
            let all = race.top(&c, start, n, f64::NEG_INFINITY);
            assert_eq!(race.top_of_all(&c, start, n), all, "case {case}, {n}");
            let heaviest: Vec<f64> = c.ranked(HEAVIEST).into_iter().map(|(_, score)| score).collect();
            let likely = likely(&heaviest, n);
            begun += usize::from(likely > f64::NEG_INFINITY);
            if likely > f64::NEG_INFINITY {
                let reach = race.top(&c, 0.0, usize::MAX, likely).len();
                assert!(reach > n / 2 && reach < 8 * n + 60, "case {case}, {n}: {reach}");
            }
        }
    }
    assert!(begun > 200, "{begun}");
}

/// Where fewer reach the sum with which it begins, the race is run again: 33 tokens that say they have half of a distribution.
#[test]
fn a_race_that_begins_too_high_is_run_again() {
    let score = -(64f32.ln());
    let c = Candidates::from(&[score; 33][..]);
    let begin = likely(&[f64::from(score); HEAVIEST], 33);
    for seed in 0..20 {
        let race = Gumbel::new(seed).at(0, 0, 0, 0);
        let all = race.top(&c, 0.0, 33, f64::NEG_INFINITY);
        assert!(begin > all[32].2, "{seed}: {begin}");
        assert_eq!(race.top_of_all(&c, 0.0, 33), all, "{seed}");
    }
}

/// Of 1,000 tokens that are equally likely, 1,000 (1 − exp(−e^−t / 1,000)) reach t on average.
#[test]
fn the_likely_sum_is_where_the_count_is_as_wanted() {
    let t = likely(&[-(1000f64.ln()); HEAVIEST], 16);
    let count = 1000.0 * (1.0 - (-(-t).exp() / 1000.0).exp());
    assert!((32.0..42.0).contains(&count), "{count}");
    // one token has everything, or there are too few
    assert_eq!(likely(&[0.0], 1), f64::NEG_INFINITY);
    assert_eq!(likely(&[0.5f64.ln(); 2], 2), f64::NEG_INFINITY);
    assert_eq!(likely(&[], 2), f64::NEG_INFINITY);
    // none is wanted, of scores whose exponential is infinite
    assert_eq!(likely(&[3000.0, 1.0], 0), f64::INFINITY);
}
