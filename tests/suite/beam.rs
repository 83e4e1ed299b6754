//! What beam search and its variants promise, held against enumeration of every sequence of small random trees.

use crate::support::trees::{Leaf, Run, Tree, enumerate};
use proptest::prelude::*;
use tokpick::TokenId;
use tokpick::hypothesis::Hypothesis;
use tokpick::sampler::{Beam, EarlyStopping, LengthNorm, Phrase, Variant};
use tokpick::trace::{Fate, Trace, TraceEvent, Wants};

fn ids(found: &[Hypothesis]) -> Vec<&[TokenId]> {
    found.iter().map(|h| h.ids.as_slice()).collect()
}

/// Every sequence with its score by the textbook formula, best first.
fn ranked(leaves: Vec<Leaf>, norm: LengthNorm, alpha: f64) -> Vec<(Vec<TokenId>, f64)> {
    let score = |leaf: &Leaf| {
        let len = leaf.ids.len() as f64;
        match norm {
            LengthNorm::Hf => leaf.sum() / len.powf(alpha),
            LengthNorm::Gnmt => leaf.sum() / ((5.0 + len) / 6.0).powf(alpha),
        }
    };
    let mut all: Vec<_> = leaves.into_iter().map(|leaf| (leaf.ids.clone(), score(&leaf))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With as many beams as there are sequences nothing is pruned: the search is enumeration, under every length penalty.
    #[test]
    fn as_many_beams_as_sequences_are_enumeration(
        seed in any::<u64>(),
        (vocab, depth) in prop_oneof![Just((2, 5)), Just((3, 3)), Just((4, 3)), Just((5, 2))],
        alpha in prop_oneof![Just(0.0), Just(1.0), -2.0..2.0f64],
        gnmt in any::<bool>(),
        eos in prop_oneof![Just(vec![]), Just(vec![0]), Just(vec![0, 1])],
    ) {
        let norm = if gnmt { LengthNorm::Gnmt } else { LengthNorm::Hf };
        let mut tree = Tree::random(seed, vocab, depth);
        let all = ranked(enumerate(&tree, &eos, depth), norm, alpha);
        let mut beam = Beam {
            length_penalty: alpha,
            length_norm: norm,
            early_stopping: EarlyStopping::Never,
            num_return_sequences: all.len(),
            ..Beam::new(vocab.pow(depth as u32)).unwrap()
        };
        let found = Run::until(&eos, depth).of(&mut beam, &mut tree);
        prop_assert_eq!(found.len(), all.len());
        for (h, (ids, score)) in found.iter().zip(&all) {
            prop_assert!((h.score.unwrap() - score).abs() < 1e-5, "{:?} {} {:?} {}", h.ids, h.score.unwrap(), ids, score);
        }
        prop_assert_eq!(&found[0].ids, &all[0].0);
    }

    /// One group of diverse beams, stochastic beams without noise, and an endless margin are plain beam search.
    #[test]
    fn the_neutral_value_of_every_variant_is_plain_beam_search(
        seed in any::<u64>(), num_beams in 1..6usize, alpha in -1.0..2.0f64, penalty in 0.0..5.0f64,
    ) {
        let mut tree = Tree::random(seed, 4, 4);
        let run = Run::until(&[0], 4);
        let plain = Beam { length_penalty: alpha, num_return_sequences: num_beams, ..Beam::new(num_beams).unwrap() };
        let expected = run.of(&mut plain.clone(), &mut tree);
        let variants = [
            Variant::Diverse { num_beam_groups: 1, diversity_penalty: penalty },
            Variant::Stochastic { noise: 0.0 },
        ];
        for variant in variants {
            let mut found = run.of(&mut Beam { variant, ..plain.clone() }, &mut tree);
            found.iter_mut().for_each(|h| h.perturbed = None);
            prop_assert_eq!(&found, &expected);
        }
        let wide = run.of(&mut Beam { beam_margin: Some(f64::INFINITY), ..plain }, &mut tree);
        prop_assert_eq!(&wide, &expected);
    }

    /// One beam without end tokens is greedy search; diverse groups without a penalty all find the same.
    #[test]
    fn groups_without_a_penalty_repeat_each_other(seed in any::<u64>()) {
        let mut tree = Tree::random(seed, 5, 4);
        let run = Run::until(&[], 4);
        let greedy = run.of(&mut tokpick::sampler::Greedy, &mut tree);
        let variant = Variant::Diverse { num_beam_groups: 3, diversity_penalty: 0.0 };
        let mut diverse = Beam { variant, num_return_sequences: 3, ..Beam::new(3).unwrap() };
        let found = run.of(&mut diverse, &mut tree);
        prop_assert_eq!(ids(&found), vec![greedy[0].ids.as_slice(); 3]);
    }

    /// Wide constrained beam search finds the best of all sequences that hold the phrases.
    #[test]
    fn wide_constrained_search_finds_the_best_sequence_with_the_phrases(
        seed in any::<u64>(),
        force_ids in prop_oneof![
            Just(vec![vec![2].into()]), Just(vec![vec![2, 1].into()]), Just(vec![vec![1, 1].into()]),
            Just(vec![vec![3].into(), vec![1, 2].into()]),
            Just(vec![Phrase { forms: vec![vec![1, 2], vec![3]] }]),
            Just(vec![Phrase { forms: vec![vec![1, 1], vec![1, 2, 1], vec![3, 3]] }, vec![2].into()]),
        ],
    ) {
        let mut tree = Tree::random(seed, 4, 4);
        let holds = |ids: &[TokenId]| force_ids.iter().all(|p: &Phrase| p.forms.iter().any(|f| ids.windows(f.len()).any(|w| w == f.as_slice())));
        let mut all = ranked(enumerate(&tree, &[0], 4), LengthNorm::Hf, 0.0);
        all.retain(|(ids, _)| holds(ids));
        let variant = Variant::Constrained { force_ids: force_ids.clone() };
        let mut beam = Beam { variant, length_penalty: 0.0, early_stopping: EarlyStopping::Never, ..Beam::new(256).unwrap() };
        let found = Run::until(&[0], 4).of(&mut beam, &mut tree);
        prop_assert_eq!(&found[0].ids, &all[0].0);
        prop_assert!((found[0].score.unwrap() - all[0].1).abs() < 1e-5);
    }

    /// Narrow constrained beams still return nothing but sequences with the phrases, and find one.
    #[test]
    fn narrow_constrained_search_keeps_its_word(seed in any::<u64>(), num_beams in 1..4usize) {
        let mut tree = Tree::random(seed, 4, 5);
        let variant = Variant::Constrained { force_ids: vec![vec![3, 1].into(), vec![2].into()] };
        let mut beam = Beam { variant, num_return_sequences: num_beams, ..Beam::new(num_beams).unwrap() };
        let found = Run::until(&[0], 5).of(&mut beam, &mut tree);
        prop_assert!(!found.is_empty());
        for h in &found {
            prop_assert!(h.ids.contains(&2) && h.ids.windows(2).any(|w| w == [3, 1]), "{:?}", h.ids);
        }
    }

    /// Threads change nothing.
    #[test]
    fn threads_change_nothing(seed in any::<u64>(), which in 0..4usize) {
        let variant = match which {
            0 => Variant::Plain,
            1 => Variant::Sample,
            2 => Variant::Stochastic { noise: 1.0 },
            _ => Variant::Constrained { force_ids: vec![vec![3].into()] },
        };
        let mut tree = Tree::random(seed, 6, 4);
        let mut beam = Beam { variant, num_return_sequences: 4, ..Beam::new(4).unwrap() };
        let mut run = Run { seed, ..Run::until(&[0], 4) };
        let alone = run.of(&mut beam, &mut tree);
        run.parallel = true;
        prop_assert_eq!(alone, run.of(&mut beam, &mut tree));
    }
}

/// Diverse beams: the second group avoids what the first one took. Worked by hand: three tokens with ln .5, ln .3, ln .2, two
/// groups of one beam, penalty 1: token 0 falls to ln .5 − 1 < ln .3 in the second group.
#[test]
fn a_later_group_avoids_the_tokens_of_an_earlier_one() {
    let row = [0.5f32, 0.3, 0.2].map(f32::ln);
    let mut tree = Tree::full(3, 1, {
        let mut at = 0;
        move || {
            at += 1;
            row[at - 1]
        }
    });
    let variant = |diversity_penalty| Variant::Diverse { num_beam_groups: 2, diversity_penalty };
    // (penalty, ids, score of the second: the penalty is part of it)
    for (penalty, expected, second) in [(1.0, [[0], [1]], 0.3f64.ln()), (0.4, [[0], [0]], 0.5f64.ln() - 0.4)]
    {
        let mut beam = Beam { variant: variant(penalty), num_return_sequences: 2, ..Beam::new(2).unwrap() };
        let found = Run::until(&[], 1).of(&mut beam, &mut tree);
        assert_eq!(ids(&found), expected);
        assert!((found[1].score.unwrap() - second).abs() < 1e-6);
    }
}

/// The observer that keeps the fates of all continuations.
#[derive(Default)]
struct Fates(Vec<(Vec<TokenId>, TokenId, f64, Fate)>);

impl Trace for Fates {
    fn wants(&self) -> Wants {
        Wants { beams: true, ..Wants::default() }
    }

    fn event(&mut self, event: &TraceEvent<'_>) {
        if let TraceEvent::Beams(step) = event {
            let all = step.considered.iter();
            self.0.extend(all.map(|c| (step.live[c.parent].ids.clone(), c.id, c.sum, c.fate)));
        }
    }
}

#[test]
fn a_margin_prunes_what_is_further_below_the_best_and_says_so() {
    let mut tree = Tree::random(3, 6, 3);
    let mut beam = Beam { beam_margin: Some(0.7), num_return_sequences: 4, ..Beam::new(4).unwrap() };
    let mut fates = Fates::default();
    Run::until(&[0], 3).run(&mut beam, &mut tree, &mut fates).unwrap();
    assert!(fates.0.iter().any(|f| f.3 == Fate::Margin));
    for length in 0..3 {
        let step: Vec<_> = fates.0.iter().filter(|f| f.0.len() == length).collect();
        let best = step.iter().map(|f| f.2).fold(f64::NEG_INFINITY, f64::max);
        for (prefix, id, sum, fate) in step {
            assert_eq!(*fate == Fate::Margin, best - sum > 0.7, "{prefix:?} {id}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut tree = Tree::random(0, 4, 2);
    let base = Beam::new(4).unwrap();
    let variant = |variant| Beam { variant, ..base.clone() };
    let phrases = |force_ids| variant(Variant::Constrained { force_ids });
    let cases = [
        (variant(Variant::Stochastic { noise: -0.1 }), "noise -0.1: must be from 0 to 1"),
        (
            variant(Variant::Diverse { num_beam_groups: 3, diversity_penalty: 0.0 }),
            "num_beam_groups 3: must be a divisor of num_beams (4)",
        ),
        (
            variant(Variant::Diverse { num_beam_groups: 2, diversity_penalty: -1.0 }),
            "diversity_penalty -1: must be 0 or more",
        ),
        (phrases(vec![vec![].into()]), "force_ids: must be one phrase or more, none empty"),
        (phrases(vec![Phrase { forms: vec![] }]), "force_ids: must be one phrase or more, none empty"),
        (phrases(vec![vec![1, 0].into()]), "force_ids 0: is an end token: nothing can follow it"),
        (phrases(vec![vec![9].into()]), "tree: the forced id 9 is outside the vocabulary of 4 tokens"),
        (
            phrases(vec![vec![1, 1, 1].into()]),
            "sequence 0: the search ended before a hypothesis held every forced phrase: raise `Limits::max_new_tokens` or `Beam::num_beams`",
        ),
        (Beam { beam_margin: Some(-1.0), ..base.clone() }, "beam_margin -1: must be 0 or more"),
    ];
    for (mut beam, message) in cases {
        let error = Run::until(&[0], 2).run(&mut beam, &mut tree, &mut ()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
