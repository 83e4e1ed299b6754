//! What a list of the likeliest tokens leaves out.

use crate::TokenId;

/// What a row of log-probabilities says of the tokens that it does not list. The rows of servers hold the N likeliest tokens, and the one
/// that was taken.
///
/// ```
/// use tokpick::source::Rest;
/// // two tokens of a vocabulary of 100, with probabilities 0.5 and 0.25
/// let rest = Rest::of(&[3, 7], &[0.5f32.ln(), 0.25f32.ln()], None, 100).unwrap();
/// assert!((rest.mass - 0.25).abs() < 1e-6 && (rest.bound - 0.25f64.ln()).abs() < 1e-6);
/// // three tokens of three: nothing is left out
/// assert_eq!(Rest::of(&[0, 1, 2], &[0.5f32.ln(), 0.25f32.ln(), 0.25f32.ln()], None, 3), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    /// 1 − Σ p of the listed tokens: what all others have together.
    pub mass: f64,
    /// ln p of any other token is at most this: none has more than the least of the listed ones, nor than the mass.
    pub bound: f64,
    /// Truncations by mass count what is missing: so for the answers of servers. Rows of JSON Lines are cut by the mass that they list.
    pub counts: bool,
    /// The listed token that may stand in the row only because it was taken: others that are not listed may be more probable.
    pub outside: Option<Taken>,
}

/// A token that was taken, which stands in its row's list whether it is one of the likeliest or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The token.
    pub id: TokenId,
    /// Its rank in the whole row, where it is known; 1 is the most probable.
    pub rank: Option<usize>,
    /// Whether it stands in the list only because it was taken; `None` where nobody says so: a rank tells it, else it may be so if it is
    /// the least.
    pub is_outside: Option<bool>,
}

impl Taken {
    /// A token of which nothing more is known.
    pub fn new(id: TokenId) -> Taken {
        Taken { id, rank: None, is_outside: None }
    }
}

/// What OpenAI's and vLLM's answers write for "very unlikely": a floor, no number.
pub(crate) const FLOOR: f64 = -9999.0;

/// How far listed probabilities may sum above 1, as servers round them.
pub(crate) const SLACK: f64 = 0.02;

/// What may be missing of rows that list every token: rounding.
const ROUNDING: f64 = 1e-3;

/// True if rows without so much of the probability leave something out; less is rounding of their f32 numbers.
pub fn leaves_out(mass: f64) -> bool {
    mass >= 1e-4
}

/// A mass that sums of f32 numbers can't tell from 0.
const LEAST: f64 = 1e-6;

/// Σ exp of log-probabilities.
pub(crate) fn mass(logprobs: &[f32]) -> f64 {
    logprobs.iter().map(|x| crate::kernel::exp(f64::from(*x))).sum()
}

impl Rest {
    /// The rest of a row that lists `ids` with natural logarithms of their probabilities. `taken` may be in it only because it was
    /// taken: then it bounds nothing. `None` where all of the vocabulary is listed, and where the numbers sum to more
    /// than 1, so that they are no log-probabilities.
    ///
    /// ```
    /// use tokpick::source::{Rest, Taken};
    /// let (ids, logprobs) = ([3, 5, 9], [0.5f32.ln(), 0.25f32.ln(), 0.01f32.ln()]);
    /// let taken = Taken { rank: Some(40), ..Taken::new(9) };
    /// // the fourth best may have what the second has, and not more than is left
    /// let rest = Rest::of(&ids, &logprobs, Some(taken), 100).unwrap();
    /// assert!((rest.bound - 0.24f64.ln()).abs() < 1e-6 && rest.outside == Some(taken));
    /// let third = Taken { rank: Some(3), ..taken };
    /// let rest = Rest::of(&ids, &logprobs, Some(third), 100).unwrap();
    /// assert!((rest.bound - 0.01f64.ln()).abs() < 1e-6 && rest.outside.is_none());
    /// ```
    pub fn of(ids: &[TokenId], logprobs: &[f32], taken: Option<Taken>, vocab: usize) -> Option<Rest> {
        let missing = 1.0 - mass(logprobs);
        let is_whole = ids.len() >= vocab && missing <= ROUNDING;
        if missing < -SLACK || missing.is_nan() || is_whole {
            return None;
        }
        let least = ids.iter().zip(logprobs).min_by(|a, b| a.1.total_cmp(b.1)).map(|(id, _)| *id);
        let outside = taken.filter(|taken| {
            let by_rank = taken.rank.map(|rank| rank > ids.len());
            ids.contains(&taken.id) && taken.is_outside.or(by_rank).unwrap_or_else(|| least == Some(taken.id))
        });
        let sure = ids.iter().zip(logprobs).filter(|(id, _)| outside.is_none_or(|taken| taken.id != **id));
        let of_list = sure.fold(f32::INFINITY, |least, (_, x)| least.min(*x));
        let of_mass = crate::kernel::ln(missing.max(LEAST));
        let bound = f64::from(of_list).min(of_mass);
        Some(Rest { mass: missing.max(0.0), bound, counts: true, outside })
    }

    /// The rank of a token of the row, given how many of the listed ones are above it, and whether it is the rank in the whole row; else it
    /// is the best that it may be.
    pub fn rank(&self, id: TokenId, logprob: Option<f64>, above: usize) -> (usize, bool) {
        match (self.outside, logprob) {
            (Some(Taken { id: outside, rank: Some(rank), .. }), Some(_)) if outside == id => (rank, true),
            (_, Some(logprob)) => (1 + above, logprob >= self.bound),
            // one that is not listed may be above a taken one
            (outside, None) => (1 + above - usize::from(outside.is_some()).min(above), false),
        }
    }
}
