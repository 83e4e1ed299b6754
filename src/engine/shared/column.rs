//! What an engine without a state races.

/// A token's place in the race.
pub(in crate::engine) struct Column {
    pub(in crate::engine) column: u32,
    pub(in crate::engine) id: u32,
    pub(in crate::engine) score: f64,
}
