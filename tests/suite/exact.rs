//! Exact search finds what enumeration finds, and bounds what it did not look at.

use crate::support::trees::{Leaf, Run, Tree, enumerate};
use proptest::prelude::*;
use tokpick::candidates::Candidates;
use tokpick::hypothesis::Hypothesis;
use tokpick::processor::{Chain, Context, INFOS, Info, Processor};
use tokpick::sampler::{Beam, Exact};
use tokpick::settings;
use tokpick::source::{Open, Steps};

fn ranked(tree: &Tree, depth: usize) -> Vec<Leaf> {
    let mut all = enumerate(tree, &[0], depth);
    all.sort_by(|a, b| b.sum().total_cmp(&a.sum()));
    all
}

fn sum(h: &Hypothesis) -> f64 {
    h.score.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exact_search_is_enumeration(seed in any::<u64>(), keep in 1..9usize, vocab in 2..5usize, depth in 1..5usize) {
        let mut tree = Tree::random(seed, vocab, depth);
        let all = ranked(&tree, depth);
        let mut exact = Exact::new(keep).unwrap();
        let found = Run::until(&[0], depth).of(&mut exact, &mut tree);
        prop_assert!(exact.outcomes()[0].is_exact());
        prop_assert_eq!(exact.outcomes()[0].nodes, tree.asked);
        prop_assert_eq!(found.len(), keep.min(all.len()));
        for (h, leaf) in found.iter().zip(&all) {
            prop_assert_eq!(&h.ids, &leaf.ids);
            prop_assert!((sum(h) - leaf.sum()).abs() < 1e-5);
            prop_assert!((h.logprob.unwrap() - leaf.sum()).abs() < 1e-5);
        }
    }

    /// A budget gives a result that is no better than the best, and a bound that is no worse.
    #[test]
    fn a_budget_bounds_what_was_missed(seed in any::<u64>(), budget in 1..40usize) {
        let mut tree = Tree::random(seed, 4, 4);
        let best = ranked(&tree, 4)[0].sum();
        let mut exact = Exact::new(1).unwrap();
        exact.max_nodes = Some(budget);
        let found = Run::until(&[0], 4).of(&mut exact, &mut tree);
        let outcome = &exact.outcomes()[0];
        prop_assert!(outcome.nodes <= budget.max(4));
        prop_assert_eq!(outcome.best, sum(&found[0]));
        prop_assert!(outcome.best <= best + 1e-5);
        prop_assert!(outcome.best + outcome.gap() >= best - 1e-5, "{:?} {}", outcome, best);
    }

    /// No beam search is above it, whatever its width.
    #[test]
    fn no_beam_search_is_better(seed in any::<u64>(), num_beams in 1..6usize) {
        let mut tree = Tree::random(seed, 5, 4);
        let run = Run { chain: settings::chain("repetition-penalty=1.3,top-k=3").unwrap(), ..Run::until(&[0], 4) };
        let best = sum(&run.of(&mut Exact::new(1).unwrap(), &mut tree)[0]);
        let mut beam = Beam { length_penalty: 0.0, ..Beam::new(num_beams).unwrap() };
        let found = run.of(&mut beam, &mut tree);
        prop_assert!(sum(&found[0]) <= best + 1e-9);
    }
}

#[test]
fn steps_are_searched_to_the_end_of_the_file() {
    let mut steps = Steps::new("two steps", &[2, 2], None, vec![0.1, 2.0, 3.0, 1.0]).unwrap();
    let found = Run::until(&[], 9).of(&mut Exact::new(4).unwrap(), &mut steps);
    let ids: Vec<_> = found.iter().map(|h| h.ids.as_slice()).collect();
    assert_eq!(ids, [[1, 0], [0, 0], [1, 1], [0, 1]]);
}

/// Adds 5 to the score of token 1.
struct Lift;

impl Processor for Lift {
    fn info(&self) -> &'static Info {
        INFOS[0]
    }

    fn json(&self) -> serde_json::Value {
        5.into()
    }

    fn apply(&self, c: &mut Candidates, _: &Context<'_>, _: usize) -> tokpick::Result<()> {
        c.edit(1, |score| score + 5.0);
        Ok(())
    }
}

#[test]
fn what_can_not_be_searched_is_refused() {
    let lines = "[0, 1]\n[0, 1]\n";
    let mut stream = Open::new("live").read(lines.as_bytes()).unwrap();
    let mut exact = Exact::new(1).unwrap();
    let error = Run::until(&[], 2).run(&mut exact, stream.as_mut(), &mut ()).unwrap_err().to_string();
    assert_eq!(error, "live: exact search goes back and forth in its input: save the stream in a file");

    let mut tree = Tree::full(2, 1, || 0.0);
    let run = Run { chain: Chain::default().with(std::sync::Arc::new(Lift)), ..Run::until(&[], 1) };
    let error = run.run(&mut exact, &mut tree, &mut ()).unwrap_err().to_string();
    assert!(
        error.starts_with("tree: sequence 0, step 0: the chain raises a log-probability to 4.307"),
        "{error}"
    );
    assert_eq!(Exact::new(0).unwrap_err().to_string(), "num_return_sequences 0: must be 1 or more");
}
