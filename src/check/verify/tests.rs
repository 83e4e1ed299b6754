use super::*;
use crate::draw::{Addressed, Gumbel};
use crate::sampler::{Event, Limits, Sample, Sampler};
use crate::settings;
use crate::source::Steps;

const V: usize = 16;

fn source(sequences: usize, steps: usize) -> Steps {
    let logits = (0..sequences * steps * V).map(|i| ((i * 7919 + i / 5 * 31) % 97) as f32 / 20.0).collect();
    Steps::new("test", &[sequences, steps, V], None, logits).unwrap()
}

fn draw(name: &str, seed: u64) -> Box<dyn Draw> {
    if name == "gumbel" { Box::new(Gumbel::new(seed)) } else { Box::new(Addressed::new(seed)) }
}

struct Case {
    draw: &'static str,
    chain: &'static str,
    samples: usize,
    eos: Vec<TokenId>,
}

impl Case {
    fn with<T>(&self, chain: &str, seed: u64, f: impl FnOnce(&Job<'_>) -> T) -> T {
        let chain = settings::chain(chain).unwrap();
        let limits = Limits { max_new_tokens: None, eos: self.eos.clone() };
        let (prompt, prefix) = (&[3u32, 4][..], &[][..]);
        f(&Job::new(&chain).prompt(prompt).prefix(prefix).limits(&limits).seed(seed))
    }

    fn sample(&self, seed: u64) -> Vec<Vec<TokenId>> {
        let mut ids = Vec::new();
        let mut sampler = Sample { draw: draw(self.draw, seed), samples: self.samples };
        self.with(self.chain, seed, |job| {
            sampler.run(&mut source(2, 12), job, &mut (), &mut |event| {
                if let Event::Done(h) = event {
                    ids.push(h.ids);
                }
                Ok(())
            })
        })
        .unwrap();
        ids
    }

    fn verify(&self, chain: &str, seed: u64, ids: &[Vec<TokenId>]) -> Result<Verification> {
        self.with(chain, seed, |job| {
            let mut draw = draw(self.draw, seed);
            verify(&mut source(2, 12), job, draw.as_mut(), self.samples, ids, &VerifyOptions::default())
        })
    }
}

fn cases() -> Vec<Case> {
    let case = |draw, chain, samples, eos: &[u32]| Case { draw, chain, samples, eos: eos.to_vec() };
    vec![
        case("uniform", "", 1, &[]),
        case("uniform", "temperature=0.7,top_k=6,top_p=0.9", 3, &[]),
        case("uniform", "repetition_penalty=1.4,temperature=1.2", 2, &[5, 9]),
        case("gumbel", "top_p=0.8", 1, &[]),
        case("gumbel", "no_repeat_ngram_size=2,temperature=0.6", 2, &[2]),
    ]
}

#[test]
fn an_honest_run_is_accepted() {
    for case in cases() {
        for seed in [0, 1, u64::MAX] {
            let ids = case.sample(seed);
            let found = case.verify(case.chain, seed, &ids).unwrap();
            assert!(found.holds(None, None), "{} {}", case.draw, case.chain);
            let s = &found.summary;
            assert_eq!(s.steps, ids.iter().map(Vec::len).sum::<usize>());
            assert_eq!((s.match_rate, s.mean_clipped_margin, s.max_margin), (1.0, 0.0, Some(0.0)));
        }
    }
}

#[test]
fn any_single_changed_id_is_found() {
    for case in cases() {
        let honest = case.sample(7);
        for line in 0..honest.len() {
            for at in 0..honest[line].len() {
                let mut ids = honest.clone();
                ids[line][at] = (ids[line][at] + 1) % V as u32;
                if case.eos.contains(&ids[line][at]) || case.eos.contains(&honest[line][at]) {
                    continue;
                }
                let found = case.verify(case.chain, 7, &ids).unwrap();
                assert!(!found.holds(None, None), "{} {}: {line}, {at}", case.draw, case.chain);
                let first = found.mismatches().next().unwrap();
                assert_eq!((first.line, first.step), (line, at));
                assert_eq!((first.claimed, first.drawn), (ids[line][at], honest[line][at]));
                assert!(first.margin.is_none_or(|m| m > 0.0), "{first:?}");
                assert_eq!(first.noise_probability, Some(0.0), "without noise nothing is explained");
            }
        }
    }
}

#[test]
fn another_seed_or_order_is_found() {
    let case = &cases()[1];
    let ids = case.sample(7);
    assert!(case.verify(case.chain, 8, &ids).unwrap().summary.match_rate < 0.8);
    // top-p before temperature keeps other tokens than after it
    let swapped = "top_p=0.9,top_k=6,temperature=0.3";
    let case = Case { chain: "temperature=0.3,top_k=6,top_p=0.9", samples: 20, ..cases().remove(1) };
    let found = case.verify(swapped, 7, &case.sample(7)).unwrap();
    assert!(!found.holds(None, None));
}

#[test]
fn limits_turn_it_into_a_check() {
    let case = &cases()[3];
    let mut ids = case.sample(7);
    let drawn = ids[0][0];
    ids[0][0] = (drawn + 1) % V as u32;
    let found = case.verify(case.chain, 7, &ids).unwrap();
    let rate = found.summary.match_rate;
    assert!(rate < 1.0);
    assert!(found.holds(Some(rate), None));
    assert!(!found.holds(Some(rate + 1e-9), None));
    match found.summary.max_margin {
        Some(margin) => {
            assert!(found.holds(None, Some(margin)));
            assert!(!found.holds(None, Some(margin * 0.99)));
        }
        None => assert!(!found.holds(None, Some(f64::MAX))),
    }
}

#[test]
fn noise_explains_near_ties_and_nothing_else() {
    // two logits 1e-4 apart: greedy over noisy logits takes the second about half the time
    let mut source = Steps::new("test", &[1, 3], None, vec![1.0, 1.0 - 1e-4, -5.0]).unwrap();
    let chain = Chain::default();
    let job = Job::new(&chain);
    let options = VerifyOptions { logit_noise: 0.01, ..VerifyOptions::default() };
    for (id, unexplained) in [(1, 0), (2, 1)] {
        let found = verify(&mut source, &job, &mut crate::draw::Argmax, 1, &[vec![id]], &options).unwrap();
        assert_eq!(found.summary.unexplained, unexplained);
        let p = found.steps[0].noise_probability.unwrap();
        assert!(if id == 1 { p > 0.49 && p < 0.5 } else { p < 1e-100 }, "{p}");
    }
}

#[test]
fn padding_after_the_end_is_not_verified() {
    let case = Case { eos: vec![5, 9], ..cases().remove(2) };
    let mut ids = (0..200).map(|seed| (seed, case.sample(seed))).find(|(_, ids)| ids[0].len() < 8).unwrap();
    let short = ids.1[0].len();
    ids.1[0].resize(12, 0);
    let found = case.verify(case.chain, ids.0, &ids.1).unwrap();
    assert!(found.holds(None, None));
    assert_eq!(found.summary.padding, 12 - short);
    ids.1[0][11] = 1;
    let message = case.verify(case.chain, ids.0, &ids.1).unwrap_err().to_string();
    assert!(message.contains("padding is one and the same id"), "{message}");
}

#[test]
fn the_temperature_of_a_chain() {
    for (chain, t) in [("", 1.0), ("temperature=0.5,top_k=3,temperature=0.5", 0.25), ("temperature=0", 1.0)] {
        assert_eq!(VerifyOptions::temperature_of(&settings::chain(chain).unwrap()), t, "{chain}");
    }
}

/// Two rows that list three tokens of a thousand with 0.88, 0.76 of the probability: what is drawn from all thousand can't be told.
fn open_rows() -> Box<dyn LogitsSource + Send> {
    let lines =
        "{\"ids\":[0,1,2],\"logprobs\":[-0.7,-1.5,-1.8]}\n{\"ids\":[0,1,2],\"logprobs\":[-0.9,-1.4,-2.2]}\n";
    let open = crate::source::Open { vocab_size: Some(1000), ..crate::source::Open::new("open.jsonl") };
    open.read(std::io::Cursor::new(lines.as_bytes().to_vec())).unwrap()
}

fn over_open_rows(
    chain: &str,
    claimed: impl Fn(&[TokenId]) -> Vec<TokenId>,
    options: &VerifyOptions,
) -> Verification {
    let case = Case { draw: "addressed", chain: "", samples: 1, eos: vec![] };
    let mut ids = Vec::new();
    case.with(chain, 3, |job| {
        let mut sampler = Sample { draw: draw("addressed", 3), samples: 1 };
        sampler
            .run(open_rows().as_mut(), job, &mut (), &mut |event| {
                if let Event::Done(h) = event {
                    ids = h.ids;
                }
                Ok(())
            })
            .unwrap();
        verify(open_rows().as_mut(), job, draw("addressed", 3).as_mut(), 1, &[claimed(&ids)], options)
            .unwrap()
    })
}

#[test]
fn what_is_undecided_counts_for_nothing() {
    let other = |id: TokenId| if id == 1 { 0 } else { 1 };
    let limits = [(None, None), (Some(0.0), None), (None, Some(1e9)), (Some(0.0), Some(1e9))];
    let plain = VerifyOptions::default();
    for (claimed, undecided) in [(vec![true, true], 2), (vec![false, true], 1)] {
        let changed = |ids: &[TokenId]| {
            ids.iter()
                .zip(&claimed)
                .map(|(id, wrong)| if *wrong { other(*id) } else { *id })
                .collect::<Vec<TokenId>>()
        };
        let found = over_open_rows("", changed, &plain);
        assert_eq!((found.summary.undecided, found.summary.match_rate), (undecided, 1.0));
        for (min_match, max_margin) in limits {
            assert!(!found.holds(min_match, max_margin), "{min_match:?} {max_margin:?}");
            assert!(found.is_undecided(min_match, max_margin), "{min_match:?} {max_margin:?}");
        }
        // nothing is expected of rows that decide nothing
        let tolerance = Some(Tolerance { score: 0.5, spacings: 0.0, cut: 0.0, noise: 0.0 });
        let found = over_open_rows("", changed, &VerifyOptions { tolerance, ..plain });
        let verdict = found.verdict.as_ref().unwrap();
        assert_eq!((verdict.expected, verdict.faithful), (Expected::default(), true));
        assert!(!found.holds(None, None) && found.is_undecided(None, None));
        // where the chain keeps listed tokens alone, they are decided
        let found = over_open_rows("top_k=3", changed, &plain);
        assert_eq!((found.summary.undecided, found.is_undecided(None, None)), (0, false));
        assert!(!found.holds(None, None) && found.holds(Some(0.0), None));
        assert!(found.summary.match_rate < 1.0);
    }
}

#[test]
fn decided_mismatches_decide() {
    // two mismatches that are decided, and one that can't be
    let summary = Summary {
        steps: 5,
        matches: 2,
        undecided: 1,
        match_rate: 0.5,
        max_margin: Some(3.0),
        ..Summary::default()
    };
    let found = Verification { summary, verdict: None, steps: vec![], alpha: 1e-3 };
    for (limits, undecided) in [
        ((None, None), false),
        ((Some(0.6), None), false),
        ((Some(0.5), None), true),
        ((None, Some(2.9)), false),
        ((None, Some(3.0)), true),
        ((Some(0.5), Some(3.0)), true),
    ] {
        assert_eq!(
            (found.holds(limits.0, limits.1), found.is_undecided(limits.0, limits.1)),
            (false, undecided)
        );
    }
}
