//! Decoding: random rows, a random chain of all processors, every strategy and draw, on every instruction set, with one thread and
//! several.

use serde_json::{Map, Value, json};

use super::bytes::Bytes;
use super::says;
use tokpick::draw::{AdaptiveP, Draw, Mirostat};
use tokpick::kernel::{Simd, with_simd};
use tokpick::prelude::*;
use tokpick::processor::{Context, INFOS, Needs, Written};
use tokpick::sampler::{Phrase, Variant};
use tokpick::settings;

/// A parameter's value, mostly one that it takes.
fn value(written: Written, b: &mut Bytes, v: usize) -> Option<Value> {
    let id = |b: &mut Bytes| json!(b.below(v));
    Some(match written {
        Written::Number => json!(b.real()),
        Written::Count => json!(b.below(9)),
        Written::Integer => json!(b.below(9) as i64 - 3),
        Written::Switch => json!(b.yes()),
        Written::Ids => Value::Array((0..b.below(4)).map(|_| id(b)).collect()),
        Written::IdLists => Value::Array(
            (0..b.below(3)).map(|_| Value::Array((0..=b.below(3)).map(|_| id(b)).collect())).collect(),
        ),
        Written::Bias => Value::Array((0..b.below(3)).map(|_| json!([id(b), b.real()])).collect()),
        Written::Pair(count, number) => json!({count: b.below(9), number: b.real()}),
        Written::Word | Written::File | Written::Json => return None,
    })
}

/// A chain of up to five processors; `None` where one refuses its parameters.
pub fn chain(b: &mut Bytes, v: usize) -> Option<Chain> {
    let mut entries = Vec::new();
    for _ in 0..b.below(6) {
        let info = b.of(INFOS);
        let mut form = Map::new();
        for flag in info.flags {
            if let Some(value) = value(flag.written, b, v).filter(|_| form.is_empty() || b.yes()) {
                match (flag.written, value) {
                    (Written::Pair(..), Value::Object(pair)) => form.extend(pair),
                    (_, value) => drop(form.insert(flag.parameter.to_string(), value)),
                }
            }
        }
        entries.push(json!({info.name: form}));
    }
    match settings::chain(&Value::from(entries).to_string()) {
        Ok(chain) => Some(chain),
        Err(error) => {
            says(&error);
            None
        }
    }
}

/// What came out, to the bit.
#[derive(Debug, PartialEq)]
struct Line {
    ids: Vec<TokenId>,
    logprobs: Vec<Option<u64>>,
    score: Option<u64>,
}

struct Run {
    rows: Vec<f32>,
    shape: [usize; 3],
    chain: Chain,
    limits: Limits,
    prompt: Vec<TokenId>,
    seed: u64,
    strategy: usize,
    variant: Variant,
    samples: usize,
}

impl Run {
    fn sampler(&self) -> tokpick::Result<Box<dyn Sampler>> {
        let sample =
            |draw: Box<dyn Draw>| Box::new(Sample { draw, samples: self.samples }) as Box<dyn Sampler>;
        Ok(match self.strategy {
            0 => Box::new(Greedy),
            1 => sample(Box::new(Gumbel::new(self.seed))),
            2 => sample(Box::new(Mirostat::new(2, 3.0, 0.1, 100, self.seed)?)),
            3 => sample(Box::new(Mirostat::new(1, 2.0, 0.2, 5, self.seed)?)),
            4 => sample(Box::new(AdaptiveP::new(0.4, 0.9, self.seed)?)),
            5 | 8 => Box::new(Beam {
                num_return_sequences: self.samples,
                variant: self.variant.clone(),
                ..Beam::new(self.samples + 1)?
            }),
            6 => {
                let mut exact = Exact::new(self.samples)?;
                exact.max_nodes = Some(50);
                Box::new(exact)
            }
            _ => sample(Box::new(Addressed::new(self.seed))),
        })
    }

    fn decode(&self, parallel: bool) -> Result<Vec<Line>, String> {
        let mut source =
            Steps::new("rows", &self.shape, None, self.rows.clone()).map_err(|e| e.to_string())?;
        let job = Job::new(&self.chain).prompt(&self.prompt).limits(&self.limits).seed(self.seed);
        let job = job.logprobs(true).parallel(parallel);
        let found = self.sampler().and_then(|mut s| s.decode(&mut source, &job));
        let found = found.map_err(|error| {
            says(&error);
            error.to_string()
        })?;
        let line = |h: Hypothesis| {
            assert!(h.ids.iter().all(|&id| (id as usize) < self.shape[2]), "an id of the vocabulary");
            assert!(h.logprob.is_none_or(|l| !l.is_nan()) && h.score.is_none_or(|s| !s.is_nan()), "a number");
            let logprobs = h.logprobs.iter().map(|l| l.map(f64::to_bits)).collect();
            Line { ids: h.ids, logprobs, score: h.score.map(f64::to_bits) }
        };
        Ok(found.into_iter().map(line).collect())
    }

    /// The promises of a chain on the first row: something is kept, and it sums to 1.
    fn candidates(&self) {
        let row = &self.rows[..self.shape[2]];
        let cx = Context {
            context: &self.prompt,
            prompt_len: self.prompt.len(),
            sequence: 0,
            step: 0,
            coins: &0.5,
        };
        if self.chain.needs() != (Needs { coin: self.chain.needs().coin, ..Needs::default() })
            && self.prompt.is_empty()
        {
            return;
        }
        match self.chain.after(&cx, row) {
            Ok(c) => {
                let p = c.probabilities();
                assert!(!p.is_empty() && c.count() > 0, "{} keeps nothing of {row:?}", self.chain.json());
                let sum: f64 = p.iter().map(|x| x.1).sum();
                assert!((sum - 1.0).abs() < 1e-9, "the probabilities sum to {sum}");
                assert!(
                    p.iter().all(|x| x.1 >= 0.0 && (x.0 as usize) < row.len()),
                    "probabilities of tokens"
                );
                assert!(p.windows(2).all(|w| w[0].0 < w[1].0), "by rising id");
            }
            Err(error) => says(&error),
        }
    }
}

/// A beam search of another kind.
fn variant(b: &mut Bytes, v: usize) -> Variant {
    match b.below(5) {
        0 => Variant::Sample,
        1 => Variant::SampleUnsorted,
        2 => Variant::Stochastic { noise: b.of(&[1.0, 0.5, 0.0]) },
        3 => Variant::Diverse { num_beam_groups: 1 + b.below(3), diversity_penalty: b.real() },
        _ => {
            let mut phrase =
                |_| Phrase::from((0..=b.below(2)).map(|_| b.below(v) as TokenId).collect::<Vec<_>>());
            Variant::Constrained { force_ids: (0..2).map(&mut phrase).collect() }
        }
    }
}

/// Decodes what the bytes describe.
pub fn decode(data: &[u8]) {
    let b = &mut Bytes(data);
    let v = [1, 2, 3, 5, 17, 40, 300, 1100][b.below(8)];
    let Some(chain) = chain(b, v) else { return };
    let shape = [1 + b.below(3), 1 + b.below(4), v];
    let strategy = b.below(10);
    let samples = 1 + b.below(3);
    let eos: Vec<TokenId> = (0..b.below(3)).map(|_| b.below(v) as TokenId).collect();
    let prompt: Vec<TokenId> = (0..b.below(6)).map(|_| b.below(v) as TokenId).collect();
    let seed = b.long();
    let limits = Limits::new(shape[1]).with_eos(eos);
    let variant = if strategy == 8 { variant(b, v) } else { Variant::Plain };
    let rows = b.rows(shape[0] * shape[1], v);
    let run = Run { rows, shape, chain, limits, prompt, seed, strategy, variant, samples };
    run.candidates();
    let first = run.decode(false);
    assert_eq!(first, run.decode(true), "one thread and several");
    for simd in Simd::ALL.into_iter().filter(|s| s.supported()) {
        assert_eq!(first, with_simd(simd, || run.decode(false)), "{}", simd.name());
    }
}
