use super::run::Only;
use super::*;
use crate::draw::{Addressed, Draw, Gumbel};
use crate::engine::EngineDraw;
use crate::sampler::{Event, Sample, Sampler};
use crate::settings;
use crate::source::Steps;

const V: usize = 40;

fn source(sequences: usize) -> Steps {
    let logits = (0..sequences * 20 * V).map(|i| ((i * 7919 + i / 3 * 131) % 509) as f32 / 90.0).collect();
    Steps::new("test", &[sequences, 20, V], None, logits).unwrap()
}

fn sample(sequences: usize, mut sampler: Sample, chain: &Chain, only: Option<usize>) -> Vec<Vec<TokenId>> {
    let mut source = source(sequences);
    let mut ids = Vec::new();
    let job = Job::new(chain);
    let range = only.map_or(0..sequences, |s| s..s + 1);
    let mut source = Only { inner: &mut source, sequences: range };
    sampler
        .run(&mut source, &job, &mut (), &mut |event| {
            if let Event::Done(h) = event {
                ids.push(h.ids);
            }
            Ok(())
        })
        .unwrap();
    ids
}

fn find(sequences: usize, chain: &Chain, params: &Params, ids: &[Vec<TokenId>]) -> Guess {
    let job = Job::new(chain);
    let options = GuessOptions { seed: Some("11"), addresses: None, params, partial: 3 };
    guess(&mut source(sequences), &job, ids, &options).unwrap()
}

#[test]
fn own_draws_and_their_order_are_found() {
    let chain = settings::chain("temperature=0.4,top_p=0.8").unwrap();
    let swapped = settings::chain("top_p=0.8,temperature=0.4").unwrap();
    let draws: [(&str, Box<dyn Draw>); 2] =
        [("chacha8-v1", Box::new(Addressed::new(11))), ("gumbel-chacha8-v1", Box::new(Gumbel::new(11)))];
    for (name, draw) in draws {
        let ids = sample(3, Sample { draw, samples: 2 }, &swapped, None);
        let params = Params { temperature: Some(0.4), top_p: Some(0.8), ..Params::default() };
        let guess = find(3, &chain, &params, &ids);
        assert_eq!(guess.explained.len(), 1, "{guess:#?}");
        assert_eq!(guess.explained[0].recipe.draw, name);
        assert_eq!(guess.explained[0].recipe.order, ["top_p", "temperature"]);
        assert!(!guess.partial.is_empty() && guess.partial[0].matches < guess.partial[0].compared);
    }
}

#[test]
fn batch_conventions_are_told_apart() {
    let params = Params { temperature: Some(0.8), ..Params::default() };
    let chain = settings::chain("temperature=0.8").unwrap();
    let none = Chain::default();
    let engine = |seed: &str, rows| EngineDraw::new("torch", &params, seed, rows, 1).unwrap();
    let boxed = |draw: EngineDraw| Sample { draw: Box::new(draw), samples: 1 };
    let together = sample(3, boxed(engine("11", 3)), &none, None);
    let each = |seed: &dyn Fn(usize) -> String| -> Vec<Vec<TokenId>> {
        (0..3).flat_map(|s| sample(3, boxed(engine(&seed(s), 1)), &none, Some(s))).collect()
    };
    let alone = each(&|_| "11".to_string());
    let counted = each(&|s| (11 + s).to_string());
    for (ids, convention) in
        [(together, Convention::Batch), (alone, Convention::Alone), (counted, Convention::SeedPlusRow)]
    {
        let guess = find(3, &chain, &params, &ids);
        let torch = guess.explained.iter().find(|a| a.recipe.draw == "torch").unwrap();
        assert_eq!(torch.recipe.convention, Some(convention));
        assert!(guess.explained.iter().all(|a| a.recipe.convention == Some(convention)));
    }
}

#[test]
fn a_hidden_top_k_is_found() {
    let params = Params { top_k: Some(50), ..Params::default() };
    let draw = EngineDraw::new("transformers", &params, "11", 1, 1).unwrap();
    let ids = sample(1, Sample { draw: Box::new(draw), samples: 1 }, &Chain::default(), None);
    // V = 40: top-k 50 does nothing here, so that both explanations stand
    let guess = find(1, &Chain::default(), &Params::default(), &ids);
    let found: Vec<_> = guess.explained.iter().filter(|a| a.recipe.draw == "transformers").collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].recipe.assumed, ["top_k=50"]);
}

#[test]
fn engines_that_cannot_be_asked_are_told() {
    let chain = settings::chain("top_k=5").unwrap();
    let params = Params { top_k: Some(5), top_n_sigma: Some(1.0), ..Params::default() };
    let ids = sample(1, Sample { draw: Box::new(Addressed::new(11)), samples: 1 }, &chain, None);
    let guess = find(1, &chain, &params, &ids);
    assert!(guess.refused.iter().any(|(n, why)| n == "torch" && why.contains("top_n_sigma")), "{guess:#?}");
    assert!(guess.explained.iter().any(|a| a.recipe.draw == "chacha8-v1"));
}
