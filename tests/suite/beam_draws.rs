//! The variants of beam search that draw: their distributions, held against enumeration (chi-square, fixed seeds), and their ids.

use crate::support::trees::{Leaf, Run, Tree, enumerate};
use tokpick::sampler::{Beam, Variant};

/// Draws with many seeds and counts how often each of all sequences was returned.
fn inclusions(tree: &mut Tree, leaves: &[Leaf], variant: &Variant, num_beams: usize, seeds: u64) -> Vec<f64> {
    let depth = leaves.iter().map(|l| l.ids.len()).max().unwrap();
    let mut counts = vec![0.0; leaves.len()];
    for seed in 0..seeds {
        let mut beam = Beam {
            length_penalty: 0.0,
            num_return_sequences: num_beams,
            variant: variant.clone(),
            ..Beam::new(num_beams).unwrap()
        };
        for h in (Run { seed, ..Run::until(&[0], depth) }).of(&mut beam, tree) {
            counts[leaves.iter().position(|l| l.ids == h.ids).unwrap()] += 1.0;
        }
    }
    counts
}

/// Inclusion probabilities of `n` draws without replacement, one after the other.
fn without_replacement(p: &[f64], n: usize) -> Vec<f64> {
    let mut included = vec![0.0; p.len()];
    if n == 0 {
        return included;
    }
    for (first, &q) in p.iter().enumerate().filter(|(_, q)| **q > 0.0) {
        included[first] += q;
        let rest: Vec<f64> =
            p.iter().enumerate().map(|(i, x)| if i == first { 0.0 } else { x / (1.0 - q) }).collect();
        for (sum, x) in included.iter_mut().zip(without_replacement(&rest, n - 1)) {
            *sum += q * x;
        }
    }
    included
}

/// Each count is within four standard deviations of its binomial (α ≈ 6e-5 each, seeds fixed), and the sum of the squares is what
/// a chi-square of so many terms allows.
fn assert_counts(counts: &[f64], expected: &[f64], trials: f64) {
    let mut sum = 0.0;
    for (i, (&count, &p)) in counts.iter().zip(expected).enumerate() {
        let z = (count - trials * p) / (trials * p * (1.0 - p)).max(1e-9).sqrt();
        assert!(z.abs() < 4.0, "sequence {i}: {count} of {trials}, expected {p}");
        sum += z * z;
    }
    let n = counts.len() as f64;
    assert!(sum < n + 4.0 * (2.0 * n).sqrt(), "sum of squares {sum} over {n}");
}

#[test]
fn stochastic_beam_search_samples_sequences_without_replacement() {
    let mut tree = Tree::random(11, 3, 3);
    let leaves = enumerate(&tree, &[0], 3);
    let p: Vec<f64> = leaves.iter().map(|l| l.sum().exp()).collect();
    for num_beams in [1, 2, 3] {
        let counts = inclusions(&mut tree, &leaves, &Variant::Stochastic { noise: 1.0 }, num_beams, 4000);
        assert_counts(&counts, &without_replacement(&p, num_beams), 4000.0);
    }
}

/// Every way to draw `n` of the continuations one after the other without replacement, and how probable it is.
fn orders(p: &[f64], n: usize) -> Vec<(Vec<usize>, f64)> {
    let mut all = vec![(Vec::new(), 1.0)];
    for _ in 0..n {
        let longer = all.iter().flat_map(|(drawn, q): &(Vec<usize>, f64)| {
            let left: f64 = 1.0 - drawn.iter().map(|&i| p[i]).sum::<f64>();
            let next = (0..p.len()).filter(|i| !drawn.contains(i) && p[*i] > 0.0);
            next.map(move |i| ([&drawn[..], &[i]].concat(), q * p[i] / left)).collect::<Vec<_>>()
        });
        all = longer.collect();
    }
    all
}

/// Inclusion probabilities of the `keep` most probable of `n` draws without replacement.
fn best_of_draws(p: &[f64], n: usize, keep: usize) -> Vec<f64> {
    let mut included = vec![0.0; p.len()];
    for (mut drawn, q) in orders(p, n) {
        drawn.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
        drawn[..keep].iter().for_each(|&i| included[i] += q);
    }
    included
}

/// One step of beam sampling: K = 2 · num_beams draws without replacement from the row; at the limit all of them end, and the
/// num_beams best of them enter (transformers 5.24), or the first num_beams drawn (before).
#[test]
fn beam_sampling_draws_continuations_without_replacement() {
    let mut tree = Tree::random(5, 6, 1);
    let leaves = enumerate(&tree, &[0], 1);
    let p: Vec<f64> = leaves.iter().map(|l| l.sum().exp()).collect();
    let counts = inclusions(&mut tree, &leaves, &Variant::Sample, 2, 4000);
    assert_counts(&counts, &best_of_draws(&p, 4, 2), 4000.0);
    let counts = inclusions(&mut tree, &leaves, &Variant::SampleUnsorted, 2, 4000);
    assert_counts(&counts, &without_replacement(&p, 2), 4000.0);
}

/// Two steps without end tokens and one beam: K = 2 of the first row are drawn, the one with the larger sum lives on, and of two
/// draws from its row the better one counts (transformers 5.24), or the first one (before).
#[test]
fn beam_sampling_goes_on_with_the_largest_sum_of_what_it_drew() {
    let mut tree = Tree::random(6, 3, 2);
    let leaves = enumerate(&tree, &[], 2);
    let row = |tree: &Tree, prefix: &[u32]| -> Vec<f64> {
        crate::support::trees::log_softmax(&tree.rows[prefix]).into_iter().map(f64::exp).collect()
    };
    let lives = best_of_draws(&row(&tree, &[]), 2, 1);
    for variant in [Variant::Sample, Variant::SampleUnsorted] {
        let expected: Vec<f64> = leaves
            .iter()
            .map(|l| {
                let (first, second) = (l.ids[0], l.ids[1] as usize);
                let row = row(&tree, &[first]);
                let counts = if variant == Variant::Sample { best_of_draws(&row, 2, 1) } else { row };
                lives[first as usize] * counts[second]
            })
            .collect();
        let mut counts = vec![0.0; leaves.len()];
        for seed in 0..4000 {
            let mut beam = Beam { variant: variant.clone(), ..Beam::new(1).unwrap() };
            let found = (Run { seed, ..Run::until(&[], 2) }).of(&mut beam, &mut tree);
            counts[leaves.iter().position(|l| l.ids == found[0].ids).unwrap()] += 1.0;
        }
        let live: Vec<usize> = (0..leaves.len()).filter(|&i| expected[i] > 0.0).collect();
        assert!(
            live.len() < leaves.len() && (0..leaves.len()).all(|i| expected[i] > 0.0 || counts[i] == 0.0)
        );
        let of = |all: &[f64]| live.iter().map(|&i| all[i]).collect::<Vec<_>>();
        assert_counts(&of(&counts), &of(&expected), 4000.0);
    }
}

/// One step with two beams from p = .4 .3 .15 .1 .05: transformers 5.24.0 returned token 0 in 297 of 300 runs, up to 5.23 it
/// returned it as often as it is drawn first or second.
#[test]
fn the_best_of_what_beam_sampling_drew_comes_first() {
    let p: [f32; 5] = [0.4, 0.3, 0.15, 0.1, 0.05];
    let mut tree = Tree::full(5, 1, || 0.0);
    tree.rows.insert(Vec::new(), p.iter().map(|p| p.ln()).collect());
    let mut first = |variant: &Variant| {
        let of = |seed| {
            let mut beam = Beam { variant: variant.clone(), ..Beam::new(2).unwrap() };
            (Run { seed, ..Run::until(&[], 1) }).of(&mut beam, &mut tree)[0].ids[0]
        };
        (0..2000).map(of).filter(|id| *id == 0).count() as f64
    };
    let p: Vec<f64> = p.iter().map(|&p| f64::from(p)).collect();
    assert_counts(&[first(&Variant::Sample)], &best_of_draws(&p, 4, 1)[..1], 2000.0);
    assert_counts(&[first(&Variant::SampleUnsorted)], &without_replacement(&p, 2)[..1], 2000.0);
}

/// Same seed, same ids: the draws of the variants are part of the scheme `chacha8-v1`.
#[test]
fn the_seed_gives_these_ids() {
    let mut tree = Tree::random(1, 9, 4);
    let of = |variant: Variant, tree: &mut Tree| {
        let mut beam =
            Beam { variant, length_penalty: 0.0, num_return_sequences: 2, ..Beam::new(3).unwrap() };
        let found = (Run { seed: 7, ..Run::until(&[0], 4) }).of(&mut beam, tree);
        found.into_iter().map(|h| h.ids).collect::<Vec<_>>()
    };
    let stochastic = of(Variant::Stochastic { noise: 1.0 }, &mut tree);
    let sample = of(Variant::Sample, &mut tree);
    let unsorted = of(Variant::SampleUnsorted, &mut tree);
    assert_eq!(stochastic, [vec![0], vec![8, 1, 4, 6]]);
    assert_eq!(sample, [vec![2, 6, 0], vec![2, 8, 3, 1]]);
    assert_eq!(unsorted, [vec![0], vec![2, 8, 3, 1]]);
}
