//! Changing candidates: pending scale and cut, edits of single tokens, rewriting all.

use super::edit::{self, Best};
use super::{Candidates, Cut, FINITE, State};
use crate::TokenId;
use crate::kernel::{self, Band};

/// Bounds of the pending scale, 2^±64.
const SCALES: std::ops::RangeInclusive<f64> =
    1.0 / 18_446_744_073_709_551_616.0..=18_446_744_073_709_551_616.0;
/// The pending shift may always be so large: 2^30, at which f64 still tells 2.4e-7 apart.
const LARGEST_SHIFT: f64 = 1_073_741_824.0;

/// The e of 2^e ≤ x < 2^(e + 1), for positive normal x.
fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52) as i32 - 1023
}

impl Candidates {
    /// Multiplies every score: `score ← factor · score` (pending; nothing is written). `factor` is positive.
    ///
    /// The pending scale stays in bounds where scores are neither too large nor too small for what follows (a penalty of 2, say). Beyond
    /// them no two ordinary logits differ more, or less, visibly; logits that aren't ordinary are first multiplied by a power of two.
    pub fn scale(&mut self, factor: f64) {
        let before = self.scale;
        let mut wanted = (before * self.beyond * factor).clamp(1e-100, 1e100);
        let mut power = 1.0;
        if !SCALES.contains(&wanted) {
            power = self.magnify(exponent(wanted));
            wanted /= power;
        }
        self.scale = wanted.clamp(*SCALES.start(), *SCALES.end());
        self.beyond = wanted / self.scale;
        self.forget_sums();
        self.shift *= self.scale * power / before;
        self.shift(0.0);
    }

    /// Multiplies the values of all members by a power of two, which it returns: by 2^`wanted`, as far as they don't become infinite,
    /// or so small that a bounded scale makes them equal.
    fn magnify(&mut self, wanted: i32) -> f64 {
        let largest = self.positions().fold(0.0f32, |m, (_, _, x)| m.max(x.abs()));
        let room = exponent(largest.into());
        let by = if wanted > 0 { wanted.min(126 - room).max(0) } else { wanted.max(20 - room).min(0) };
        if by == 0 || largest == 0.0 {
            return 1.0;
        }
        let power = 2f64.powi(by);
        let changed = self.positions().map(|(at, id, x)| (id, self.base(at, id, x) * power)).collect();
        self.rewrite(changed);
        power
    }

    /// Adds to every score (pending). Probabilities stay; methods that look at scores see it.
    ///
    /// The sum of all shifts is bounded: by 2^30, or by twice the score that it has to balance. More would swallow the differences
    /// between scores.
    pub fn shift(&mut self, by: f64) {
        let bound = (2.0 * (self.best as f64 * self.scale).abs()).max(LARGEST_SHIFT);
        self.shift = (self.shift + by).clamp(-bound, bound);
    }

    /// Keeps the members at or above a cut; the best one always stays.
    pub fn keep_at_or_above(&mut self, cut: Cut) {
        let lo = self.lo.max(cut.0.min(self.best));
        if lo > self.lo {
            self.lo = lo;
            (self.mass, self.drawn) = (None, 0);
        }
    }

    /// Keeps the `k` best members, and whatever ties with the last of them.
    pub fn keep_best(&mut self, k: usize) {
        let maxima = self.maxima_of_row();
        if kernel::count(maxima, self.band()) >= k.max(1) {
            // So many spans have a member that good: a list of the members from there on is short, and read once.
            let bound = kernel::kth_largest(maxima, &[], self.band(), k);
            self.keep_at_or_above(bound.map_or(Cut::NONE, Cut));
            self.thin_out();
        }
        if let Some(cut) = self.kth_best(k) {
            self.keep_at_or_above(cut);
        }
    }

    /// Keeps the members at or above a cut, and at least `min_tokens_to_keep` of them: whatever ties at that floor stays too.
    pub fn keep_cut(&mut self, cut: Cut, min_tokens_to_keep: usize) {
        let floor = if min_tokens_to_keep > 1 { self.kth_best(min_tokens_to_keep) } else { None };
        self.keep_at_or_above(floor.map_or(cut, |f| f.lower(cut)));
    }

    /// Keeps the members with `low ≤ value ≤ high`, and at least those at the value nearest below `high`.
    pub fn keep_band(&mut self, low: Cut, high: Cut) {
        if high.0 >= self.best {
            return self.keep_at_or_above(low);
        }
        let below = kernel::kth_largest(self.slice().values, &[], Band { hi: high.0, ..self.band() }, 1);
        let Some(best) = below else { return }; // nothing is as low as `high`: there is no band to keep
        self.gather(Band { lo: self.lo.max(low.0.min(best)), hi: best });
        self.best = best;
        self.forget_sums();
    }

    /// Keeps the members among `ids` (strictly ascending).
    pub fn keep_ids(&mut self, ids: &[TokenId]) {
        if self.own.state != State::Sparse || self.lo > f32::NEG_INFINITY {
            self.gather(self.band());
        }
        let mut wanted = ids.iter().peekable();
        let own = &mut self.own;
        let mut to = 0;
        for at in 0..own.ids.len() {
            while wanted.next_if(|&&id| id < own.ids[at]).is_some() {}
            if wanted.peek() == Some(&&own.ids[at]) {
                own.ids[to] = own.ids[at];
                own.values[to] = own.values[at];
                if !own.exact.is_empty() {
                    own.exact[to] = own.exact[at];
                }
                to += 1;
            }
        }
        own.ids.truncate(to);
        own.values.truncate(to);
        own.exact.truncate(to);
        self.find_best();
    }

    /// Changes the score of one token; a masked or removed token stays so. Returns false outside the vocabulary.
    pub fn edit(&mut self, id: TokenId, f: impl FnOnce(f64) -> f64) -> bool {
        if id as usize >= self.row.vocab {
            return false;
        }
        let mut f = Some(f);
        self.edit_each(&[id], |_, s| f.take().map_or(s, |f| f(s)));
        true
    }

    /// Changes the scores of `ids` (strictly ascending): `score ← f(id, score)`. Masked and removed tokens stay so, ids outside
    /// the vocabulary are passed over; −∞ masks a token.
    pub fn edit_each(&mut self, ids: &[TokenId], f: impl FnMut(TokenId, f64) -> f64) {
        self.edit_with(ids, ids, f);
    }

    /// As [`edit_each`](Self::edit_each), with a number of its own for each id: `score ← f(number, score)`.
    pub fn edit_with<T: Copy>(&mut self, ids: &[TokenId], numbers: &[T], f: impl FnMut(T, f64) -> f64) {
        if self.lo > f32::NEG_INFINITY {
            self.gather(self.band());
        }
        self.forget_sums();
        match edit::run(self, ids, numbers, f) {
            Best::AtLeast(raised) => self.best = self.best.max(raised),
            Best::Fallen => self.find_best(),
            Best::Unknown => self.best = kernel::scan(&self.row.logits, &mut self.maxima).max,
        }
    }

    /// Masks `ids` (strictly ascending): their scores become −∞.
    pub fn mask_each(&mut self, ids: &[TokenId]) {
        self.edit_each(ids, |_, _| f64::NEG_INFINITY);
    }

    /// Makes exactly these tokens (strictly ascending ids) the candidates, with these scores, also where they were masked.
    pub fn force(&mut self, forced: &[(TokenId, f64)]) {
        self.restore_row();
        let own = &mut self.own;
        own.state = State::Sparse;
        own.ids.clear();
        own.values.clear();
        own.exact.clear();
        own.ids.extend(forced.iter().map(|&(id, _)| id));
        own.values.extend(forced.iter().map(|&(_, s)| s as f32));
        own.exact.extend(forced.iter().map(|&(_, s)| s));
        self.become_plain();
    }

    /// Rewrites the score of every member: `score ← f(id, score)`, kept in f64. −∞ masks a token.
    pub fn map(&mut self, mut f: impl FnMut(TokenId, f64) -> f64) {
        let changed: Vec<(TokenId, f64)> = self.members().map(|(id, s)| (id, f(id, s))).collect();
        self.rewrite(changed);
        (self.scale, self.beyond, self.shift) = (1.0, 1.0, 0.0);
    }

    /// Puts other values in the place of the members' (all of them, by ascending id).
    fn rewrite(&mut self, changed: Vec<(TokenId, f64)>) {
        let dense = self.own.state != State::Sparse && self.row.ids.is_none() && self.lo == f32::NEG_INFINITY;
        self.restore_row();
        let own = &mut self.own;
        own.values.clear();
        own.exact.clear();
        own.ids.clear();
        if dense {
            own.state = State::Mapped;
            own.values.resize(self.row.vocab, f32::NEG_INFINITY);
            own.exact.resize(self.row.vocab, f64::NEG_INFINITY);
            for (id, s) in changed {
                let s = if s == f64::NEG_INFINITY { s } else { s.clamp(-FINITE, FINITE) };
                own.values[id as usize] = s as f32;
                own.exact[id as usize] = s;
            }
        } else {
            own.state = State::Sparse;
            for (id, s) in changed.into_iter().filter(|&(_, s)| s > f64::NEG_INFINITY) {
                let s = s.clamp(-FINITE, FINITE);
                own.ids.push(id);
                own.values.push(s as f32);
                own.exact.push(s);
            }
        }
        self.lo = f32::NEG_INFINITY;
        self.find_best();
    }

    /// As [`map`](Self::map), for a function of the score alone: compiled for the instruction set in use.
    pub fn map_each(&mut self, f: impl Fn(f64) -> f64) {
        let mut scores: Vec<f64> = self.members().map(|(_, score)| score).collect();
        kernel::each(&mut scores, f);
        let mut scores = scores.into_iter();
        self.map(|_, score| scores.next().unwrap_or(score));
    }

    /// Makes every token possible: a NaN of the row gets the score 0, +∞ the largest finite number, and what was masked or removed the
    /// smallest, which gives it the probability 0 unless no token has another score.
    pub fn repair(&mut self) {
        let mut scores = vec![-FINITE; self.row.vocab];
        for &(at, x) in &self.invalid {
            let id = self.row.ids.as_ref().map_or(at, |ids| ids[at] as usize);
            scores[id] = if x.is_nan() { 0.0 } else { FINITE };
        }
        for (id, score) in self.members() {
            scores[id as usize] = score.clamp(-FINITE, FINITE);
        }
        self.restore_row();
        self.own.ids.clear();
        self.own.values.clear();
        self.own.values.extend(scores.iter().map(|&s| s as f32));
        self.own.exact = scores;
        self.own.state = State::Mapped;
        self.become_plain();
    }

    /// After the own scores were written: nothing is pending.
    fn become_plain(&mut self) {
        (self.scale, self.beyond, self.shift) = (1.0, 1.0, 0.0);
        self.lo = f32::NEG_INFINITY;
        self.find_best();
    }

    /// Subtracts the log-normalizer: scores become log-probabilities, ln p = score − ln Σ exp(score).
    pub fn log_softmax(&mut self) {
        self.subtract_normalizer();
    }

    /// As [`log_softmax`](Self::log_softmax); returns the two numbers that were subtracted one after the other. The first one is 0 but for
    /// scores so large that the logarithm of the sum would vanish beside them: there it is the best score.
    pub(crate) fn subtract_normalizer(&mut self) -> [f64; 2] {
        let best = self.max_score();
        let is_large = best.is_finite() && best.abs() > LARGEST_SHIFT;
        let first = if is_large { best } else { 0.0 };
        if is_large {
            self.map(|_, score| score - first);
        }
        let z = self.decision_log_normalizer();
        self.shift(-z);
        [first, z]
    }
}
