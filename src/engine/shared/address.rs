//! Engines whose noise is a function of seed, position and token: the addresses of their rows.

use super::seed;
use crate::engine::{EngineInfo, Params, ReplayRow};
use crate::{Error, Result};

/// The seed of one row, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Address {
    pub(in crate::engine) seed: i64,
    /// The position of the first step; `None`: one less than the row's history, which holds the token that was fed.
    pub(in crate::engine) position: Option<u64>,
}

impl Address {
    /// The position of step `step` of this row.
    pub(in crate::engine) fn at(
        &self,
        engine: &'static str,
        row: usize,
        input: &ReplayRow<'_>,
        step: u64,
    ) -> Result<u64> {
        match (self.position, input.history.len()) {
            (Some(first), _) => Ok(first.wrapping_add(step)),
            (None, 0) => Err(Error::engine_row(
                engine,
                row,
                "the draw depends on the position, which is not known: give the prompt's ids, or `Params::position` (the prompt's length - 1 for the first drawn token)",
            )),
            (None, n) => Ok(n as u64 - 1),
        }
    }
}

/// The addresses of a batch: `row_seeds` or one seed for all, `position` for each row or one for all.
pub(in crate::engine) fn addresses(
    info: &'static EngineInfo,
    params: &Params,
    seed: &str,
    batch: usize,
    random: &'static str,
) -> Result<Vec<Address>> {
    let read = |text: &str| match text.trim() {
        "none" | "None" | "null" => Err(seed::refuse(info, text, random)),
        // vLLM's front end makes "none" of −1
        "-1" if info.name.starts_with("vllm") => Err(seed::refuse(info, text, random)),
        text => Ok(seed::whole(info, text, i128::from(i64::MIN), i128::from(i64::MAX))? as i64),
    };
    let seeds = match &params.row_seeds {
        None => vec![read(seed)?; batch],
        Some(seeds) => seeds.split(',').map(read).collect::<Result<Vec<i64>>>()?,
    };
    let position = |text: &str| match text.trim().parse::<u64>() {
        Ok(position) if position <= i64::MAX as u64 => Ok(Some(position)),
        _ => Err(Error::engine(
            info.name,
            format!(
                "position {:?}: it takes a whole number from 0 to 2^63 - 1, or one for each row",
                text.trim()
            ),
        )),
    };
    let mut positions = match &params.position {
        None => vec![None; batch],
        Some(text) => text.split(',').map(position).collect::<Result<Vec<_>>>()?,
    };
    if let [position] = positions[..] {
        positions = vec![position; batch];
    }
    for (name, n) in [("row_seeds", seeds.len()), ("position", positions.len())] {
        if n != batch {
            let what = format!("{name} names {n} rows, the batch has {batch}; give one for each row");
            return Err(Error::engine(info.name, what));
        }
    }
    Ok(seeds.into_iter().zip(positions).map(|(seed, position)| Address { seed, position }).collect())
}

/// The race of one row: the column with the greatest `score(column, x)`, the lowest one on ties; columns whose noise, at
/// most `bound(column)`, can't lift them over the best so far are passed over.
pub(in crate::engine) fn race(
    scores: &[f64],
    bound: impl Fn(u32) -> f64,
    score: impl Fn(u32, f64) -> f64,
) -> u32 {
    // the likeliest first, so that most others are passed over
    let mut first = 0;
    for (i, &x) in scores.iter().enumerate() {
        if x > scores[first] {
            first = i;
        }
    }
    let (mut winner, mut best) = (first as u32, score(first as u32, scores[first]));
    for (i, &x) in (0u32..).zip(scores) {
        // the slack covers every rounding of the sum
        if i as usize == first || x == f64::NEG_INFINITY || x + bound(i) + 1e-3 + x.abs() * 1e-6 < best {
            continue;
        }
        let z = score(i, x);
        if z > best || (z == best && i < winner) {
            (winner, best) = (i, z);
        }
    }
    winner
}
