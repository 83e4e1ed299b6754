//! A distribution as it once was: what it takes to tell any token's probability later.

use super::{Candidates, Figures, State, position, position_in};
use crate::TokenId;
use crate::kernel::{self, BLOCK};

/// What candidates were when they were looked at. It is asked beside candidates that hold the same row, whatever happened to them since.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Normaliser and entropy.
    pub figures: Figures,
    /// How many members there were.
    pub count: usize,
    best: f64,
    scale: f64,
    shift: f64,
    lo: f32,
    /// The number of the last change of a score.
    changed: u64,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// The row's, but for these, by ascending position.
    Row(Vec<(usize, f64)>),
    /// Those of the members alone, by ascending id.
    List(Vec<TokenId>, Vec<f64>),
}

impl Snapshot {
    /// What candidates are now; `running` (cleared) gets Σ exp(score − max score) up to the end of each block of [`BLOCK`] positions.
    pub fn new(c: &Candidates, running: &mut Vec<f64>) -> Self {
        let figures = c.running_figures(running);
        let values = if c.own.state == State::Row {
            let mut edited = Vec::new();
            c.edits.each(|at, edit| edited.push((at, edit.value)));
            edited.sort_unstable_by_key(|edit| edit.0);
            Values::Row(edited)
        } else {
            let (ids, bases) = c.positions().map(|(at, id, x)| (id, c.base(at, id, x))).unzip();
            Values::List(ids, bases)
        };
        let (best, count) = (c.max_base(), c.count());
        let Candidates { scale, shift, lo, changed, .. } = *c;
        Snapshot { figures, count, best, scale, shift, lo, changed, values }
    }

    /// Whether candidates that come from these are still the same.
    pub fn is_of(&self, c: &Candidates) -> bool {
        (self.changed, self.shift, self.count) == (c.changed, c.shift, c.count())
    }

    /// ln p of a member, less that of the best; `None` for what was no member.
    fn exponent(&self, id: TokenId, of_row: &Candidates) -> Option<f64> {
        let base = match &self.values {
            Values::Row(edited) => {
                let at = position(&of_row.row.ids, &of_row.row.logits, id)?;
                let base = match edited.binary_search_by_key(&at, |edit| edit.0) {
                    Ok(i) => edited[i].1,
                    Err(_) => f64::from(of_row.edits.raw(at).unwrap_or(of_row.row.logits[at])),
                };
                let value = base as f32;
                (value >= self.lo && value > f32::NEG_INFINITY).then_some(base)?
            }
            Values::List(ids, bases) => bases[ids.binary_search(&id).ok()?],
        };
        Some((base - self.best) * self.scale)
    }

    /// The probability of a token; `None` where it was no member.
    pub fn probability(&self, id: TokenId, of_row: &Candidates) -> Option<f64> {
        self.exponent(id, of_row).map(|a| kernel::exp(a) / self.figures.weights)
    }

    /// What some tokens had together, each of them once.
    pub fn mass_of(&self, ids: impl Iterator<Item = TokenId>, of_row: &Candidates) -> f64 {
        let mut weights: Vec<f64> = ids.filter_map(|id| self.exponent(id, of_row)).collect();
        match weights.len() {
            0 => return 0.0, // also of none
            all if all == self.count => return 1.0,
            _ => kernel::each(&mut weights, kernel::exp),
        }
        (weights.iter().sum::<f64>() / self.figures.weights).min(1.0)
    }

    /// What those had together that candidates are still: these, as they are now.
    pub fn mass_kept(&self, now: &Snapshot, c: &Candidates) -> f64 {
        let is_cut = now.changed == self.changed;
        match () {
            // in a row who left stays away
            _ if now.count == self.count && (is_cut || matches!(now.values, Values::Row(_))) => 1.0,
            // what is left weighs what it weighed
            _ if is_cut => (now.figures.weights / self.figures.weights).min(1.0),
            // as many may be others: a token can be forced that was none of them
            _ => self.mass_of(c.positions().map(|(_, id, _)| id), c),
        }
    }
}

impl Candidates {
    /// For some members (strictly ascending ids) what comes before them in id order, and they themselves: `f(id, before, own)`, both as
    /// exp(score − max score). `running` is as [`running_figures`](Self::running_figures) gives it.
    pub(crate) fn weights_before(
        &self,
        ids: &[TokenId],
        running: &[f64],
        mut f: impl FnMut(TokenId, f64, f64),
    ) {
        let (set, by) = (self.slice(), (self.max_base(), self.scale));
        let (mut bases, mut exponents, mut weights) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        // one past the position up to which all is summed, and the sum
        let (mut done, mut before) = (0, 0.0);
        for &id in ids {
            let Some(at) = position_in(set, id) else { continue };
            let block = at / BLOCK;
            if done == 0 || block > (done - 1) / BLOCK {
                done = block * BLOCK;
                before = block.checked_sub(1).and_then(|b| running.get(b)).copied().unwrap_or(0.0);
            }
            let values = &set.values[done.min(at)..=at];
            self.bases(at + 1 - values.len(), values, &mut bases);
            let bases = &bases[..values.len()];
            kernel::weigh(bases, f64::NEG_INFINITY, by, &mut exponents, &mut weights);
            let (between, own) = (&weights[..values.len() - 1], weights[values.len() - 1]);
            before += between.iter().sum::<f64>();
            f(id, before, own);
            before += own;
            done = at + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::states::states;

    #[test]
    fn probabilities_are_told_later() {
        for (name, mut c) in states() {
            let before = c.probabilities();
            let mut running = Vec::new();
            let seen = Snapshot::new(&c, &mut running);
            assert_eq!((seen.figures, seen.count), (c.figures(), c.count()), "{name}");
            assert!(seen.is_of(&c), "{name}");
            let mut below = 0.0;
            let expected: Vec<f64> = before
                .iter()
                .map(|m| {
                    below += m.1;
                    below - m.1
                })
                .collect();
            let ids: Vec<TokenId> = before.iter().map(|m| m.0).step_by(97).collect();
            let mut at = 0;
            c.weights_before(&ids, &running, |id, below, own| {
                let i = before.binary_search_by_key(&id, |m| m.0).unwrap();
                assert_eq!(id, ids[at], "{name}");
                assert!((below / seen.figures.weights - expected[i]).abs() < 1e-12, "{name}: below {id}");
                assert!((own / seen.figures.weights - before[i].1).abs() < 1e-15, "{name}: token {id}");
                at += 1;
            });
            assert_eq!(at, ids.len(), "{name}");

            let cut = c.kth_best(40).unwrap();
            c.keep_at_or_above(cut);
            assert_eq!(seen.is_of(&c), c.count() == before.len(), "{name}");
            kept(name, &seen, &before, &c);
            c.scale(0.5);
            c.shift(3.0);
            kept(name, &seen, &before, &c);
            c.edit(before[0].0, |s| s + 100.0);
            c.mask_each(&[before[before.len() / 2].0, c.argmax().unwrap()]);
            kept(name, &seen, &before, &c);
            c.map(|id, s| s * f64::from(id % 3));
            kept(name, &seen, &before, &c);
            // as many as there were, but for one that was masked
            let outside =
                (0..c.vocab() as TokenId).find(|id| before.binary_search_by_key(id, |m| m.0).is_err());
            let others = before.iter().skip(1).map(|m| m.0).chain(outside);
            let mut forced: Vec<(TokenId, f64)> = others.map(|id| (id, -1.0)).collect();
            forced.sort_unstable_by_key(|of| of.0);
            c.force(&forced);
            kept(name, &seen, &before, &c);
            for (id, p) in &before {
                assert_eq!(seen.probability(*id, &c), Some(*p), "{name}: token {id}");
            }
            let outside =
                (0..c.vocab() as TokenId).filter(|id| before.binary_search_by_key(id, |m| m.0).is_err());
            assert!(outside.take(3000).all(|id| seen.probability(id, &c).is_none()), "{name}");
        }
    }

    /// What is left had so much, of the probabilities before.
    fn kept(name: &str, seen: &Snapshot, before: &[(TokenId, f64)], c: &Candidates) {
        let mass: f64 = before.iter().filter(|m| c.contains(m.0)).map(|m| m.1).sum();
        let found = seen.mass_kept(&Snapshot::new(c, &mut Vec::new()), c);
        assert!((found - mass).abs() <= 1e-12 * mass, "{name}: {found}, {mass}");
    }
}
