//! What was drawn from, read from the trace.

use std::collections::BTreeMap;

use crate::Place;
use crate::candidates::Candidates;
use crate::render::Distribution;
use crate::trace::{Trace, TraceEvent, Wants};

/// The distribution that a token was drawn from.
pub(super) struct Drawn {
    pub entropy: f64,
    pub kept: usize,
    pub kl: f64,
}

/// An observer that measures what every token is drawn from.
#[derive(Default)]
pub(super) struct Meter(BTreeMap<(usize, usize, usize), Drawn>);

impl Meter {
    /// What a token was drawn from; the first sample stands for those that were not watched.
    pub fn get(&self, sequence: usize, sample: usize, step: usize) -> Option<&Drawn> {
        self.0.get(&(sequence, sample, step)).or_else(|| self.0.get(&(sequence, 0, step)))
    }
}

impl Trace for Meter {
    fn wants(&self) -> Wants {
        Wants { draws: true, ..Wants::default() }
    }

    fn event(&mut self, event: &TraceEvent<'_>) {
        if let TraceEvent::Draw {
            place: Place { sequence: Some(sequence), step: Some(step), .. },
            sample,
            candidates,
            ..
        } = event
        {
            self.0.insert((*sequence, *sample, *step), measure(candidates));
        }
    }
}

/// Entropy, count, and KL(q‖p) from the raw row, all in f64.
fn measure(c: &Candidates) -> Drawn {
    let of = Distribution::new(0, 0, c);
    let (drawn, raw) = (c.normalizer(), c.raw_normalizer());
    let mut kl = 0.0;
    for ((&id, &p), (_, score)) in of.ids.iter().zip(&of.probs).zip(c.members()) {
        let Some(q) = drawn.log_probability(score).filter(|_| p > 0.0) else { continue };
        let full = c.raw_logit(id).and_then(|x| raw.log_probability(f64::from(x)));
        kl += full.map_or(f64::INFINITY, |full| p * (q - full));
    }
    Drawn { entropy: of.entropy, kept: of.kept, kl: f64::max(kl, 0.0) }
}
