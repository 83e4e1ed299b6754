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
}

/// How far listed probabilities may sum above 1, as servers round them.
pub(crate) const SLACK: f64 = 0.02;

/// What may be missing of rows that list every token: rounding.
const ROUNDING: f64 = 1e-3;

/// A mass that sums of f32 numbers can't tell from 0.
const LEAST: f64 = 1e-6;

/// Σ exp of log-probabilities.
pub(crate) fn mass(logprobs: &[f32]) -> f64 {
    logprobs.iter().map(|x| crate::kernel::exp(f64::from(*x))).sum()
}

impl Rest {
    /// The rest of a row that lists `ids` with natural logarithms of their probabilities. `taken` may be in it only because it was
    /// taken: where it is the least, it bounds nothing. `None` where all of the vocabulary is listed, and where the numbers sum to more
    /// than 1, so that they are no log-probabilities.
    pub fn of(ids: &[TokenId], logprobs: &[f32], taken: Option<TokenId>, vocab: usize) -> Option<Rest> {
        let missing = 1.0 - mass(logprobs);
        let is_whole = ids.len() >= vocab && missing <= ROUNDING;
        if missing < -SLACK || missing.is_nan() || is_whole {
            return None;
        }
        // the two lowest, lowest first
        let mut lowest = [f32::INFINITY; 2];
        let mut least = None;
        for (id, &x) in ids.iter().zip(logprobs) {
            if x < lowest[0] {
                (lowest, least) = ([x, lowest[0]], Some(*id));
            } else if x < lowest[1] {
                lowest[1] = x;
            }
        }
        let of_list = lowest[usize::from(taken.is_some() && taken == least)];
        let of_mass = crate::kernel::ln(missing.max(LEAST));
        Some(Rest { mass: missing.max(0.0), bound: f64::from(of_list).min(of_mass), counts: true })
    }
}
