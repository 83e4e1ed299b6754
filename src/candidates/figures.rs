//! What reports say of candidates: normaliser, entropy, ranks, the best few; in f64, a block at a time.

use super::{Candidates, Cut, Normalizer, State, position_in};
use crate::TokenId;
use crate::kernel::{self, BLOCK, Band, Slice, Sums};

/// Normaliser and entropy of a distribution, found in one pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Makes log-probabilities of scores.
    pub normalizer: Normalizer,
    /// H = −Σ p ln p, in nats.
    pub entropy: f64,
    /// Σ exp(score − max score).
    pub(crate) weights: f64,
}

impl Figures {
    fn of(best: f64, sums: &Sums) -> Self {
        let (weights, products) = sums.totals();
        let ln_sum = if best == f64::NEG_INFINITY { f64::NAN } else { kernel::ln(weights) };
        // 0 +: never −0
        let entropy = 0.0 + (ln_sum - products / weights).max(0.0);
        Figures { normalizer: Normalizer { best, ln_sum }, entropy, weights }
    }
}

impl Candidates {
    /// Normaliser and entropy of the members, in f64.
    ///
    /// ```
    /// use tokpick::candidates::Candidates;
    /// let c = Candidates::from(&[0.5, f32::NEG_INFINITY, 0.5][..]);
    /// assert_eq!(c.figures().entropy, 2f64.ln());
    /// ```
    pub fn figures(&self) -> Figures {
        self.figures_by_block(|_| {})
    }

    /// As [`figures`](Self::figures); `running` (cleared) gets Σ exp(score − max score) up to the end of each block of positions.
    pub(crate) fn running_figures(&self, running: &mut Vec<f64>) -> Figures {
        running.clear();
        self.figures_by_block(|sums| running.push(sums.totals().0))
    }

    /// As [`figures`](Self::figures); what is summed is shown after each block.
    fn figures_by_block(&self, mut show: impl FnMut(&Sums)) -> Figures {
        if self.is_raw() {
            return self.raw_figures_by_block(show);
        }
        // without the shift, which changes no probability and costs digits
        let best = self.max_base();
        let mut sums = Sums::new(best, self.scale);
        let (set, is_rounded) = (self.slice(), self.is_rounded());
        let mut block = [0.0; BLOCK];
        for (b, values) in set.values.chunks(BLOCK).enumerate() {
            if is_rounded {
                self.bases(b * BLOCK, values, &mut block);
                sums.add(&block[..values.len()], f64::NEG_INFINITY);
            } else {
                sums.add(values, self.lo);
            }
            show(&sums);
        }
        let found = Figures::of(best, &sums);
        Figures { normalizer: Normalizer { best: self.max_score(), ..found.normalizer }, ..found }
    }

    /// The values of some members from position `first` on, in f64; −∞ for what is no member.
    pub(super) fn bases(&self, first: usize, values: &[f32], out: &mut [f64; BLOCK]) {
        let ids = self.slice().ids;
        let in_row = self.own.state == State::Row;
        for (i, (&x, out)) in values.iter().zip(out.iter_mut()).enumerate() {
            let at = first + i;
            *out = match x >= self.lo {
                false => f64::NEG_INFINITY,
                true if in_row => f64::from(x),
                true => self.base(at, ids.map_or(at as TokenId, |ids| ids[at]), x),
            };
        }
        if in_row {
            let lo = self.lo;
            self.edits.in_block(first, values.len(), |i, edit| {
                if values[i] >= lo {
                    out[i] = edit.value;
                }
            });
        }
    }

    /// Some values are not those of the scores, but the nearest f32.
    pub(super) fn is_rounded(&self) -> bool {
        !self.edits.is_empty() || (self.own.state != State::Row && !self.own.exact.is_empty())
    }

    /// True if nothing has changed since the row was loaded, so that one pass tells of the row and of its members.
    pub fn is_raw(&self) -> bool {
        self.row.rest.is_none()
            && self.own.state == State::Row
            && self.edits.is_empty()
            && self.lo == f32::NEG_INFINITY
            && (self.scale, self.beyond, self.shift) == (1.0, 1.0, 0.0)
    }

    /// Normaliser and entropy of the row as the source gave it, in f64. A row of log-probabilities that leaves tokens out is normalised
    /// already; its entropy is the least that it can be, as none of the others has more than its bound.
    pub fn raw_figures(&self) -> Figures {
        self.raw_figures_by_block(|_| {})
    }

    /// As [`raw_figures`](Self::raw_figures); what is summed is shown after each block.
    fn raw_figures_by_block(&self, mut show: impl FnMut(&Sums)) -> Figures {
        let best = f64::from(self.raw_best);
        let mut sums = Sums::new(best, 1.0);
        self.raw_blocks(|_, values| {
            sums.add(values, f32::NEG_INFINITY);
            show(&sums);
        });
        if let Some(rest) = self.row.rest.filter(|_| best.is_finite()) {
            let (weights, products) = sums.totals();
            let entropy = 0.0 - kernel::exp(best) * (products + best * weights) - rest.bound * rest.mass;
            let normalizer = Normalizer { best: 0.0, ln_sum: 0.0 };
            return Figures { normalizer, entropy: entropy.max(0.0), weights };
        }
        Figures::of(best, &sums)
    }

    /// The blocks of the row as the source gave it: (position of the first, values).
    fn raw_blocks(&self, mut f: impl FnMut(usize, &[f32])) {
        let mut restored = [0.0; BLOCK];
        for (b, values) in self.row.logits.chunks(BLOCK).enumerate() {
            let first = b * BLOCK;
            if self.edits.is_empty() {
                f(first, values);
                continue;
            }
            let restored = &mut restored[..values.len()];
            restored.copy_from_slice(values);
            self.edits.in_block(first, values.len(), |i, edit| restored[i] = edit.raw);
            f(first, restored);
        }
    }

    /// How many tokens have a strictly higher logit than `logit` in the row as the source gave it.
    pub fn raw_above(&self, logit: f32) -> usize {
        let mut above = 0;
        self.raw_blocks(|_, values| above += kernel::count(values, Band::from(logit.next_up())));
        above
    }

    /// The `n` tokens of the row as the source gave it with the highest logits, the lower id first among equals: (id, logit). Into
    /// `best` (cleared).
    pub fn raw_ranked(&self, n: usize, best: &mut Vec<(TokenId, f32)>) {
        best.clear();
        if n == 0 {
            return;
        }
        if self.edits.is_empty() {
            let row = Slice { ids: self.row.ids.as_deref(), values: &self.row.logits };
            kernel::top(row, self.maxima_of_row(), Band::ALL, n, best);
            if best.len() == n {
                return;
            }
            // what is masked follows, by id
            best.clear();
        }
        self.raw_blocks(|first, values| {
            let full = best.len() == n;
            if full && best.last().is_some_and(|last| kernel::max(values) <= last.1) {
                return;
            }
            for (i, &x) in values.iter().enumerate() {
                if best.len() == n && best.last().is_some_and(|last| x <= last.1) {
                    continue;
                }
                let at = first + i;
                let id = self.row.ids.as_ref().map_or(at as TokenId, |ids| ids[at]);
                let place = best.partition_point(|b| b.1 >= x);
                best.truncate(n - 1);
                best.insert(place, (id, x));
            }
        });
    }

    /// The `n` members with the highest probabilities (as rounded to f64; the lower id first among equals), and these.
    pub fn most_probable(&self, n: usize) -> Vec<(TokenId, f64)> {
        self.most_probable_of(n, &self.figures())
    }

    /// As [`most_probable`](Self::most_probable), where the figures are known.
    pub(crate) fn most_probable_of(&self, n: usize, figures: &Figures) -> Vec<(TokenId, f64)> {
        let Some(Cut(last)) = self.kth_best(n).filter(|_| n > 0) else { return Vec::new() };
        let best = self.max_base();
        let p = |base: f64| kernel::exp((base - best) * self.scale) / figures.weights;
        // down to where a rounding may make a probability that of the last; all, where that is 0
        let last = f64::from(last.next_down());
        let slack = 1e-12 * (1.0 + (last - best).abs() * self.scale) / self.scale;
        let least = if p(last) > 0.0 { ((last - slack) as f32).next_down() } else { f32::NEG_INFINITY };
        let (mut ids, mut values, set) = (Vec::new(), Vec::new(), self.slice());
        let band = Band::from(self.lo.max(least));
        kernel::gather_spans(set, self.maxima_of_row(), band, &mut ids, &mut values);
        let exact = |(id, x)| (id, p(position_in(set, id).map_or(f64::from(x), |at| self.base(at, id, x))));
        let mut tokens: Vec<(TokenId, f64)> = ids.into_iter().zip(values).map(exact).collect();
        let order = |a: &(TokenId, f64), b: &(TokenId, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if n < tokens.len() {
            tokens.select_nth_unstable_by(n, order);
            tokens.truncate(n);
        }
        tokens.sort_unstable_by(order);
        tokens
    }

    /// How many members have a strictly higher score than `score`.
    pub fn above(&self, score: f64) -> usize {
        let higher = |base: f64| base * self.scale + self.shift > score;
        let set = self.slice();
        let exact = self.own.state != State::Row && self.is_rounded();
        if exact {
            return self.members().filter(|m| m.1 > score).count();
        }
        // scores rise with values: the least value that is higher
        let cut = least(|x| higher(f64::from(x)));
        let mut above = kernel::count(set.values, Band::from(self.lo.max(cut)));
        self.edits.each(|at, edit| {
            let x = set.values[at];
            if x >= self.lo && x > f32::NEG_INFINITY {
                above -= usize::from(x >= cut);
                above += usize::from(higher(edit.value));
            }
        });
        above
    }
}

/// The least finite f32 for which `f`, which stays true from some value up, is true; +∞ if none.
fn least(f: impl Fn(f32) -> bool) -> f32 {
    // finite numbers in their order
    let number = |i: i64| if i < 0 { -f32::from_bits((-i) as u32) } else { f32::from_bits(i as u32) };
    let most = i64::from(f32::MAX.to_bits());
    let (mut below, mut above) = (-most - 1, most + 1);
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if f(number(middle)) {
            above = middle;
        } else {
            below = middle;
        }
    }
    if above > most { f32::INFINITY } else { number(above) }
}

#[cfg(test)]
mod tests;
