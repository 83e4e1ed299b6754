//! Numbers that a check holds against.

use tokpick::{Error, Result};

/// Refuses a number below 0 or above `most`, which says `why`.
///
/// # Errors
/// The flag, its value, and what it must be.
pub fn limit(flag: &'static str, value: Option<f64>, most: f64, why: &str) -> Result<()> {
    match value {
        Some(value) if value.is_nan() || value < 0.0 => Err(Error::setting(flag, value, "must be 0 or more")),
        Some(value) if value > most && most == f64::MAX => {
            Err(Error::setting(flag, value, format!("must be finite: {why}")))
        }
        Some(value) if value > most => {
            Err(Error::setting(flag, value, format!("must be at most {most}: {why}")))
        }
        _ => Ok(()),
    }
}
