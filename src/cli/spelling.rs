//! How flags may be written beside their names, and what is proposed for one that is unknown.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Error};
use strsim::osa_distance;

/// The spellings of other engines, by flag; they are understood and not shown. Those of a processor are in its own file.
const ALIASES: &[(&str, &[&str])] = &[
    ("mirostat-eta", &["mirostat-lr"]),
    ("mirostat-tau", &["mirostat-ent"]),
    ("max-new-tokens", &["max-tokens", "max_new_tokens", "max_tokens", "n-predict"]),
    ("eos-token-id", &["eos", "eos_token_id", "stop-token-ids"]),
    ("num-beams", &["beam-width", "beam-size", "beams", "num_beams"]),
    ("num-beam-groups", &["beam-groups"]),
    ("length-penalty", &["lenpen", "length_penalty"]),
];

/// What holds for every flag of every command: other engines' spellings are understood, and a negative number is a value, so that
/// what is wrong with it is said of the flag.
pub fn tune(arg: Arg) -> Arg {
    let Some(long) = arg.get_long() else { return arg };
    let aliases = ALIASES.iter().find(|(name, _)| *name == long).map_or(&[][..], |(_, aliases)| aliases);
    let arg = arg.aliases(aliases.iter().copied());
    if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg }
}

/// Flags of other engines that mean nearly the same as one of ours, and not quite: the other one is proposed.
const RELATED: &[(&str, &str)] = &[
    // it counts the prompt
    ("--max-length", "--max-new-tokens"),
    ("--max-len", "--max-new-tokens"),
    ("--max-seq-len", "--max-new-tokens"),
];

/// What a usage error proposes for an unknown flag: the flag that means nearly the same, or one whose name is near, or nothing.
pub fn only_near(mut error: Error, has: impl Fn(&str) -> bool) -> Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (typed, meant) = (text(ContextKind::InvalidArg), text(ContextKind::SuggestedArg));
    let written = typed.as_ref().map(|typed| typed.to_lowercase().replace('_', "-"));
    if let Some((_, meant)) =
        RELATED.iter().find(|(other, meant)| written.as_deref() == Some(other) && has(meant))
    {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(meant.to_string()));
        error.remove(ContextKind::Usage);
        return error;
    }
    if let (Some(typed), Some(meant)) = (typed, meant)
        && !is_near(&typed, &meant)
    {
        error.remove(ContextKind::SuggestedArg);
        // it names the flag, too
        error.remove(ContextKind::Usage);
    }
    error
}

/// A slip of the fingers, or a name that the other one begins with.
fn is_near(typed: &str, meant: &str) -> bool {
    let bare = |flag: &str| flag.trim_start_matches('-').to_lowercase().replace(['_', '-'], "");
    let (typed, meant) = (bare(typed), bare(meant));
    let begins = typed.len() >= 3 && (meant.starts_with(&typed) || typed.starts_with(&meant));
    begins || osa_distance(&typed, &meant) <= typed.chars().count().div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn near_and_far() {
        for (typed, meant) in
            [("--temprature", "--temperature"), ("--topq", "--top-p"), ("--max-new", "--max-new-tokens")]
        {
            assert!(is_near(typed, meant), "{typed} {meant}");
        }
        for (typed, meant) in
            [("--tokenizer", "--engine"), ("--device", "--draw"), ("--x", "--xtc-threshold")]
        {
            assert!(!is_near(typed, meant), "{typed} {meant}");
        }
    }
}
