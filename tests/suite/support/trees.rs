//! What several tests of searches share: a source in memory, and a run that collects.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokpick::hypothesis::Hypothesis;
use tokpick::processor::Chain;
use tokpick::sampler::{Event, Job, Limits, Sampler};
use tokpick::source::{Access, LogitsSource, Query, Row, Shape};
use tokpick::trace::Trace;
use tokpick::{Error, Result, TokenId};

/// Rows by prefix, with a count of what was asked.
pub struct Tree {
    pub rows: HashMap<Vec<TokenId>, Vec<f32>>,
    pub vocab: usize,
    pub asked: usize,
}

impl Tree {
    /// Every prefix shorter than `depth`, with logits from `logit`.
    pub fn full(vocab: usize, depth: usize, mut logit: impl FnMut() -> f32) -> Tree {
        let mut rows = HashMap::new();
        let mut level: Vec<Vec<TokenId>> = vec![Vec::new()];
        for _ in 0..depth {
            let mut next = Vec::new();
            for prefix in level {
                next.extend((0..vocab as TokenId).map(|id| [prefix.as_slice(), &[id]].concat()));
                rows.insert(prefix, (0..vocab).map(|_| logit()).collect());
            }
            level = next;
        }
        Tree { rows, vocab, asked: 0 }
    }

    /// A full tree of random logits between −3 and 3.
    pub fn random(seed: u64, vocab: usize, depth: usize) -> Tree {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Tree::full(vocab, depth, || rng.random_range(-3.0..3.0))
    }
}

impl LogitsSource for Tree {
    fn name(&self) -> &str {
        "tree"
    }

    fn shape(&self) -> Shape {
        Shape::following(Some(self.vocab), Access::Random)
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        self.asked += at.len();
        out.resize_with(at.len(), Row::default);
        for (query, row) in at.iter().zip(out) {
            let logits = self.rows.get(query.prefix());
            let logits = logits.ok_or_else(|| Error::NoPrefix {
                file: "tree".to_string(),
                prefix: query.prefix().to_vec(),
                ends: false,
            })?;
            row.start_dense(self.vocab).extend_from_slice(logits);
        }
        Ok(())
    }
}

/// Prompt, chain and limits of a run.
#[derive(Default)]
pub struct Run<'a> {
    pub prompt: &'a [TokenId],
    pub chain: Chain,
    pub limits: Limits,
    pub seed: u64,
    pub parallel: bool,
}

impl Run<'_> {
    /// A run that ends with one of these tokens, or after so many.
    pub fn until(eos: &[TokenId], max_new_tokens: usize) -> Self {
        let limits = Limits { max_new_tokens: Some(max_new_tokens), eos: eos.to_vec() };
        Run { limits, ..Run::default() }
    }

    pub fn run(
        &self,
        sampler: &mut dyn Sampler,
        source: &mut dyn LogitsSource,
        trace: &mut dyn Trace,
    ) -> Result<Vec<Hypothesis>> {
        let job = Job::new(&self.chain)
            .prompt(self.prompt)
            .limits(&self.limits)
            .seed(self.seed)
            .logprobs(true)
            .parallel(self.parallel);
        let mut all = Vec::new();
        sampler.run(source, &job, trace, &mut |event| {
            if let Event::Done(hypothesis) = event {
                all.push(hypothesis);
            }
            Ok(())
        })?;
        Ok(all)
    }

    pub fn of(&self, sampler: &mut dyn Sampler, source: &mut dyn LogitsSource) -> Vec<Hypothesis> {
        self.run(sampler, source, &mut ()).unwrap()
    }
}

/// A hypothesis of an enumeration: ids, the score of each.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub ids: Vec<TokenId>,
    pub scores: Vec<f64>,
}

impl Leaf {
    pub fn sum(&self) -> f64 {
        self.scores.iter().sum()
    }
}

/// ln softmax, by the standard library.
pub fn log_softmax(row: &[f32]) -> Vec<f64> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let z = row.iter().map(|&x| (x as f64 - max).exp()).sum::<f64>().ln() + max;
    row.iter().map(|&x| x as f64 - z).collect()
}

/// Every sequence that ends with a token of `eos`, or has `depth` tokens.
pub fn enumerate(tree: &Tree, eos: &[TokenId], depth: usize) -> Vec<Leaf> {
    let mut open = vec![Leaf { ids: Vec::new(), scores: Vec::new() }];
    let mut ended = Vec::new();
    while let Some(leaf) = open.pop() {
        for (id, score) in log_softmax(&tree.rows[&leaf.ids]).into_iter().enumerate() {
            if score == f64::NEG_INFINITY {
                continue;
            }
            let mut next = leaf.clone();
            next.ids.push(id as TokenId);
            next.scores.push(score);
            let ends = eos.contains(&(id as TokenId)) || next.ids.len() == depth;
            if ends { &mut ended } else { &mut open }.push(next);
        }
    }
    ended
}
