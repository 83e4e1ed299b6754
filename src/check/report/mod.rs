//! The answers as text, for reading.

mod compare;
mod diff;
mod guess;
mod kl_statistics;
mod logprobs;
mod mask;
mod record;
mod score;
mod verify;

pub use compare::Comparison;
pub use score::{By, page as score_page, svg as score_svg};

use crate::render::kit::Digits;

/// A number with few digits, for columns that are compared at a glance, unless all digits are asked for; `-` where there is none.
fn small(x: Option<f64>, digits: Digits) -> String {
    match x {
        None => "-".to_string(),
        Some(x) if digits == Digits::Full => digits.write(x),
        Some(0.0) => "0".to_string(),
        Some(x) if (1e-3..1e4).contains(&x.abs()) => format!("{x:.4}"),
        Some(x) => format!("{x:.2e}"),
    }
}
