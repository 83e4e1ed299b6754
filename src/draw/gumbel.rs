mod likely;
mod partly;

use super::{Draw, DrawRow, Key, Margin, Pick, Racer, Turn, nothing};
use crate::candidates::Candidates;
use crate::candidates::Racers;
use crate::kernel::{ChaCha8, bounds};
use crate::{Result, TokenId, kernel};
use likely::{HEAVIEST, likely};

/// Gumbel-max: `argmax(score + g)`, with one addressed noise for each token.
///
/// `g = −ln(−ln U)`, `U = ((w >> 11) + ½) · 2⁻⁵³`, w from ChaCha8 under the key of [`Addressed`](super::Addressed) with purpose 1, stream
/// = step, word
/// position = 2 · token id. (Gumbel 1954; Maddison, Tarlow & Minka 2014.) The distribution is that of inverse CDF, but the noise
/// of a token is the same under every strategy: what differs in the ids comes from the strategy, not from luck.
///
/// ```
/// use tokpick::draw::Gumbel;
/// assert_eq!(Gumbel::new(7).noise(0, 0, 0, 3, &[5]).len(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gumbel {
    seed: u64,
}

impl Gumbel {
    /// The draw of a seed.
    pub fn new(seed: u64) -> Self {
        Gumbel { seed }
    }

    /// The noise of some tokens (ascending ids) at one address.
    pub fn noise(&self, lane: u32, sequence: usize, sample: usize, step: usize, ids: &[TokenId]) -> Vec<f64> {
        let mut words = Vec::new();
        self.at(lane, sequence, sample, step).stream.pairs(ids, &mut words);
        let mut noise: Vec<f64> = words.into_iter().map(uniform).collect();
        kernel::each(&mut noise, gumbel);
        noise
    }

    /// The noise of one address.
    pub(crate) fn at(&self, lane: u32, sequence: usize, sample: usize, step: usize) -> Noise {
        let key = Key { seed: self.seed, purpose: 1, lane, sequence, sample };
        Noise { stream: ChaCha8::new(key.words(), step as u64) }
    }

    fn of_seat(&self, turn: &Turn<'_>, seat: usize) -> Noise {
        let seat = &turn.seats[seat];
        self.at(seat.lane, turn.sequence, seat.sample, turn.step)
    }

    /// Score plus noise of every candidate.
    fn sums(&self, turn: &Turn<'_>, seat: usize) -> Vec<Runner> {
        let (ids, scores): (Vec<TokenId>, Vec<f64>) = turn.candidates.members().unzip();
        let seat = &turn.seats[seat];
        let noise = self.noise(seat.lane, turn.sequence, seat.sample, turn.step, &ids);
        ids.into_iter().zip(scores).zip(noise).map(|((id, s), g)| (id, s + g, g)).collect()
    }
}

/// The noise of the tokens at one address.
///
/// A race takes no logarithm for a token that can't win. As −ln u ≥ 1 − u, a noise is at most −ln(1 − u): a token that is d nats
/// short of what counts needs 1 − u ≤ e^−d, and that is read off the upper half of its word. What counts only rises while the race
/// runs.
pub(crate) struct Noise {
    stream: ChaCha8,
}

impl Noise {
    /// Gumbel-top-k: the `n` candidates with the largest sums of `start`, score and noise, as (id, score, sum), largest first, the
    /// lower id first among equals; none below `least`.
    pub fn top(&self, candidates: &Candidates, start: f64, n: usize, least: f64) -> Vec<(TokenId, f64, f64)> {
        let mut top = Top { start, n, least, best: Vec::new() };
        candidates.race(&self.stream, &mut top);
        top.best.sort_unstable_by(falling);
        top.best.truncate(n);
        top.best
    }

    /// As [`top`](Self::top) without a bound, where scores are log-probabilities of one distribution.
    ///
    /// If `n` reach the sum with which the race begins, no other is among them.
    pub fn top_of_all(&self, candidates: &Candidates, start: f64, n: usize) -> Vec<(TokenId, f64, f64)> {
        let heaviest: Vec<f64> = candidates.ranked(HEAVIEST).into_iter().map(|(_, score)| score).collect();
        let likely = start + likely(&heaviest, n);
        let top = self.top(candidates, start, n, likely);
        if top.len() < n && likely > f64::NEG_INFINITY {
            return self.top(candidates, start, n, f64::NEG_INFINITY);
        }
        top
    }

    /// The best candidate and the second, as (id, sum, noise).
    fn first_two(&self, candidates: &Candidates) -> Two {
        let mut two = Two::default();
        candidates.race(&self.stream, &mut two);
        two
    }
}

/// Largest sum first, the lower id first among equals.
fn falling(a: &(TokenId, f64, f64), b: &(TokenId, f64, f64)) -> std::cmp::Ordering {
    b.2.total_cmp(&a.2).then(a.0.cmp(&b.0))
}

/// Keeps the best `n` of twice as many; the last of them, where it did.
fn pruned<T>(best: &mut Vec<T>, n: usize, falling: fn(&T, &T) -> std::cmp::Ordering) -> Option<&T> {
    if n == 0 || best.len() < n.saturating_mul(2) {
        return None;
    }
    best.select_nth_unstable_by(n - 1, falling);
    best.truncate(n);
    best.last()
}

/// The best `n` so far, and up to as many that are worse.
struct Top {
    start: f64,
    n: usize,
    /// The least sum that counts.
    least: f64,
    best: Vec<(TokenId, f64, f64)>,
}

impl Racers for Top {
    fn bar(&self, score: f64) -> u32 {
        bar(self.start + score, self.least)
    }

    #[inline(always)]
    fn may_matter(&self, score: f64, upper: u32) -> bool {
        may_reach(self.start + score, upper, self.least)
    }

    fn meet(&mut self, id: TokenId, score: f64, word: u64) {
        let (u, n) = (uniform(word), self.n);
        // of those that are met most are too far behind for two logarithms
        if self.start + score + at_most(u) < self.least {
            return;
        }
        let sum = self.start + score + gumbel(u);
        if sum >= self.least {
            self.best.push((id, score, sum));
        }
        if let Some(last) = pruned(&mut self.best, n, falling) {
            self.least = self.least.max(last.2);
        }
    }
}

/// One who takes part: id, score plus noise, noise.
type Runner = (TokenId, f64, f64);

/// The best so far and the second; of equals the one that was met first.
#[derive(Default)]
struct Two {
    first: Option<Runner>,
    second: Option<Runner>,
}

impl Two {
    /// The least sum that counts.
    fn least(&self) -> f64 {
        self.second.map_or(f64::NEG_INFINITY, |second| second.1)
    }

    fn add(&mut self, runner: Runner) {
        match self.first {
            Some(first) if runner.1 <= first.1 => {
                if self.second.is_none_or(|second| runner.1 > second.1) {
                    self.second = Some(runner);
                }
            }
            _ => self.second = self.first.replace(runner),
        }
    }

    /// The winner, and by how much the second was behind.
    fn pick(&self) -> Option<Pick> {
        let (id, sum, noise) = self.first?;
        let runner_up = self.second.map(|(id, s, _)| (id, sum - s));
        Some(Pick { noise: Some(noise), runner_up, ..Pick::certain(id) })
    }
}

impl Racers for Two {
    fn bar(&self, score: f64) -> u32 {
        bar(score, self.least())
    }

    #[inline(always)]
    fn may_matter(&self, score: f64, upper: u32) -> bool {
        may_reach(score, upper, self.least())
    }

    fn meet(&mut self, id: TokenId, score: f64, word: u64) {
        let u = uniform(word);
        if score + at_most(u) < self.least() {
            return;
        }
        let noise = gumbel(u);
        self.add((id, score + noise, noise));
    }
}

/// The uniform number of a word.
fn uniform(word: u64) -> f64 {
    ((word >> 11) as f64 + 0.5) * 2f64.powi(-53)
}

/// −ln(−ln u).
#[inline(always)]
fn gumbel(u: f64) -> f64 {
    -kernel::ln(-kernel::ln(u))
}

/// A bound on the noise from the exponent of 1 − u: −ln(−ln u) ≤ −ln(1 − u). The one word that is rounded to u = 1
/// has infinite noise. There is room for the rounding of the logarithms.
fn at_most(u: f64) -> f64 {
    if u == 1.0 {
        return f64::INFINITY;
    }
    1e-9 + bounds::minus_ln_at_most(1.0 - u)
}

/// By how much a score may be too high that is to be compared with `least`: every rounding of the sum has room in it.
#[inline(always)]
fn slack(score: f64, least: f64) -> f64 {
    1e-6 + 1e-12 * (score.abs() + least.abs())
}

/// Whether `score` plus the noise of a word with this upper half may reach `least`: as in [`at_most`], by the exponent of 1 − u.
#[inline(always)]
fn may_reach(score: f64, upper: u32, least: f64) -> bool {
    let noise = f64::from((!upper).leading_zeros() + 1) * std::f64::consts::LN_2;
    // where the numbers are too large to tell (∞ − ∞), it may
    let is_behind = score + noise + slack(score, least) < least;
    // the words whose upper half is full may have any noise
    upper == u32::MAX || !is_behind
}

/// The least upper half of a word with which `score` plus noise may reach `least`.
///
/// With the upper half h, 1 − u ≥ (2³² − 1 − h) / 2³².
fn bar(score: f64, least: f64) -> u32 {
    let ahead = score - least + slack(score, least);
    if ahead < 0.0 {
        let share = f64::from(kernel::exp32(ahead as f32)) * (1.0 + 1e-5);
        return !((share * 4_294_967_296.0) as u32);
    }
    0
}

impl DrawRow for Gumbel {
    fn row(&self, turn: &mut Turn<'_>) -> Result<()> {
        for seat in 0..turn.seats.len() {
            let two = self.of_seat(turn, seat).first_two(turn.candidates);
            turn.seats[seat].pick = Some(two.pick().ok_or_else(|| nothing(turn))?);
        }
        Ok(())
    }

    fn raced(&self, turn: &mut Turn<'_>) -> Result<Vec<Vec<Racer>>> {
        let mut races = Vec::new();
        for seat in 0..turn.seats.len() {
            let race = self.sums(turn, seat);
            let mut two = Two::default();
            race.iter().for_each(|&runner| two.add(runner));
            turn.seats[seat].pick = Some(two.pick().ok_or_else(|| nothing(turn))?);
            races.push(racers(race));
        }
        Ok(races)
    }
}

/// How far each was behind the first.
fn racers(race: Vec<Runner>) -> Vec<Racer> {
    let lead = race.iter().fold(f64::NEG_INFINITY, |lead, runner| lead.max(runner.1));
    race.into_iter().map(|(id, sum, noise)| Racer { id, noise: Some(noise), behind: lead - sum }).collect()
}

impl Draw for Gumbel {
    fn name(&self) -> &str {
        "gumbel-chacha8-v1"
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        turns.iter_mut().try_for_each(|turn| self.row(turn))
    }

    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin {
        let noise = self.of_seat(turn, seat);
        let Some((_, lead, _)) = noise.first_two(turn.candidates).first else { return Margin::Impossible };
        let score = turn.candidates.score(claimed).filter(|s| *s > f64::NEG_INFINITY);
        let sum = score.map(|score| score + gumbel(uniform(noise.stream.pair(claimed))));
        sum.map_or(Margin::Impossible, |sum| Margin::Score(lead - sum))
    }

    fn race(&mut self, turn: &Turn<'_>, seat: usize) -> Vec<Racer> {
        racers(self.sums(turn, seat))
    }

    fn shared(&self) -> Option<&dyn DrawRow> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
