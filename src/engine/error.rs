//! What an engine replay can refuse, and why.

use thiserror::Error;

/// Why a replay cannot be built, or cannot go on.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No engine has that name.
    #[error("there is no engine {name:?}{hint}; the engines are {known}")]
    UnknownEngine {
        /// The name asked for.
        name: String,
        /// `", did you mean …?"`, or nothing.
        hint: String,
        /// All names, separated by commas.
        known: String,
    },
    /// The engine could not have been given this seed.
    #[error("{engine}: seed {seed:?}: {why}")]
    Seed {
        /// The engine.
        engine: &'static str,
        /// The seed as given.
        seed: String,
        /// What is wrong, and what the engine takes.
        why: String,
    },
    /// The engine lacks this parameter, or its replay does not have it.
    #[error("{engine} does not take {parameter}{why}; it takes {takes}")]
    Unsupported {
        /// The engine.
        engine: &'static str,
        /// The parameter that was set.
        parameter: &'static str,
        /// `" (reason)"`, or nothing.
        why: String,
        /// The parameters that it takes, separated by commas.
        takes: String,
    },
    /// A parameter outside the engine's range.
    #[error("{engine}: {parameter} is {value}, but must be {allowed}")]
    Range {
        /// The engine.
        engine: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// The value as given.
        value: String,
        /// The range.
        allowed: &'static str,
    },
    /// Parameters that do not go together.
    #[error("{engine}: {why}")]
    Setting {
        /// The engine.
        engine: &'static str,
        /// What clashes, and what to do.
        why: String,
    },
    /// A logit that the engine could not have sampled from.
    #[error(
        "{engine}: row {row}, token {token}: the logit is {value}; a logit is finite, or -inf for a masked token"
    )]
    Logit {
        /// The engine.
        engine: &'static str,
        /// The row of the step.
        row: usize,
        /// The token id.
        token: usize,
        /// The logit.
        value: f32,
    },
    /// A row, or a step, that cannot be drawn from.
    #[error("{engine}: row {row}: {why}")]
    Row {
        /// The engine.
        engine: &'static str,
        /// The row of the step.
        row: usize,
        /// What is wrong.
        why: String,
    },
}
