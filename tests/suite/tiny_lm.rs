//! The decoding results of a small trained model, as Hugging Face transformers gives them (fixtures/tiny-lm): greedy search and
//! beam search over recorded logits, token by token and score by score.

use std::collections::HashMap;
use std::fs;

use crate::support::trees::Run;
use serde_json::{Map, Value};
use tokpick::hypothesis::Hypothesis;
use tokpick::sampler::{Beam, EarlyStopping, Greedy, Limits, Sampler};
use tokpick::source::{LogitsSource, Open};
use tokpick::{TokenId, settings};

/// What the reference allows for its float32 sums.
const TOLERANCE: f64 = 1e-4;

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    kind: String,
    input: String,
    batch_index: Option<usize>,
    prompt_ids: Vec<TokenId>,
    params: Map<String, Value>,
    expected: Expected,
}

#[derive(serde::Deserialize)]
struct Expected {
    sequences: Vec<Vec<TokenId>>,
    scores: Option<Vec<f64>>,
    token_logprobs: Vec<Vec<f64>>,
    token_logprobs_processed: Option<Vec<Vec<f64>>>,
}

fn cases(kind: &str) -> Vec<Case> {
    let all: Vec<Case> =
        serde_json::from_str(&fs::read_to_string("fixtures/tiny-lm/expected.json").unwrap()).unwrap();
    all.into_iter().filter(|case| case.kind == kind).collect()
}

impl Case {
    fn number(&self, name: &str) -> Option<f64> {
        self.params.get(name).and_then(Value::as_f64)
    }

    fn eos(&self) -> Vec<TokenId> {
        match &self.params["eos_token_id"] {
            Value::Null => Vec::new(),
            Value::Array(ids) => ids.iter().map(|id| id.as_u64().unwrap() as TokenId).collect(),
            id => vec![id.as_u64().unwrap() as TokenId],
        }
    }

    /// Repetition penalty, then n-grams, then the minimum.
    fn chain(&self) -> String {
        let mut chain = Vec::new();
        for name in ["repetition_penalty", "no_repeat_ngram_size"] {
            chain.extend(self.params.get(name).map(|value| format!(r#"{{"{name}":{value}}}"#)));
        }
        chain.extend(self.params.get("min_new_tokens").map(|value| {
            let eos = serde_json::to_string(&self.eos()).unwrap();
            format!(r#"{{"min_new_tokens":{{"value":{value},"eos_token_id":{eos}}}}}"#)
        }));
        format!("[{}]", chain.join(","))
    }

    fn run(&self) -> Run<'_> {
        Run {
            prompt: &self.prompt_ids,
            chain: settings::chain(&self.chain()).unwrap(),
            limits: Limits {
                max_new_tokens: self.number("max_new_tokens").map(|n| n as usize),
                eos: self.eos(),
            },
            ..Run::default()
        }
    }

    fn beam(&self) -> Beam {
        Beam {
            length_penalty: self.number("length_penalty").unwrap(),
            early_stopping: match &self.params["early_stopping"] {
                Value::Bool(true) => EarlyStopping::True,
                Value::Bool(false) => EarlyStopping::False,
                _ => EarlyStopping::Never,
            },
            num_return_sequences: self.number("num_return_sequences").unwrap() as usize,
            ..Beam::new(self.number("num_beams").unwrap() as usize).unwrap()
        }
    }

    fn check(&self, found: &[Hypothesis]) {
        let ids: Vec<&[TokenId]> = found.iter().map(|h| h.ids.as_slice()).collect();
        assert_eq!(ids, self.expected.sequences, "{}", self.name);
        let beams = self.expected.scores.is_some();
        for (rank, h) in found.iter().enumerate() {
            if let Some(scores) = &self.expected.scores {
                close(&self.name, h.score.into_iter().map(Some), &scores[rank..=rank]);
            }
            let (raw, processed) = (&self.expected.token_logprobs, &self.expected.token_logprobs_processed);
            let got = if beams { &h.processed_logprobs } else { &h.logprobs };
            close(&self.name, got.iter().copied(), &raw[rank]);
            if let Some(processed) = processed {
                close(&self.name, h.processed_logprobs.iter().copied(), &processed[rank]);
            }
        }
    }
}

fn close(name: &str, got: impl Iterator<Item = Option<f64>>, want: &[f64]) {
    let got: Vec<f64> = got.map(|x| x.expect("a number")).collect();
    assert_eq!(got.len(), want.len(), "{name}");
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= TOLERANCE, "{name}: {g}, transformers {w}");
    }
}

fn open(file: &str) -> Box<dyn LogitsSource + Send> {
    Open::new(format!("fixtures/tiny-lm/{file}")).open().unwrap()
}

fn check_all(kind: &str, count: usize, sampler: impl Fn(&Case) -> Box<dyn Sampler>) {
    let cases = cases(kind);
    assert_eq!(cases.len(), count);
    let mut inputs = HashMap::new();
    for case in cases {
        let input = inputs.entry(case.input.clone()).or_insert_with(|| open(&case.input));
        let mut found = case.run().of(sampler(&case).as_mut(), input.as_mut());
        if let Some(batch_index) = case.batch_index {
            found.retain(|h| h.sequence == batch_index);
        }
        case.check(&found);
    }
}

#[test]
fn beam_search_gives_the_sequences_and_scores_of_transformers() {
    check_all("beam", 93, |case| Box::new(case.beam()));
}

#[test]
fn greedy_search_over_tables_gives_the_sequences_of_transformers() {
    check_all("greedy-table", 10, |_| Box::new(Greedy));
}

#[test]
fn greedy_search_over_steps_gives_the_sequences_of_transformers() {
    check_all("greedy", 6, |_| Box::new(Greedy));
}
