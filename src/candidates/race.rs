//! Races: scores and noise, of which few tokens' matter.

use super::Candidates;
use crate::TokenId;
use crate::kernel::{self, ChaCha8};

/// Who takes part in a race.
pub(crate) trait Racers {
    /// The least upper half of a word with which a token of this score may matter. It never rises with the score.
    fn bar(&self, score: f64) -> u32;
    /// Whether a token of this score, with this upper half of its word, may matter. It never falls with the score.
    fn may_matter(&self, score: f64, upper: u32) -> bool;
    /// The token may matter.
    fn meet(&mut self, id: TokenId, score: f64, word: u64);
}

impl Candidates {
    /// Shows the members to a race, ids ascending: at least those whose word reaches the bar of their score. A token's word is the pair of the
    /// stream that has its id for its number.
    pub(crate) fn race(&self, stream: &ChaCha8, racers: &mut impl Racers) {
        let (rounded, scale, shift) = (self.is_rounded(), self.scale, self.shift);
        let mut race = OfScores { candidates: self, rounded, scale, shift, racers };
        kernel::race(self.slice(), self.maxima_of_row(), self.band(), stream, &mut race);
    }
}

struct OfScores<'a, R> {
    candidates: &'a Candidates,
    /// Some values are not those of the scores, but the nearest f32.
    rounded: bool,
    scale: f64,
    shift: f64,
    racers: &'a mut R,
}

impl<R> OfScores<'_, R> {
    /// What no score of a value is above: the same operations as a score's.
    #[inline(always)]
    fn score(&self, value: f32) -> f64 {
        let value = if self.rounded { value.next_up() } else { value };
        f64::from(value) * self.scale + self.shift
    }
}

impl<R: Racers> kernel::Race for OfScores<'_, R> {
    fn bar(&self, value: f32) -> u32 {
        self.racers.bar(self.score(value))
    }

    #[inline(always)]
    fn may_matter(&self, value: f32, upper: u32) -> bool {
        self.racers.may_matter(self.score(value), upper)
    }

    fn meet(&mut self, at: usize, word: u64) {
        let c = self.candidates;
        let set = c.slice();
        let id = set.ids.map_or(at as TokenId, |ids| ids[at]);
        self.racers.meet(id, c.base(at, id, set.values[at]) * c.scale + c.shift, word);
    }
}
