use super::{Draw, DrawRow, Margin, Pick, Slip, Tolerance, Turn, nothing};
use crate::{Result, TokenId};

/// Takes the token with the largest score, the lowest id among equals.
#[derive(Debug, Clone, Copy, Default)]
pub struct Argmax;

impl DrawRow for Argmax {
    fn row(&self, turn: &mut Turn<'_>) -> Result<()> {
        let id = turn.candidates.argmax().ok_or_else(|| nothing(turn))?;
        turn.seats.iter_mut().for_each(|seat| seat.pick = Some(Pick::certain(id)));
        Ok(())
    }
}

impl Draw for Argmax {
    fn name(&self) -> &str {
        "argmax"
    }

    fn step(&mut self, turns: &mut [Turn<'_>]) -> Result<()> {
        turns.iter_mut().try_for_each(|turn| self.row(turn))
    }

    fn margin(&mut self, turn: &mut Turn<'_>, _seat: usize, claimed: TokenId) -> Margin {
        match turn.candidates.score(claimed) {
            Some(score) if score > f64::NEG_INFINITY => Margin::Score(turn.candidates.max_score() - score),
            _ => Margin::Impossible,
        }
    }

    /// Nothing is random here: the lead is above the tolerance, or it is not.
    fn slip(&mut self, turn: &Turn<'_>, _seat: usize, _claimed: TokenId, tolerance: &Tolerance) -> Slip {
        let least = turn.candidates.max_score() - tolerance.score;
        let ids = turn.candidates.probabilities().into_iter().map(|x| x.0);
        let near = ids.filter(|&id| turn.candidates.score(id).is_some_and(|s| s >= least)).count();
        let rounding = if near > 1 { 1.0 } else { 0.0 };
        Slip { score: tolerance.score, rounding, ..Slip::default() }
    }

    fn shared(&self) -> Option<&dyn DrawRow> {
        Some(self)
    }
}
