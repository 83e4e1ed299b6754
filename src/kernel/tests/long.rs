//! Rows as long as those of models, and what a look at a few values misleads.

use super::*;

/// Rows of the shapes that take the fast ways: flat, normal, peaked, tied.
fn long_rows() -> Vec<Vec<f32>> {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let mut unit = || (rng.next_u64() >> 40) as f32 / 16_777_216.0;
    let flat: Vec<f32> = (0..17_000).map(|_| unit() * 2.0 - 1.0).collect();
    let normal: Vec<f32> = (0..16_500).map(|_| (0..12).map(|_| unit()).sum::<f32>() * 3.0).collect();
    let peaked =
        (0..20_000).map(|i| -1.76 * ((i * 7919 % 20_000) as f32 + 1.0).ln() + 0.1 * unit()).collect();
    let tied = flat.iter().map(|x| (x * 4.0).round()).collect();
    let masked = flat.iter().map(|&x| if x < 0.3 { f32::NEG_INFINITY } else { x * 40.0 }).collect();
    let [huge, tiny] = [3e38, 1e-40].map(|by| flat.iter().map(|x| x * by).collect());
    let zipf = (0..20_000).map(|i| -((i * 7919 % 20_000) as f32 + 1.0).ln()).collect();
    let two = (0..17_000).map(|i| if i % 5 == 0 { 0.0 } else { -30.0 + flat[i] }).collect();
    vec![flat, normal, peaked, tied, masked, huge, tiny, zipf, two, vec![0.5; 17_000]]
}

#[test]
fn typical_of_long_rows_is_the_least_distance_of_enough_mass() {
    for values in long_rows() {
        let mut maxima = Vec::new();
        let max = scan(&values, &mut maxima).max;
        let set = Slice { ids: None, values: &values };
        for scale in [1.0, 4.0] {
            let w = Weigh { max, scale };
            for share in [1e-9, 0.3, 0.5, 0.9, 1.0 - 1e-9, 1.0f64.next_down()] {
                let mut bands = [&maxima[..], &[]].into_iter().map(|maxima| {
                    everywhere(|| {
                        let mut kept = Kept::default();
                        let band =
                            typical(set, w, Band::ALL, maxima, share, (1e-6, 1), &mut kept).expect("members");
                        if let Some(total) = kept.total {
                            let mut blocks = Vec::new();
                            let want = mass(set, w, band, &mut blocks);
                            for (a, b) in kept.blocks.iter().zip(&blocks).chain([(&total, &want)]) {
                                assert!((a - b).abs() <= kept.relative * b + kept.absolute);
                            }
                        }
                        (band, kept.total.is_some())
                    })
                });
                let (band, _) = bands.next().expect("two of them");
                assert!(bands.all(|(other, _)| other == band), "{scale} {share}");
                let total = mass(set, w, Band::ALL, &mut Vec::new());
                assert!(mass(set, w, band, &mut Vec::new()) >= share * total);
            }
        }
    }
}

#[test]
fn nucleus_of_long_rows_is_the_largest_cut_of_enough_mass() {
    for values in long_rows() {
        let mut maxima = Vec::new();
        let max = scan(&values, &mut maxima).max;
        let set = Slice { ids: None, values: &values };
        for scale in [1.0, 4.0] {
            let w = Weigh { max, scale };
            let from = |lo: f32| mass(set, w, Band::from(lo), &mut Vec::new());
            for share in [1e-9, 0.5, 0.9, 1.0 - 1e-9, 1.0f64.next_down()] {
                let target = share * from(f32::NEG_INFINITY);
                let ways = [&maxima[..], &[]]
                    .into_iter()
                    .flat_map(|maxima| [(maxima, Goal::Share(share)), (maxima, Goal::Mass(target))]);
                let mut cuts = ways.map(|(maxima, goal)| {
                    everywhere(|| {
                        let mut kept = Kept::default();
                        let cut =
                            nucleus(set, w, Band::ALL, maxima, goal, &mut kept).expect("the row has members");
                        if let Some(total) = kept.total {
                            let mut blocks = Vec::new();
                            let want = mass(set, w, Band::from(cut), &mut blocks);
                            for (a, b) in kept.blocks.iter().zip(&blocks).chain([(&total, &want)]) {
                                assert!((a - b).abs() <= kept.relative * b + kept.absolute);
                            }
                        }
                        cut
                    })
                });
                let cut = cuts.next().expect("four of them");
                assert!(cuts.all(|other| other == cut));
                assert!(from(cut) >= target, "{share} {scale}");
                let next = values.iter().copied().filter(|&x| x > cut).reduce(f32::min);
                assert!(next.is_none_or(|x| from(x) < target), "{share} {scale}");
            }
        }
    }
}

#[test]
fn rough_sums_settle_nearly_every_draw() {
    for values in long_rows() {
        let max = scan(&values, &mut Vec::new()).max;
        let (set, w) = (Slice { ids: None, values: &values }, Weigh { max, scale: 1.0 });
        let mut sums = Kept::default();
        sums.sum(&values, w, Band::ALL);
        let settled = (0..500).filter(|i| {
            let u = f64::from(*i) / 500.0 + 1e-4;
            pick_among(set, w, Band::ALL, &sums, u).is_some()
        });
        assert!(settled.count() > 480);
    }
}

#[test]
fn long_rows_are_selected_from_as_short_ones() {
    for values in long_rows() {
        let mut maxima = Vec::new();
        scan(&values, &mut maxima);
        let set = Slice { ids: None, values: &values };
        let mut best = Vec::new();
        reference::top(set, Band::ALL, usize::MAX, &mut best);
        for n in [1, 40, 1000, 30_000] {
            for maxima in [&maxima[..], &[]] {
                let (kth, found) = everywhere(|| {
                    let mut found = Vec::new();
                    top(set, maxima, Band::ALL, n, &mut found);
                    (kth_largest(&values, maxima, Band::ALL, n), found)
                });
                assert_eq!(found, best[..n.min(best.len())]);
                let kth = kth.expect("the row has members");
                assert_eq!(kth, best[n.min(best.len()) - 1].1);
                let (ids, kept) = everywhere(|| {
                    let (mut ids, mut kept) = (Vec::new(), Vec::new());
                    gather_spans(set, maxima, Band::from(kth), &mut ids, &mut kept);
                    (ids, kept)
                });
                let want = (0..).zip(&values).filter(|(_, x)| **x >= kth && x.is_finite());
                assert!(ids.iter().zip(&kept).map(|(&id, x)| (id, x)).eq(want));
            }
        }
    }
}

/// How large the k-th value is, one value of 33 tells: where just these are the largest, fewer reach it than they make believe.
#[test]
fn the_kth_is_found_where_a_look_at_few_values_misleads() {
    let value = |i: usize| if i.is_multiple_of(33) { 1e4 + i as f32 } else { (i * 7919 % 6600) as f32 };
    let values: Vec<f32> = (0..6600).map(value).collect();
    let mut sorted: Vec<(u32, f32)> = (0..).zip(values.iter().copied()).collect();
    sorted.sort_by(better);
    let mut maxima = Vec::new();
    scan(&values, &mut maxima);
    for k in [30, 199, 200, 201, 300, 1650] {
        for maxima in [&[][..], &maxima] {
            assert_eq!(
                everywhere(|| kth_largest(&values, maxima, Band::ALL, k)),
                Some(sorted[k - 1].1),
                "{k}"
            );
            let best = everywhere(|| {
                let mut best = Vec::new();
                top(Slice { ids: None, values: &values }, maxima, Band::ALL, k, &mut best);
                best
            });
            assert_eq!(best, sorted[..k], "{k}");
        }
    }
}

#[test]
fn no_maximum_is_minus_0() {
    for n in [1, 40, 3000] {
        let values = vec![-0.0; n];
        assert_eq!(everywhere(|| scan(&values, &mut Vec::new()).max.to_bits()), 0);
        assert_eq!(everywhere(|| kth_largest(&values, &[], Band::ALL, n).map(f32::to_bits)), Some(0));
        // as a maximum it adds no −0 to a sum
        let w = Weigh { max: -0.0, scale: 1.0 };
        let set = Slice { ids: None, values: &values };
        assert_eq!(everywhere(|| moments(set, w, Band::ALL).1.to_bits()), 0);
    }
}
