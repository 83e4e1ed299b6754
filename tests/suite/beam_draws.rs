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

/// One step of beam sampling: K = 2 · num_beams draws without replacement from the row; at the limit all of them end, and the
/// first num_beams drawn enter.
#[test]
fn beam_sampling_draws_continuations_without_replacement() {
    let mut tree = Tree::random(5, 6, 1);
    let leaves = enumerate(&tree, &[0], 1);
    let p: Vec<f64> = leaves.iter().map(|l| l.sum().exp()).collect();
    let counts = inclusions(&mut tree, &leaves, &Variant::Sample, 2, 4000);
    assert_counts(&counts, &without_replacement(&p, 2), 4000.0);
}

/// Two steps without end tokens and one beam: K = 2 of the first row are drawn, the one with the larger sum lives on, and of two
/// draws from its row the first one counts.
#[test]
fn beam_sampling_goes_on_with_the_largest_sum_of_what_it_drew() {
    let mut tree = Tree::random(6, 3, 2);
    let leaves = enumerate(&tree, &[], 2);
    let first: Vec<f64> =
        crate::support::trees::log_softmax(&tree.rows[&vec![]]).into_iter().map(f64::exp).collect();
    let lives = |id: usize| {
        let pairs = (0..3).flat_map(|a| (0..3).map(move |b| (a, b))).filter(|(a, b)| a != b);
        let best = pairs.filter(|&(a, b)| if first[a] > first[b] { a == id } else { b == id });
        best.map(|(a, b)| first[a] * first[b] / (1.0 - first[a])).sum::<f64>()
    };
    let expected: Vec<f64> = leaves.iter().map(|l| lives(l.ids[0] as usize) * l.scores[1].exp()).collect();
    let mut counts = vec![0.0; leaves.len()];
    for seed in 0..4000 {
        let mut beam = Beam { variant: Variant::Sample, ..Beam::new(1).unwrap() };
        let found = (Run { seed, ..Run::until(&[], 2) }).of(&mut beam, &mut tree);
        counts[leaves.iter().position(|l| l.ids == found[0].ids).unwrap()] += 1.0;
    }
    let live: Vec<usize> = (0..leaves.len()).filter(|&i| expected[i] > 0.0).collect();
    assert!(live.len() < leaves.len() && (0..leaves.len()).all(|i| expected[i] > 0.0 || counts[i] == 0.0));
    let of = |all: &[f64]| live.iter().map(|&i| all[i]).collect::<Vec<_>>();
    assert_counts(&of(&counts), &of(&expected), 4000.0);
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
    assert_eq!(stochastic, [vec![0], vec![8, 1, 4, 6]]);
    assert_eq!(sample, [vec![0], vec![2, 8, 3, 1]]);
}
