//! Running recipes: how many of the ids does each draw?

use std::ops::Range;

use super::{Trials, on};
use crate::check::recipe::Convention;
use crate::draw::{Addressed, Argmax, Draw, Gumbel};
use crate::engine::{EngineDraw, Params};
use crate::processor::Chain;
use crate::sampler::{Job, along};
use crate::source::{LogitsSource, ReadAt, Shape, Wrapper};
use crate::{Error, Result, TokenId};

/// How to run a recipe.
#[derive(Clone)]
pub(super) enum Try {
    Own { draw: &'static str, order: Vec<usize> },
    Engine { name: &'static str, params: Box<Params>, convention: Convention },
}

/// Matches, and ids compared.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) matches: usize,
    pub(super) compared: usize,
}

impl Trials<'_, '_> {
    /// Runs a draw along the ids of some sequences.
    pub(super) fn along(
        &mut self,
        chain: &Chain,
        draw: &mut dyn Draw,
        sequences: Range<usize>,
        limit: Option<usize>,
    ) -> Result<Outcome> {
        let lines = self.ids.get(sequences.start * self.samples..sequences.end * self.samples);
        let lines = if sequences.len() == self.sequences { Some(self.ids) } else { lines };
        let ids: Vec<Vec<TokenId>> = lines
            .unwrap_or_default()
            .iter()
            .map(|ids| ids[..ids.len().min(limit.unwrap_or(usize::MAX))].to_vec())
            .collect();
        let start = self.source.shape().sequences.start;
        let only = start + sequences.start..start + sequences.end;
        let mut source = Only { inner: self.source, sequences: only };
        let job = Job { chain, ..*self.job };
        let mut outcome = Outcome::default();
        along(&mut source, &job, draw, self.samples, &ids, &mut |taken| {
            outcome.compared += 1;
            outcome.matches += usize::from(taken.pick.id == taken.id);
            Ok(())
        })?;
        Ok(outcome)
    }

    /// Runs a recipe, over the first ids of each line where there is a limit.
    pub(super) fn run(&mut self, how: &Try, limit: Option<usize>) -> Result<Outcome> {
        let all = 0..self.sequences;
        match how {
            Try::Own { draw, order } => {
                let chain = reordered(self.job.chain, order);
                let seed = self.seed().trim().parse().unwrap_or(0);
                let mut draw: Box<dyn Draw> = match *draw {
                    "chacha8-v1" => Box::new(Addressed::new(seed)),
                    "argmax" => Box::new(Argmax),
                    _ => Box::new(Gumbel::new(seed)),
                };
                self.along(&chain, draw.as_mut(), all, limit)
            }
            Try::Engine { name, params, convention } => {
                let (chain, samples, seed) =
                    (Chain::default(), self.samples, self.options.seed.unwrap_or_default());
                let of = |seed: &str, rows| EngineDraw::new(name, params, seed, rows, samples);
                let mut outcome = Outcome::default();
                if *convention == Convention::Batch {
                    return self.along(&chain, &mut of(seed, all.len())?, all, limit);
                }
                let mut one = of(seed, 1)?;
                for sequence in all {
                    one = match convention {
                        Convention::InTurn => one,
                        Convention::SeedPlusRow => of(&plus(seed, sequence)?, 1)?,
                        _ => of(seed, 1)?,
                    };
                    let part = self.along(&chain, &mut one, sequence..sequence + 1, limit)?;
                    outcome.matches += part.matches;
                    outcome.compared += part.compared;
                }
                Ok(outcome)
            }
        }
    }
}

/// The processors that are on, in another order.
fn reordered(chain: &Chain, order: &[usize]) -> Chain {
    let on = on(chain);
    Chain::new(order.iter().filter_map(|&i| on.get(i)).copied().cloned())
}

fn plus(seed: &str, row: usize) -> Result<String> {
    let bad = || Error::setting("seed", seed, "is no number to which that of the row could be added");
    let sum = seed.trim().parse::<i128>().ok().and_then(|s| s.checked_add(row as i128)).ok_or_else(bad)?;
    Ok(sum.to_string())
}

/// Some sequences of a source.
pub(super) struct Only<'a> {
    pub(super) inner: &'a mut dyn LogitsSource,
    pub(super) sequences: Range<usize>,
}

impl Wrapper for Only<'_> {
    fn inner(&self) -> &dyn LogitsSource {
        self.inner
    }

    fn inner_mut(&mut self) -> &mut dyn LogitsSource {
        self.inner
    }

    fn shape_around(&self) -> Shape {
        Shape { sequences: self.sequences.clone(), ..self.inner.shape() }
    }

    fn shared_around(&self) -> Option<&dyn ReadAt> {
        self.inner.shared()
    }
}
