//! Probabilities in the place of logits.

use super::{Format, LogitsSource, Query, Row, Wrapper};
use crate::{Error, Place, Result, TokenId};

/// How far a sum may be from 1: half-precision numbers that are all rounded the same way are up to 0.4 % off.
const SLACK: f64 = 0.02;

/// Turns the probabilities of a row into logits, ln p, where they lie; 0 becomes −∞. Those of a sparse row belong to `ids`, and
/// may sum to less than 1.
///
/// # Errors
/// What is wrong with which token: a number that is no probability, a sum that is not 1.
pub(super) fn to_logits(
    row: &mut [f32],
    ids: Option<&[TokenId]>,
) -> std::result::Result<(), (Option<TokenId>, String)> {
    let mut sum = 0.0;
    for (at, p) in row.iter_mut().enumerate() {
        let wide = f64::from(*p);
        if !(0.0..=1.0 + SLACK).contains(&wide) {
            let token = ids.map_or_else(|| TokenId::try_from(at).ok(), |ids| ids.get(at).copied());
            return Err((token, format!("{p} is no probability: they are from 0 to 1")));
        }
        sum += wide;
        *p = libm::log(wide) as f32;
    }
    let is_off = if ids.is_some() { sum > 1.0 + SLACK } else { (sum - 1.0).abs() > SLACK };
    if is_off {
        return Err((None, format!("these are no probabilities: they sum to {}, not to 1", sum as f32)));
    }
    Ok(())
}

/// True for a row that is a distribution, not logits: several numbers from 0 to 1 whose sum is 1 (of a sparse row at least half).
pub(super) fn look_like(row: &Row) -> bool {
    let sum: f64 = row.logits.iter().map(|p| f64::from(*p)).sum();
    let least = if row.ids.is_some() { 0.5 } else { 0.995 };
    let several = row.logits.len() > 1;
    several && (least..=1.005).contains(&sum) && row.logits.iter().all(|p| (0.0..=1.0).contains(p))
}

/// A source whose rows are probabilities.
pub(super) struct Probabilities(pub Box<dyn LogitsSource + Send>);

impl Wrapper for Probabilities {
    fn inner(&self) -> &dyn LogitsSource {
        self.0.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn LogitsSource {
        self.0.as_mut()
    }

    fn rows_around(&mut self, at: &[Query<'_>], out: &mut Vec<Row>) -> Result<()> {
        self.0.rows(at, out)?;
        for (at, row) in at.iter().zip(out).filter(|(_, row)| !row.ended) {
            to_logits(&mut row.logits, row.ids.as_deref()).map_err(|(token, what)| {
                Error::input(self.0.name(), Place { token, ..Place::row(at.sequence, at.step) }, what)
            })?;
        }
        Ok(())
    }

    fn format_around(&self) -> Format {
        let format = self.0.format();
        Format { name: format!("{}, probabilities", format.name), ..format }
    }
}
