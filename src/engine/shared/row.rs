//! What a step's rows must be before any engine sees them.

use super::float;
use crate::engine::{Evidence, ReplayRow, Watch};
use crate::kernel;
use crate::{Error, Result};

/// The vocabulary size, if the step has `batch` rows of one length whose unfinished rows can be sampled from, after ids of the
/// vocabulary.
pub(in crate::engine) fn check(engine: &'static str, rows: &[ReplayRow<'_>], batch: usize) -> Result<usize> {
    let v = check_logits(engine, rows, batch)?;
    for (i, row) in rows.iter().enumerate().filter(|(_, row)| !row.finished) {
        if let Some(id) = row.history.iter().find(|&&id| id as usize >= v) {
            let why = format!("id {id} of its history is outside the vocabulary of {v}");
            return Err(Error::engine_row(engine, i, why));
        }
    }
    Ok(v)
}

/// As [`check`], whatever the ids of the history are.
pub(in crate::engine) fn check_logits(
    engine: &'static str,
    rows: &[ReplayRow<'_>],
    batch: usize,
) -> Result<usize> {
    let refuse = |row, why: String| Err(Error::engine_row(engine, row, why));
    if rows.len() != batch {
        let why = format!("the step has {} rows, the batch {batch}", rows.len());
        return refuse(rows.len().min(batch), why);
    }
    let v = rows.first().map_or(0, |r| r.logits.len());
    if v == 0 {
        return refuse(0, "it has no logits".to_owned());
    }
    for (i, row) in rows.iter().enumerate() {
        if row.logits.len() != v {
            let why = format!("it has {} logits, row 0 has {v}", row.logits.len());
            return refuse(i, why);
        }
        if row.finished {
            continue;
        }
        if let Some(token) = kernel::first_invalid(row.logits) {
            let value = row.logits[token];
            let why =
                format!("token {token}: the logit is {value}; a logit is finite, or -inf for a masked token");
            return refuse(i, why);
        }
        if row.logits.iter().all(|&x| x == f32::NEG_INFINITY) {
            return refuse(i, "every token is masked (-inf)".to_owned());
        }
    }
    Ok(v)
}

/// The error for scores that the filters have driven out of float32.
pub(in crate::engine) fn overflow(engine: &'static str, row: usize) -> Error {
    Error::engine_row(
        engine,
        row,
        "its scores leave the engine's numbers, and no probabilities are left; use milder settings (a temperature nearer to 1)",
    )
}

/// The id of the highest value, the lowest id on ties.
pub(in crate::engine) fn argmax(values: &[f32]) -> u32 {
    let mut best = 0;
    for (i, &v) in values.iter().enumerate() {
        if v > values[best] {
            best = i;
        }
    }
    best as u32
}

/// The best score, the lowest id on ties.
pub(in crate::engine) fn greedy(scores: &[f32], watch: Watch) -> (u32, Option<Evidence>) {
    let winner = argmax(scores);
    let evidence = watch.evidence().then(|| Evidence::best(float::widen(scores), winner));
    (winner, evidence)
}
