//! The floor under the log-probabilities of a `.kld`.

/// How far below the largest log-probability of a row the floor of a `.kld` lies, in nats.
const DEPTH: f32 = 16.0;

/// How exact that distance is in a stored row.
const SLACK: f32 = 1e-3;

/// The lowest number of a row of a `.kld`, and whether it is a floor: what lies deeper was raised to it.
///
/// ```
/// use tokpick::source::Floor;
/// let floor = Floor::of(&[-0.1, -16.1, -16.1, -3.0]);
/// assert!(floor.cuts && floor.holds(-16.1) && !floor.holds(-3.0));
/// assert!(!Floor::of(&[-0.1, -9.0]).cuts);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// The lowest log-probability of the row.
    pub lowest: f32,
    /// The row reaches 16 nats below its largest number, where llama-perplexity cuts: tokens at the lowest number may lie deeper.
    pub cuts: bool,
}

impl Floor {
    /// Looks at the log-probabilities of a row.
    pub fn of(row: &[f32]) -> Floor {
        let lowest = row.iter().copied().fold(f32::INFINITY, f32::min);
        let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Floor { lowest, cuts: highest - lowest >= DEPTH - SLACK }
    }

    /// True for a number that stands for "this or less".
    pub fn holds(&self, logprob: f32) -> bool {
        self.cuts && logprob == self.lowest
    }
}
