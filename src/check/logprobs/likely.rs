//! What a cause is: plain data.

use std::fmt;

use serde::Serialize;

/// One of the two inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Side::A { "A" } else { "B" })
    }
}

/// What is likely wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// Zeros, −9999 or the lowest float stand where there is no log-probability.
    Filling,
    /// The text of one side lacks its first token.
    BosLost,
    /// The numbers of one side stand one token too early or too late.
    Shifted,
    /// One side has a temperature that the other lacks.
    Temperature,
    /// One side is of the distribution after the processors, the other of the raw one.
    Processed,
    /// One side is normalised over fewer tokens.
    RestrictedSupport,
    /// The numbers of one side are rounded to bfloat16 or float16.
    Rounding,
}

/// A cause that the differences point at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LikelyCause {
    /// Which one.
    pub cause: CauseKind,
    /// The side that it is seen on; `None` where that can't be told.
    pub side: Option<Side>,
    /// The temperature of A relative to B, the smallest kept mass, the numbers that are filling, or by how many tokens it is shifted.
    pub estimate: Option<f64>,
    /// Share of the mean difference that it explains, where that was tried.
    pub explained: Option<f64>,
    /// The same in words.
    pub what: String,
}

impl LikelyCause {
    pub(super) fn new(cause: CauseKind, side: Option<Side>, what: String) -> LikelyCause {
        LikelyCause { cause, side, estimate: None, explained: None, what }
    }

    pub(super) fn with(self, estimate: Option<f64>, explained: Option<f64>) -> LikelyCause {
        LikelyCause { estimate, explained, ..self }
    }
}
