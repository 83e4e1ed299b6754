//! Remarks on standard error that don't end the run.

use std::io::Write;

use tokpick::render::Tokens;
use tokpick::source::{LeftOut, Seen};

use super::args::Opened;
use super::fields::as_flags;
use super::host;
use super::progress::aside;

/// Says something that the user should know: a setting without effect, a seed that was taken.
pub fn note(text: impl AsRef<str>) {
    let text = as_flags(text.as_ref());
    if host::hand(|taken| taken.notes.push(text.clone())) {
        return;
    }
    // standard error may be closed
    aside(|| drop(writeln!(std::io::stderr(), "tokpick: note: {text}")));
}

/// Says which of the given flags have no effect in this strategy.
pub fn no_effect(flags: &[&str], why: &str) {
    if !flags.is_empty() {
        note(format!("no effect {why}: {}", flags.join(", ")));
    }
}

/// Warns of ids that have no string.
pub fn missing(tokens: Option<&Tokens>) {
    let Some(tokens) = tokens else { return };
    let missing = tokens.missing();
    if let Some(first) = missing.first() {
        note(format!(
            "{} of the ids shown, {first} first, have no string: the vocabulary has {} (padded model head?)",
            missing.len(),
            tokens.len()
        ));
    }
}

/// Says what the rows of an input left out, and what that means.
pub fn left_out(opened: &Opened, what: impl FnOnce(&LeftOut) -> String) {
    let Some(left_out) = opened.left_out.as_ref().map(Seen::so_far) else { return };
    // less is rounding
    if left_out.largest < 1e-4 {
        return;
    }
    note(format!(
        "{}: {:.4} of the probability is in tokens that its rows don't list, {:.4} at most ({}); {}",
        opened.source.name(),
        left_out.mean(),
        left_out.largest,
        left_out.at,
        what(&left_out)
    ));
}
