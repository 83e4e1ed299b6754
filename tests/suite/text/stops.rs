//! Stop strings and loops, in every strategy.

use tokpick::prelude::*;
use tokpick::sampler::EarlyStopping;
use tokpick::source::{FromFn, Vocab};
use tokpick::text::{Stop, StopReader, Tokens};

fn tokens(strings: &[&str]) -> Tokens {
    let strings: Vec<String> = strings.iter().map(|s| s.to_string()).collect();
    Tokens::new(Vocab::from(strings.as_slice()))
}

/// A model that says these ids, one after the other, and then the first again.
fn says(vocab: usize, ids: &'static [u32]) -> FromFn<impl FnMut(&[u32]) -> Vec<f32>> {
    from_fn(vocab, move |context: &[u32]| {
        let next = ids[context.len() % ids.len()] as usize;
        (0..vocab).map(|id| if id == next { 3.0 } else { 0.0 }).collect::<Vec<f32>>()
    })
}

#[test]
fn the_match_that_is_complete_first_ends_the_text_wherever_tokens_are_cut() {
    let whole = tokens(&["x abcd y", "x", " a", "bc", "d y", "x a", "b", "c", "d"]);
    for (stops, text, found) in [
        (vec!["bc"], "x a", Some("bc")),
        (vec!["abcd", "bc"], "x a", Some("bc")),
        (vec!["abc", "bc"], "x ", Some("abc")),
        (vec!["bc", "abc"], "x ", Some("abc")),
        (vec!["b", "bc"], "x a", Some("b")),
        (vec!["d y", "cd"], "x ab", Some("cd")),
        (vec!["zz"], "x abcd y", None),
    ] {
        let stop = Stop::at(&whole, stops.clone()).unwrap();
        for ids in [&[0][..], &[1, 2, 3, 4], &[5, 6, 7, 4]] {
            assert_eq!(stop.text(ids), (text.to_string(), found), "{stops:?} {ids:?}");
        }
        let with = stop.including(true).text(&[1, 2, 3, 4]).0;
        assert_eq!(with, format!("{text}{}", found.unwrap_or_default()), "{stops:?}");
    }
}

#[test]
fn nothing_of_a_stop_string_is_shown_before_it_is_sure_to_be_none() {
    let tokens = tokens(&["a", "aa", "b", "é", "e"]);
    let stop = Stop::at(&tokens, ["aab"]).unwrap();
    let mut reader = StopReader::default();
    let shown: Vec<String> = [0, 0, 0, 3, 1].map(|id| reader.next(&stop, id)).into();
    assert_eq!(shown, ["", "", "a", "aaé", ""]);
    assert_eq!(reader.clone().finish(&stop), "aa");
    assert_eq!((reader.next(&stop, 2), reader.found(&stop)), (String::new(), Some("aab")));
    assert_eq!(reader.finish(&stop), "");
    // é of two bytes, each a token
    let tokens = Tokens::new(Vocab::parse("v", r#"["Ã", "©", "Ġa"]"#.as_bytes()).unwrap());
    let stop = Stop::at(&tokens, ["é"]).unwrap();
    assert_eq!(stop.text(&[2, 0, 1]), (" a".to_string(), Some("é")));
}

#[test]
fn greedy_sampling_and_beam_end_there() {
    let tokens = tokens(&["a", "b", "c", "d", "e"]);
    let stop = Stop::at(&tokens, ["cd"]).unwrap();
    let (chain, limits) = (Chain::default(), Limits::new(9).with_eos([4]));
    let job = Job::new(&chain).limits(&limits).stop(&stop);
    let mut model = says(5, &[0, 1, 2, 3, 4]);
    let greedy = Greedy.decode(&mut model, &job).unwrap();
    assert_eq!((greedy[0].finish_reason, &greedy[0].ids[..]), (Finish::Stop, &[0, 1, 2, 3][..]));
    for draws in 0..4 {
        let mut sample = Sample { samples: 3, ..Sample::new(Addressed::new(draws)) };
        for h in sample.decode(&mut model, &job).unwrap() {
            let text = tokens.text(&h.ids);
            let ends = text.find("cd").map(|at| at + 2);
            assert!(ends.is_none_or(|end| end == text.len()), "{text}");
            assert_eq!(h.finish_reason == Finish::Stop, ends.is_some(), "{text}");
        }
    }
    let mut beam = Beam { early_stopping: EarlyStopping::True, ..Beam::new(1).unwrap() };
    let found = beam.decode(&mut model, &job).unwrap();
    assert_eq!((found[0].finish_reason, &found[0].ids[..]), (Finish::Stop, &[0, 1, 2, 3][..]));
    let mut beam = Beam { num_return_sequences: 4, ..Beam::new(4).unwrap() };
    for h in beam.decode(&mut model, &job).unwrap() {
        let (text, found) = stop.text(&h.ids);
        assert_eq!((h.finish_reason == Finish::Stop), found.is_some(), "{text}");
        assert!(!text.contains("cd"), "{text}");
    }
    let refused = Exact::new(1).unwrap().decode(&mut model, &job).unwrap_err().to_string();
    assert!(refused.contains("exact search ends sequences by their ids alone"), "{refused}");
}

#[test]
fn an_end_token_ends_as_such_and_prompt_and_prefix_are_not_looked_at() {
    let tokens = tokens(&["a", "b", "<end>"]);
    let stop = Stop::at(&tokens, ["ab", "end"]).unwrap();
    let (chain, limits) = (Chain::default(), Limits::new(4).with_eos([2]));
    let job = Job::new(&chain).limits(&limits).stop(&stop);
    let found = Greedy.decode(&mut says(3, &[1, 2]), &job).unwrap();
    assert_eq!((found[0].finish_reason, &found[0].ids[..]), (Finish::Eos, &[1, 2][..]));
    let found = Greedy.decode(&mut says(3, &[0, 1]), &job.prompt(&[0, 0]).prefix(&[0])).unwrap();
    assert_eq!((found[0].finish_reason, &found[0].ids[..]), (Finish::Stop, &[1, 0, 1][..]));
}

#[test]
fn loops_end() {
    let (chain, limits) = (Chain::default(), Limits::new(30));
    let stop = Stop::default().on_repeat(3).unwrap();
    let job = Job::new(&chain).limits(&limits).stop(&stop);
    for (ids, len) in [(&[7][..], 3), (&[1, 2, 3], 9), (&[1, 1, 2], 9), (&[1, 2, 3, 4, 5, 6, 7, 8], 24)] {
        let found = Greedy.decode(&mut says(9, ids), &job).unwrap();
        assert_eq!((found[0].finish_reason, found[0].ids.len()), (Finish::Repetition, len), "{ids:?}");
    }
    // a block longer than a third of what was generated does not repeat three times
    let found = Greedy.decode(&mut says(11, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), &job).unwrap();
    assert_eq!(found[0].finish_reason, Finish::Length);
    // what was generated before counts
    let found = Greedy.decode(&mut says(9, &[7]), &job.prefix(&[7, 7])).unwrap();
    assert_eq!((found[0].finish_reason, found[0].ids.len()), (Finish::Repetition, 1));
    assert!(Stop::default().on_repeat(1).is_err());
}

#[test]
fn threads_change_nothing() {
    let tokens = tokens(&["a", "b", "c", "d"]);
    let stop = Stop::at(&tokens, ["ab", "dd"]).unwrap();
    let logits: Vec<f32> = (0..64 * 40 * 4).map(|i| ((i * 7919) % 13) as f32 / 6.0).collect();
    let chain = Chain::default();
    let decode = |parallel: bool| {
        let mut steps = Steps::new("x", &[64, 40, 4], None, logits.clone()).unwrap();
        let mut sample = Sample { samples: 2, ..Sample::new(Addressed::new(3)) };
        sample.decode(&mut steps, &Job::new(&chain).stop(&stop).parallel(parallel)).unwrap()
    };
    let alone = decode(false);
    assert!(alone.iter().any(|h| h.finish_reason == Finish::Stop && h.ids.len() < 20));
    assert_eq!(alone, decode(true));
}
