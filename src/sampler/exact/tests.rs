//! The compact search and the plain one find the same, to the bit, by the same rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Exact, plain};
use crate::hypothesis::Hypothesis;
use crate::processor::Chain;
use crate::sampler::{Event, Job, Limits, Sampler};
use crate::settings;
use crate::source::{Access, LogitsSource, Query, ReadAt, Row, Shape};
use crate::trace::{Trace, Wants};
use crate::{Result, TokenId};

/// Rows that follow the prefix: from its ids, by a generator. Coarse logits make ties.
struct Mixed {
    seed: u64,
    vocab: usize,
    /// Steps of the input; rows depend on the step alone then.
    steps: Option<usize>,
    levels: u32,
    sparse: bool,
    shares: bool,
    reads: AtomicUsize,
}

impl ReadAt for Mixed {
    fn read(&self, at: &Query<'_>, row: &mut Row) -> Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut seed = self.seed;
        let key: &[TokenId] =
            if self.steps.is_some() { &[TokenId::try_from(at.step).unwrap()] } else { at.prefix() };
        for &id in key {
            seed = (seed ^ u64::from(id + 1)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let kept: Vec<TokenId> =
            (0..self.vocab as TokenId).filter(|&id| id == 1 || rng.random_range(0..4) > 0).collect();
        let mut logit = || match rng.random_range(0..12) {
            0 if !self.sparse => f32::NEG_INFINITY,
            1 => 1e-30,
            _ => rng.random_range(0..self.levels) as f32 * 0.37 - 1.0,
        };
        if self.sparse {
            let logits: Vec<f32> = kept.iter().map(|_| logit()).collect();
            row.start_sparse(&kept, &logits, self.vocab);
        } else {
            let logits: Vec<f32> = (0..self.vocab).map(|id| if id == 1 { 0.5 } else { logit() }).collect();
            row.start_dense(self.vocab).extend_from_slice(&logits);
        }
        Ok(())
    }
}

impl LogitsSource for Mixed {
    fn name(&self) -> &str {
        "mixed"
    }

    fn shape(&self) -> Shape {
        Shape {
            sequences: 0..1,
            first_step: 0,
            end_step: self.steps,
            vocab: Some(self.vocab),
            follows_prefix: self.steps.is_none(),
            access: Access::Random,
        }
    }

    fn rows(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        out.resize_with(at.len(), Row::default);
        at.iter().zip(out).try_for_each(|(at, row)| self.read(at, row))
    }

    fn shared(&self) -> Option<&dyn ReadAt> {
        self.shares.then_some(self)
    }
}

/// Sees every row.
struct Watching(usize);

impl Trace for Watching {
    fn wants(&self) -> Wants {
        Wants { stages: true, ..Wants::default() }
    }

    fn event(&mut self, event: &crate::trace::TraceEvent<'_>) {
        self.0 += usize::from(matches!(event, crate::trace::TraceEvent::Row { .. }));
    }
}

fn compact(
    exact: &mut Exact,
    source: &mut Mixed,
    job: &Job<'_>,
    trace: &mut dyn Trace,
) -> Result<Vec<Hypothesis>> {
    let mut found = Vec::new();
    exact.run(source, job, trace, &mut |event| {
        if let Event::Done(hypothesis) = event {
            found.push(hypothesis);
        }
        Ok(())
    })?;
    Ok(found)
}

const CHAINS: [&str; 8] = [
    "",
    "top-k=6",
    "temperature=0.7,renormalize-logits=true",
    "repetition-penalty=1.3",
    "repetition-penalty=1.3,temperature=3,top-p=0.9",
    "min-p=0.9",
    "typical-p=0.7",
    "no-repeat-ngram-size=1",
];

#[test]
fn the_compact_search_equals_the_plain_one() {
    let chains: Vec<Chain> = CHAINS.iter().map(|chain| settings::chain(chain).unwrap()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(16);
    let (mut bounds, mut errors, mut many, mut again, mut spared) = (0, 0, 0, 0, 0);
    for case in 0..4000 {
        let chain = &chains[case % chains.len()];
        let vocab = *[2, 3, 5, 11, 40].get(rng.random_range(0..5)).unwrap();
        let depth = rng.random_range(0..7);
        let mut source = Mixed {
            seed: rng.random(),
            vocab,
            steps: (rng.random_range(0..3) == 0).then_some(depth),
            levels: rng.random_range(1..40),
            sparse: rng.random_range(0..4) == 0,
            shares: rng.random_range(0..5) > 0,
            reads: AtomicUsize::new(0),
        };
        let eos: Vec<TokenId> =
            (0..vocab as TokenId).filter(|_| rng.random_range(0..vocab.max(4)) < 2).collect();
        let limits = Limits::new(depth).with_eos(eos);
        let job = Job::new(chain).prompt(&[1]).limits(&limits);
        let mut exact = Exact::new(*[1, 2, 5, 60].get(rng.random_range(0..4)).unwrap()).unwrap();
        exact.max_nodes = Some(if rng.random_range(0..3) == 0 { rng.random_range(1..60) } else { 400 });
        let plain = plain::search(&mut source, &job, exact.num_return_sequences, exact.max_nodes);
        let mut watching = Watching(0);
        let watched = compact(&mut exact, &mut source, &job, &mut watching);
        let seen = exact.outcomes().first().map(|outcome| outcome.nodes);
        *source.reads.get_mut() = 0;
        let found = compact(&mut exact, &mut source, &job, &mut ());
        match (plain, found) {
            (Ok((plain, outcome)), Ok(found)) => {
                assert_eq!(found, plain, "case {case}");
                assert_eq!(exact.outcomes(), [outcome], "case {case}");
                assert_eq!((watched.unwrap(), seen), (plain, Some(watching.0)), "case {case}");
                bounds += usize::from(exact.outcomes()[0].bound.is_some());
                many += usize::from(exact.outcomes()[0].nodes > 50);
                let (reads, nodes) = (*source.reads.get_mut(), exact.outcomes()[0].nodes);
                assert!(reads == nodes || source.shares, "case {case}");
                again += reads.saturating_sub(nodes);
                if source.shares && source.steps.is_some() && !chain.needs().history {
                    // once a step, and again for as many as are used up of it
                    assert!(reads <= 7 * depth, "case {case}: {reads}");
                    spared += nodes.saturating_sub(reads);
                } else {
                    assert!(reads >= nodes, "case {case}");
                }
            }
            (Err(plain), Err(found)) => {
                assert_eq!(found.to_string(), plain.to_string(), "case {case}");
                errors += 1;
            }
            (plain, found) => panic!("case {case}: {plain:?} but {found:?}"),
        }
    }
    assert!(bounds > 50 && many > 50 && errors > 0, "{bounds} {many} {errors}");
    assert!(again > 100 && spared > 100, "{again} {spared}");
}
