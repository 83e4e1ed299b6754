//! Remarks on standard error that don't end the run.

use std::io::Write;

use tokpick::check::Known;
use tokpick::render::{Tokens, said};
use tokpick::source::{LeftOut, Seen, leaves_out};

use super::args::Opened;
use super::fields::as_flags;
use super::host;
use super::progress::aside;

/// Says something that the user should know: a setting without effect, a seed that was taken.
pub fn note(text: impl AsRef<str>) {
    let text = said(&as_flags(text.as_ref()));
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
        let why = match tokens.is_whole() {
            true => format!("the vocabulary has {} (padded model head?)", tokens.len()),
            false => format!("the input itself names {} (`Vocab` names all)", tokens.len()),
        };
        note(format!("{} of the ids shown, {first} first, have no string: {why}", missing.len()));
    }
}

/// What is said where nothing tells that a result is exact all the same.
pub fn renormalised(_: &LeftOut) -> String {
    Known::Renormalised(None).words()
}

/// Says what the rows of an input left out, and what that means.
pub fn left_out(opened: &Opened, what: impl FnOnce(&LeftOut) -> String) {
    if let Some(words) = unlisted(opened.source.name(), opened.left_out.as_ref(), what) {
        note(words);
    }
}

/// How a picture was made, and what the rows of its input left out: a picture is shown without what was said beside it.
pub fn made_of(
    made: String,
    name: &str,
    seen: Option<&Seen>,
    what: impl FnOnce(&LeftOut) -> String,
) -> String {
    match unlisted(name, seen, what) {
        Some(words) => format!("{made} · {words}"),
        None => made,
    }
}

fn unlisted(name: &str, seen: Option<&Seen>, what: impl FnOnce(&LeftOut) -> String) -> Option<String> {
    let left_out = seen?.so_far();
    leaves_out(left_out.largest).then(|| {
        format!(
            "{name}: {:.4} of the probability is in tokens that its rows don't list, {:.4} at most ({}); {}",
            left_out.mean(),
            left_out.largest,
            left_out.at,
            what(&left_out)
        )
    })
}
