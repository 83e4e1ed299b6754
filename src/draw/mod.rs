//! From the candidates of one step to a token id for each row. All randomness of the program lives here.
//!
//! A [`Draw`] sees a whole step at once, because engines do: a global generator walks the rows of a batch in order, finished rows
//! go on drawing in transformers, some rows of vLLM have a generator of their own. Draws that need none of this say so through
//! [`Draw::shared`]: each of their draws depends on its address alone, so rows may be decoded in any order, from any thread.

mod adaptive;
mod addressed;
mod argmax;
mod from_rng;
mod gumbel;
mod mirostat;
mod slip;

pub use adaptive::AdaptiveP;
pub use addressed::{Addressed, Key, RowCoins, uniform};
pub use argmax::Argmax;
pub use from_rng::FromRng;
pub use gumbel::Gumbel;
pub(crate) use gumbel::Noise;
pub use mirostat::{Mirostat, Surprise};
pub use slip::{Slip, Tolerance};

use std::ops::Range;

use crate::candidates::Candidates;
use crate::{Result, TokenId};

/// What was chosen, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pick {
    /// The token.
    pub id: TokenId,
    /// Where the uniform of an inverse-CDF draw fell, in [0, 1).
    pub uniform: Option<f64>,
    /// The interval of the token, where it is not that of the candidates in id order: an engine's own.
    pub interval: Option<(f64, f64)>,
    /// The noise that was added to the winner's score, for races.
    pub noise: Option<f64>,
    /// The second best of a race, and how far behind it was (in nats, noise included).
    pub runner_up: Option<(TokenId, f64)>,
    /// ln p of the token where the draw filters by itself ([`Draw::filters`]) and knows its probabilities.
    pub logprob: Option<f64>,
}

impl Pick {
    /// A token that was taken without randomness.
    pub fn certain(id: TokenId) -> Self {
        Pick { id, uniform: None, interval: None, noise: None, runner_up: None, logprob: None }
    }
}

/// One who is waiting for a token of this row.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    /// Number of the decoded line: stable over the run, from 0 to sequences · samples − 1.
    pub line: usize,
    /// Number of the sample.
    pub sample: usize,
    /// Rank of the parent beam; 0 when sampling.
    pub lane: u32,
    /// The line has ended; some engines go on drawing for it.
    pub finished: bool,
    /// The answer.
    pub pick: Option<Pick>,
}

/// One row of a step: its candidates, and those who wait for a token from them.
pub struct Turn<'a> {
    /// Sequence of the batch, absolute.
    pub sequence: usize,
    /// Step of the input, absolute.
    pub step: usize,
    /// Prompt and generated ids.
    pub context: &'a [TokenId],
    /// How many of them are the prompt.
    pub prompt_len: usize,
    /// What is possible.
    pub candidates: &'a mut Candidates,
    /// Who waits: one, or several samples whose candidates are the same.
    pub seats: &'a mut [Seat],
}

/// How far a claimed token was from being drawn; the token that was drawn has the margin 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// Inverse CDF: distance of the uniform to the token's interval; 0 if it fell inside.
    Uniform(f64),
    /// A race: score of the winner minus score of the token, in nats, noise included.
    Score(f64),
    /// The token can't be drawn here: it is no candidate, or (of an engine) already taken, or float32 leaves its interval no width.
    Impossible,
}

impl Margin {
    /// The distance, whatever its unit; `None` if the token is impossible.
    pub fn value(self) -> Option<f64> {
        match self {
            Margin::Score(d) | Margin::Uniform(d) => Some(d),
            Margin::Impossible => None,
        }
    }

    /// How far a uniform of an inverse-CDF draw fell from the interval of a token.
    fn of_uniform(candidates: &Candidates, u: f64, claimed: TokenId) -> Margin {
        let (mut running, mut margin) = (Vec::new(), Margin::Impossible);
        if candidates.contains(claimed) {
            let whole = candidates.running_figures(&mut running).weights;
            candidates.weights_before(&[claimed], &running, |_, before, own| {
                let [low, high] = [before, before + own].map(|weight| weight / whole);
                margin = Margin::Uniform((low - u).max(u - high).max(0.0));
            });
        }
        margin
    }
}

/// What a token was drawn from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Support {
    /// The ids in the order in which the draw walks them.
    pub ids: Vec<TokenId>,
    /// The probability of each, where the draw knows it: a race of an engine tells only who could win.
    pub probabilities: Option<Vec<f64>>,
}

impl Support {
    /// The probability of a token: 0 outside, `None` where the draw doesn't know.
    pub fn probability(&self, id: TokenId) -> Option<f64> {
        match (self.ids.iter().position(|&i| i == id), &self.probabilities) {
            (None, _) => Some(0.0),
            (Some(at), Some(p)) => p.get(at).copied(),
            (Some(_), None) => None,
        }
    }
}

/// A token in the race of a draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Racer {
    /// The token.
    pub id: TokenId,
    /// The noise that was added to its score, where the draw tells.
    pub noise: Option<f64>,
    /// How far it was behind the winner, in nats, noise included.
    pub behind: f64,
}

/// What one filter of a draw left, as the draw itself went through it ([`Draw::filters`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Filtered {
    /// The filter and its setting: `top_k=40`.
    pub name: String,
    /// The tokens that are left, by rising id, with their probabilities among each other.
    pub left: Vec<(TokenId, f64)>,
}

/// A way to choose; see the [module](self).
pub trait Draw: Send {
    /// Name in output and records (`chacha8-v1`).
    fn name(&self) -> &str;

    /// Chooses a token for every seat of every row of one step: fills [`Seat::pick`].
    ///
    /// # Errors
    /// A row from which nothing can be drawn.
    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()>;

    /// True if its state is of single lines, and it may change their candidates: then every seat gets a row of its own, and lines
    /// don't wait for each other.
    fn by_line(&self) -> bool {
        false
    }

    /// True if ids of the history beyond the vocabulary are passed over, and no error: an engine may do so.
    fn skips_unknown_ids(&self) -> bool {
        false
    }

    /// The line goes on with `id` (not always what was drawn: a run can be driven by given ids). State changes here and nowhere
    /// else. Called once for each unfinished seat, while the candidates still stand.
    fn accept(&mut self, _turn: &mut Turn<'_>, _seat: usize, _id: TokenId) {}

    /// How far `claimed` was from being chosen for a seat of the last step.
    fn margin(&mut self, turn: &mut Turn<'_>, seat: usize, claimed: TokenId) -> Margin;

    /// True if the draw changes the distribution further, as an engine does that brings its own filters: then the candidates are
    /// not what the token is drawn from, and [`Pick::logprob`] tells its log-probability.
    fn filters(&self) -> bool {
        false
    }

    /// What each filter of the draw left for a seat of the last step, in its order, where it was watched. Asked once.
    fn stages(&mut self, _turn: &Turn<'_>, _seat: usize) -> Vec<Filtered> {
        Vec::new()
    }

    /// What a faithful server within `tolerance` may have drawn for a seat of the last step, and how probably; for races without
    /// a cut P(the lead is below ε) = ε · (1 − Σp²) to first order, at most ε.
    fn slip(&mut self, turn: &Turn<'_>, seat: usize, _claimed: TokenId, tolerance: &Tolerance) -> Slip {
        let score = tolerance.score;
        let uniform = turn.seats.get(seat).and_then(|s| s.pick).and_then(|pick| pick.uniform);
        match (uniform, self.support(turn, seat).probabilities) {
            (Some(_), Some(p)) => Slip::of_intervals(p, score),
            _ => Slip { score, rounding: score.min(1.0), ..Slip::default() },
        }
    }

    /// What a seat's token of the last step was drawn from, in the order in which the draw walks it.
    fn support(&mut self, turn: &Turn<'_>, _seat: usize) -> Support {
        let (ids, probabilities) = turn.candidates.probabilities().into_iter().unzip();
        Support { ids, probabilities: Some(probabilities) }
    }

    /// How all who could win ran for a seat of the last step, where the draw is a race; in no order.
    fn race(&mut self, _turn: &Turn<'_>, _seat: usize) -> Vec<Racer> {
        Vec::new()
    }

    /// This draw for one row at a time, through a shared reference, where draws don't depend on each other.
    fn shared(&self) -> Option<&dyn DrawRow> {
        None
    }
}

/// Draws that depend on nothing but their address.
pub trait DrawRow: Send + Sync {
    /// Chooses a token for every seat of one row.
    ///
    /// # Errors
    /// As [`Draw::step`].
    fn row(&self, turn: &mut Turn<'_>) -> Result<()>;

    /// As [`row`](Self::row); where the draw is a race, for each seat how all who could win ran, in no order.
    ///
    /// # Errors
    /// As [`Draw::step`].
    fn raced(&self, turn: &mut Turn<'_>) -> Result<Vec<Vec<Racer>>> {
        self.row(turn).map(|()| Vec::new())
    }

    /// The tokens that [`row`](Self::row) chooses for some samples, which have no seats in this turn; appended to `ids`.
    ///
    /// # Errors
    /// As [`Draw::step`].
    fn samples(&self, turn: &mut Turn<'_>, samples: Range<usize>, ids: &mut Vec<TokenId>) -> Result<()> {
        let seat = |sample| Seat { line: sample, sample, lane: 0, finished: false, pick: None };
        let mut seats: Vec<Seat> = samples.map(seat).collect();
        self.row(&mut Turn { seats: &mut seats, candidates: turn.candidates, ..*turn })?;
        ids.extend(seats.iter().filter_map(|seat| seat.pick).map(|pick| pick.id));
        Ok(())
    }
}

/// The error of a draw that found nothing to choose from.
pub(crate) fn nothing(turn: &Turn<'_>) -> crate::Error {
    crate::Error::decode(
        crate::Place::row(turn.sequence, turn.step),
        "no token has a positive probability: the chain leaves nothing to draw from",
    )
}

/// The one seat of a row whose candidates a draw is going to change.
fn alone<'t>(turn: &'t Turn<'_>) -> Result<&'t Seat> {
    match &*turn.seats {
        [seat] => Ok(seat),
        _ => Err(crate::Error::decode(
            crate::Place::row(turn.sequence, turn.step),
            "a draw with state needs the row once for each sample",
        )),
    }
}

#[cfg(test)]
mod tests;
