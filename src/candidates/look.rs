//! Looking at candidates: scores, probabilities, cuts, the draw. Nothing here changes which tokens are possible.

use super::{Candidates, Cut, Near, State, position, position_in};
use crate::TokenId;
use crate::kernel::{self, Band, Goal, Weigh};
use crate::source::{Rest, spreads};

impl Candidates {
    /// Vocabulary size V.
    pub fn vocab(&self) -> usize {
        self.row.vocab
    }

    /// The logit of a token in the row as the source gave it; `None` outside the vocabulary.
    pub fn raw_logit(&self, id: TokenId) -> Option<f32> {
        if id as usize >= self.row.vocab {
            return None;
        }
        let Some(at) = position(&self.row.ids, &self.row.logits, id) else { return Some(f32::NEG_INFINITY) };
        Some(self.edits.raw(at).unwrap_or(self.row.logits[at]))
    }

    /// What the row as the source gave it says of tokens that it does not list.
    pub fn rest(&self) -> Option<Rest> {
        self.row.rest
    }

    /// Every token of the row as the source gave it: (id, logit), ids ascending; what a sparse row does not name is left out.
    pub fn raw(&self) -> impl Iterator<Item = (TokenId, f32)> + '_ {
        self.row.logits.iter().enumerate().map(move |(at, &x)| {
            let id = self.row.ids.as_ref().map_or(at as TokenId, |ids| ids[at]);
            (id, self.edits.raw(at).unwrap_or(x))
        })
    }

    /// [`raw`](Self::raw) as it lies in memory, where the row is dense and nothing has been edited.
    pub(crate) fn raw_dense(&self) -> Option<&[f32]> {
        (self.row.ids.is_none() && self.edits.is_empty()).then_some(&self.row.logits)
    }

    /// [`raw`](Self::raw) as a number for each token: −∞ for what a sparse row does not name. Refuses, in words, a vocabulary that no
    /// model has.
    pub(crate) fn spread_raw(&self, to: &mut Vec<f32>) -> std::result::Result<(), String> {
        to.clear();
        if self.row.ids.is_none() {
            to.extend(self.raw().map(|(_, x)| x));
            return Ok(());
        }
        spreads(self.row.vocab)?;
        to.resize(self.row.vocab, f32::NEG_INFINITY);
        for (id, x) in self.raw() {
            if let Some(slot) = to.get_mut(id as usize) {
                *slot = x;
            }
        }
        Ok(())
    }

    /// What turns logits of the row as the source gave it into log-probabilities; evaluated in f64.
    ///
    /// A row of log-probabilities that leaves tokens out is normalised already.
    pub fn raw_normalizer(&self) -> Normalizer {
        self.raw_figures().normalizer
    }

    /// The members in id order, with their scores: `(id, score)`.
    pub fn members(&self) -> impl Iterator<Item = (TokenId, f64)> + '_ {
        self.positions().map(move |(at, id, value)| (id, self.base(at, id, value) * self.scale + self.shift))
    }

    pub(super) fn positions(&self) -> impl Iterator<Item = (usize, TokenId, f32)> + '_ {
        let set = self.slice();
        let lo = self.lo;
        set.values
            .iter()
            .enumerate()
            .filter(move |&(_, &x)| x >= lo && x > f32::NEG_INFINITY)
            .map(move |(at, &x)| (at, set.ids.map_or(at as TokenId, |ids| ids[at]), x))
    }

    /// How many tokens are members.
    pub fn count(&self) -> usize {
        kernel::count(self.slice().values, self.band())
    }

    /// True if no token is possible any more.
    pub fn is_empty(&self) -> bool {
        self.best == f32::NEG_INFINITY
    }

    /// True if the token is a member.
    pub fn contains(&self, id: TokenId) -> bool {
        self.score(id).is_some_and(|s| s > f64::NEG_INFINITY)
    }

    /// The score of a member; −∞ for a token that was removed or masked, `None` outside the vocabulary.
    pub fn score(&self, id: TokenId) -> Option<f64> {
        if id as usize >= self.row.vocab {
            return None;
        }
        let set = self.slice();
        let Some(at) = position_in(set, id).filter(|&at| set.values[at] >= self.lo) else {
            return Some(f64::NEG_INFINITY);
        };
        Some(self.base(at, id, set.values[at]) * self.scale + self.shift)
    }

    /// The largest score: no member's is above it, not by a rounding.
    pub fn max_score(&self) -> f64 {
        self.max_base() * self.scale + self.shift
    }

    /// The value of the largest score, in f64.
    pub(super) fn max_base(&self) -> f64 {
        let exact = self.own.state != State::Row && !self.own.exact.is_empty();
        if exact || self.edits.values().any(|x| x as f32 == self.best) {
            // several exact scores may share the best f32 value
            let among = self.positions().filter(|&(_, _, x)| x == self.best);
            among.map(|(at, id, x)| self.base(at, id, x)).fold(f64::NEG_INFINITY, f64::max)
        } else {
            self.best as f64
        }
    }

    /// The member that greedy search takes: largest value, lowest id.
    pub fn argmax(&self) -> Option<TokenId> {
        // what is masked equals the best of none
        if self.is_empty() {
            return None;
        }
        let set = self.slice();
        let from = kernel::find(self.maxima_of_row(), self.best).map_or(0, |span| span * kernel::SPAN);
        let at = from + kernel::find(&set.values[from..], self.best)?;
        Some(set.ids.map_or(at as TokenId, |ids| ids[at]))
    }

    /// The `n` best members by falling score, lower id first among equals, with their scores.
    pub fn ranked(&self, n: usize) -> Vec<(TokenId, f64)> {
        self.ranked_from(n, f64::NEG_INFINITY)
    }

    /// As [`ranked`](Self::ranked), of the members whose score is at least `least`.
    pub fn ranked_from(&self, n: usize, least: f64) -> Vec<(TokenId, f64)> {
        let mut top = Vec::new();
        let Cut(least) = self.cut_at(least);
        kernel::top(self.slice(), self.maxima_of_row(), Band::from(self.lo.max(least)), n, &mut top);
        let score = |id: TokenId| self.score(id).unwrap_or(f64::NEG_INFINITY);
        top.into_iter().map(|(id, _)| (id, score(id))).collect()
    }

    /// Of these ids, distinct ones, the members whose score is at least `least`, in the order of [`ranked_from`](Self::ranked_from).
    pub(crate) fn ranked_among(&self, ids: &[TokenId], least: f64) -> Vec<(TokenId, f64)> {
        let set = self.slice();
        let lo = self.lo.max(self.cut_at(least).0);
        let value = |&id: &TokenId| Some((id, set.values[position_in(set, id)?]));
        let is_member = |&(_, x): &(TokenId, f32)| x >= lo && x > f32::NEG_INFINITY;
        let mut found: Vec<(TokenId, f32)> = ids.iter().filter_map(value).filter(is_member).collect();
        found.sort_unstable_by(kernel::better);
        found.into_iter().map(|(id, _)| (id, self.score(id).unwrap_or(f64::NEG_INFINITY))).collect()
    }

    /// True if the order of [`ranked_from`](Self::ranked_from) is that of the scores in f64, too: none is kept finer than its f32.
    pub(crate) fn ranks_by_score(&self) -> bool {
        self.edits.is_empty() && (self.own.state == State::Row || self.own.exact.is_empty())
    }

    /// What turns scores of the members into log-probabilities; evaluated in f64.
    pub fn normalizer(&self) -> Normalizer {
        self.figures().normalizer
    }

    /// As [`normalizer`](Self::normalizer), by the arithmetic of mirostat's state: weights are added in id order.
    pub(crate) fn normalizer_in_order(&self) -> Normalizer {
        Normalizer::of(self.max_score(), self.members().map(|(_, s)| s))
    }

    /// ln Σ exp(score) by the arithmetic of decisions: f32 weights, about 1e-7 relative.
    pub fn decision_log_normalizer(&mut self) -> f64 {
        let best = self.max_score();
        best + kernel::ln(self.mass())
    }

    /// Entropy H = −Σ p ln p of the members, in nats, by the arithmetic of decisions.
    pub fn entropy(&self) -> f64 {
        let (mass, weighted) = kernel::moments(self.slice(), self.weigh(), self.band());
        (kernel::ln(mass) - weighted / mass).max(0.0)
    }

    /// Probabilities of the members in id order, evaluated in f64.
    pub fn probabilities(&self) -> Vec<(TokenId, f64)> {
        let (best, sum) = (self.max_base(), self.figures().weights);
        let below = |(at, id, x)| (id, (self.base(at, id, x) - best) * self.scale);
        shares(self.count(), self.positions().map(below), |_| sum)
    }

    /// As [`probabilities`](Self::probabilities), by the arithmetic of adaptive-p's state: weights are added in id order.
    pub(crate) fn probabilities_in_order(&self) -> Vec<(TokenId, f64)> {
        let best = self.max_score();
        shares(self.count(), self.members().map(|(id, s)| (id, s - best)), |weights| weights.iter().sum())
    }

    /// Σ exp(score − max score) over the members, by the arithmetic of decisions.
    pub fn mass(&mut self) -> f64 {
        if let Some(mass) = self.mass {
            return mass;
        }
        self.thin_out();
        let (weigh, band) = (self.weigh(), self.band());
        let mut blocks = std::mem::take(&mut self.blocks);
        let mass = kernel::mass(self.slice(), weigh, band, &mut blocks);
        self.blocks = blocks;
        self.mass = Some(mass);
        self.runs = false;
        mass
    }

    /// Σ p² over the members, by the arithmetic of decisions: the probability that two draws agree.
    pub fn collision(&mut self) -> f64 {
        let (weigh, mass) = (self.weigh(), self.mass());
        let squared = Weigh { scale: (2.0 * weigh.scale).min(f32::MAX), ..weigh };
        let mut sums = std::mem::take(&mut self.squares);
        let collision = kernel::mass(self.slice(), squared, self.band(), &mut sums) / (mass * mass);
        self.squares = sums;
        collision
    }

    /// The value of the k-th best member (of the last one, if there are fewer): a cut for
    /// [`keep_at_or_above`](Self::keep_at_or_above).
    pub fn kth_best(&self, k: usize) -> Option<Cut> {
        kernel::kth_largest(self.slice().values, self.maxima_of_row(), self.band(), k).map(Cut)
    }

    /// What the row leaves out, where truncations count it and nothing has changed the row yet.
    fn untouched_rest(&self) -> Option<Rest> {
        let is_raw = self.own.state == State::Row && self.edits.is_empty() && self.lo == f32::NEG_INFINITY;
        self.row.rest.filter(|rest| rest.counts && is_raw && self.scale == 1.0 && self.beyond == 1.0)
    }

    /// The largest cut at or above which the members hold at least `share` of the mass; a row of log-probabilities that is as its source
    /// gave it has the mass that it leaves out, too.
    pub fn nucleus(&mut self, share: f64) -> Option<Cut> {
        let share = match self.untouched_rest() {
            // what is listed is part of the nucleus, and not all of it
            Some(rest) if share >= 1.0 - rest.mass => return Some(Cut::NONE),
            Some(rest) => share / (1.0 - rest.mass),
            None => share,
        };
        self.thin_out();
        let goal = self.mass.map_or(Goal::Share(share), |mass| Goal::Mass(share * mass));
        let mut kept = std::mem::take(&mut self.near.sums);
        let maxima = self.maxima_of_row();
        let cut = kernel::nucleus(self.slice(), self.weigh(), self.band(), maxima, goal, &mut kept)?;
        self.near = Near { sums: kept, lo: cut };
        Some(Cut(cut))
    }

    /// The cuts (lowest, highest) between which are the members whose surprise −ln p is nearest to the entropy: the nearest ones
    /// that hold `share` of the mass, those up to `slack` nats farther away, and at least the `least` nearest.
    pub fn typical(&mut self, share: f64, slack: f64, least: usize) -> Option<(Cut, Cut)> {
        self.thin_out();
        let mut kept = std::mem::take(&mut self.near.sums);
        let (set, maxima, options) = (self.slice(), self.maxima_of_row(), (slack / self.scale, least));
        let band = kernel::typical(set, self.weigh(), self.band(), maxima, share, options, &mut kept)?;
        self.near = Near { sums: kept, lo: band.lo };
        Some((Cut(band.lo), Cut(band.hi)))
    }

    /// The cut at a score: the lowest value whose score is at least `score`.
    pub fn cut_at(&self, score: f64) -> Cut {
        Cut::at_least((score - self.shift) / self.scale)
    }

    /// The cut `nats` below the best score: the lowest value whose score is at least max score − `nats`.
    pub fn cut_below_best(&self, nats: f64) -> Cut {
        Cut::at_least(self.best as f64 - nats / self.scale)
    }

    /// The cut at a probability: the lowest value whose probability is at least `p`, by the arithmetic of decisions.
    pub fn cut_at_probability(&mut self, p: f64) -> Cut {
        let listed = self.untouched_rest().map_or(1.0, |rest| 1.0 - rest.mass);
        let nats = -kernel::ln(p) - kernel::ln(self.mass()) + kernel::ln(listed);
        self.cut_below_best(nats)
    }

    /// How many members are at or above a cut.
    pub fn count_at_or_above(&self, cut: Cut) -> usize {
        kernel::count(self.slice().values, Band::from(self.lo.max(cut.0)))
    }

    /// Inverse CDF: walks the members in id order and takes the first whose running mass is strictly greater than `u` times the
    /// whole, else the last one with a positive weight.
    pub fn pick(&mut self, u: f64) -> Option<TokenId> {
        let at = match self.pick_nearly(u) {
            Some(at) => at,
            None => {
                let target = u * self.mass();
                kernel::pick(self.slice(), self.weigh(), self.band(), &self.blocks, target)?
            }
        };
        let ids = self.slice().ids;
        Some(ids.map_or(at as TokenId, |ids| ids[at]))
    }

    /// As [`pick`](Self::pick), for many uniforms: `found(i, id)` for each in turn.
    pub fn pick_each(&mut self, uniforms: &[f64], mut found: impl FnMut(usize, Option<TokenId>)) {
        // what a table costs, several draws cost too; once it stands, a few more use it
        self.drawn = self.drawn.saturating_add(uniforms.len());
        let many = self.drawn >= MANY + self.slice().values.len() / MANY;
        let total = many.then(|| self.mass());
        let mut running = std::mem::take(&mut self.running);
        if many && !self.runs {
            running.fill(self.slice(), self.weigh(), self.band(), &self.blocks);
            self.runs = true;
        }
        for (i, &u) in uniforms.iter().enumerate() {
            let id = match total.and_then(|total| running.find(u * total)) {
                Some(at) => Some(self.slice().ids.map_or(at as TokenId, |ids| ids[at])),
                None => self.pick(u),
            };
            found(i, id);
        }
        self.running = running;
    }

    /// The position that `pick` finds, where sums that are quicker to have are enough to tell.
    fn pick_nearly(&mut self, u: f64) -> Option<usize> {
        if self.mass.is_some() {
            return None;
        }
        if !self.near.is_for(self.lo) {
            self.thin_out();
            if self.slice().ids.is_some() {
                return None;
            }
            let mut kept = std::mem::take(&mut self.near.sums);
            let values = self.slice().values;
            kept.sum(values, self.weigh(), self.band());
            self.near = Near { sums: kept, lo: self.lo };
        }
        if !self.near.is_for(self.lo) {
            return None;
        }
        kernel::pick_among(self.slice(), self.weigh(), self.band(), &self.near.sums, u)
    }
}

/// Draws from the same members, and values for each draw, from which on all running masses are added up at once.
const MANY: usize = 256;

/// The exponentials of what follows each of `n` ids, divided by their sum.
fn shares(
    n: usize,
    below: impl Iterator<Item = (TokenId, f64)>,
    sum: impl Fn(&[f64]) -> f64,
) -> Vec<(TokenId, f64)> {
    let (mut ids, mut weights) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for (id, a) in below {
        ids.push(id);
        weights.push(a);
    }
    kernel::each(&mut weights, kernel::exp);
    let sum = sum(&weights);
    ids.into_iter().zip(weights).map(|(id, w)| (id, w / sum)).collect()
}

/// ln Σ exp(score), in two parts, so that huge scores lose nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalizer {
    pub(super) best: f64,
    pub(super) ln_sum: f64,
}

impl Normalizer {
    fn of(best: f64, scores: impl Iterator<Item = f64>) -> Self {
        let mut weights: Vec<f64> = scores.map(|s| s - best).collect();
        kernel::each(&mut weights, kernel::exp);
        Normalizer { best, ln_sum: kernel::ln(weights.iter().sum()) }
    }

    /// ln p of a token with this score, in nats: `score − ln Σ exp(score)`; `None` if it is −∞.
    pub fn log_probability(&self, score: f64) -> Option<f64> {
        Some((score - self.best) - self.ln_sum).filter(|l| l.is_finite())
    }

    /// ln Σ exp(score), in nats.
    pub fn ln_sum_exp(&self) -> f64 {
        self.best + self.ln_sum
    }
}
