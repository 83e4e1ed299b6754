//! Help: `-h` is a screen, `--help` is everything, in one order for all commands.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory};

use super::commands::SCREENS;
use super::{Cli, Screen};

/// Commands that the overview shows by name alone.
const SELDOM: [&str; 8] =
    ["tokens", "convert", "synth", "processors", "engines", "lesson", "completions", "man"];

/// What flags are for, in a few words.
const BRIEFS: &[(&str, &str)] = &[
    ("temperature", "below 1 sharper, above 1 flatter, 0 greedy"),
    ("top-k", "keep the k most probable tokens"),
    ("top-p", "keep the best tokens that together reach p"),
    ("min-p", "keep tokens at least so many times the best one"),
    ("repetition-penalty", "above 1: what occurred is less probable"),
    ("seed", "makes the draw repeatable"),
    ("draw", ""),
    ("num-samples", "samples of each sequence"),
    ("with", "a setting; may be repeated"),
    ("sweep", "all values of a parameter"),
    ("from-trace", "draw the beams of a trace"),
    ("pruned", "show so many pruned continuations"),
    ("reference", "ids or text to compare with"),
    ("engine", "draw as another engine does (`tokpick engines`)"),
    ("num-beams", "how many prefixes are followed at once"),
    ("length-penalty", "above 0 for longer results"),
    ("early-stopping", "at the first results"),
    ("histogram", "count what came, beside what was to be expected"),
    ("num-return-sequences", "how many of the best are returned"),
    ("exact", "find the true best (required)"),
    ("max-nodes", "ask for at most so many rows"),
    ("max-new-tokens", "stop after so many tokens"),
    ("eos-token-id", "stop at any of these tokens"),
    ("prompt-ids", "what stood before the first step"),
    ("vocab", "token strings: JSON, lines, tokenizer.json"),
    ("tokenizer", "tokenizer.json: exact text, and text as input"),
    ("skip-special-tokens", "without `<|im_end|>` and the like"),
    ("add-special-tokens", "with `<s>`, `[CLS]` …"),
    ("as", "text or ids"),
    ("stop", "stop where the text holds this"),
    ("stream", "write each token as soon as it is taken"),
    ("position", "of the first step, for engines without a state"),
    ("ids-text", "text in the place of ids; needs a tokenizer"),
    ("prompt", "the prompt as text; needs a tokenizer"),
    ("of", ""),
    ("mask", "sampling masks to hold against the rows"),
    ("rows", "a part of the steps, B not included"),
    ("array", "one of several arrays in INPUT"),
    ("raw", "INPUT is bare numbers: f32, f16, bf16, f64"),
    ("vocab-size", "numbers in a row of these"),
    ("layout", "what the axes are"),
    ("ids", "token ids, or @FILE with them"),
    ("ids-file", "a line of ids for each sequence"),
    ("step", "this step alone"),
    ("top", "show so many"),
    ("greedy", "the ids were not drawn"),
    ("guess", "which engine draws these ids?"),
    ("logit-noise", "noise that the logits may carry, in nats"),
    ("max-kl", "status 1 above this divergence"),
    ("min-top1", "status 1 below this agreement"),
    ("dist", ""),
    ("scale", "how far they spread"),
    ("format", ""),
    ("output", "a file in place of standard output"),
    ("directory", "all pages, a file each"),
    ("markdown", "for a course page"),
    ("files", "the inputs of the lessons, into a folder"),
    ("record", "keep the run for `tokpick verify`"),
];

/// The headings of `--help`: what is decoded, how, how much of it, what comes out; then the rest.
const HEADINGS: [&str; 21] = [
    "Input",
    "Live model",
    "Ids",
    "History",
    "Shape",
    "Truncation",
    "History penalties",
    "Constraints",
    "Two models",
    "Chain",
    "Drawing",
    "Drawing with a memory",
    "Replaying an engine",
    "Beam search",
    "Stopping",
    "Comparison",
    "Verdict",
    "Limits",
    "Output",
    "Recording",
    REST,
];

/// The heading of what every command has.
const REST: &str = "Options";

/// The help that the words of a command line ask for.
pub fn asked(words: &[OsString]) -> StyledStr {
    let mut command = Cli::command();
    command.build();
    let named = words.iter().find_map(|word| command.find_subcommand(word));
    let long = words.iter().any(|word| word == OsStr::new("--help"));
    match named {
        Some(command) if long => everything(command),
        Some(command) => screen(command),
        None if long => command.render_long_help(),
        None => overview(&command),
    }
}

/// The short help of a command.
pub fn short(name: &str) -> StyledStr {
    asked(&[name.into()])
}

fn screen_of(command: &str) -> Option<&'static Screen> {
    SCREENS.iter().find(|(name, _)| *name == command).map(|(_, screen)| screen)
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// A screen: what the command does, examples, the flags that most people want.
fn screen(command: &Command) -> StyledStr {
    let name = command.get_name();
    let usage = command.clone().bin_name(format!("tokpick {name}")).render_usage();
    let mut text = format!("{}\n\n{usage}\n\n", about(command));
    let shown = screen_of(name);
    for example in shown.map_or(&[][..], |screen| screen.examples) {
        let _ = writeln!(text, "  {example}");
    }
    let mut rows: Vec<(String, String)> = Vec::new();
    if command.get_positionals().any(|arg| arg.get_id() == "input") {
        rows.push(("[INPUT]".into(), "logits, a server's answer; `-`: standard input".into()));
    }
    let flag = |long: &&str| command.get_arguments().find(|arg| arg.get_long() == Some(*long));
    rows.extend(shown.map_or(&[][..], |s| s.flags).iter().filter_map(flag).map(row));
    let width = rows.iter().map(|(flag, _)| flag.chars().count()).max().unwrap_or(0);
    text.push('\n');
    for (flag, brief) in rows {
        let _ = writeln!(text, "  {flag:width$}  {brief}");
    }
    let _ = writeln!(text, "\nEverything: tokpick {name} --help");
    text.into()
}

/// A flag and what it is for.
fn row(arg: &Arg) -> (String, String) {
    let long = arg.get_long().unwrap_or_default();
    let short = arg.get_short().map_or("    ".to_string(), |short| format!("-{short}, "));
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = value.and_then(|names| names.first()).map_or(String::new(), |name| format!(" <{name}>"));
    let brief = BRIEFS.iter().find(|(flag, _)| *flag == long).map_or("", |(_, brief)| brief);
    let values = arg.get_possible_values();
    let values = values.iter().filter(|value| !value.is_hide_set());
    let values: Vec<&str> = values.map(clap::builder::PossibleValue::get_name).collect();
    let takes_one = arg.get_action().takes_values() && !values.is_empty();
    let values = if takes_one { values.join(", ") } else { String::new() };
    let between = if brief.is_empty() || values.is_empty() { "" } else { ": " };
    (format!("{short}--{long}{value}"), format!("{brief}{between}{values}"))
}

/// The commands: those that have a screen with what they do, the others by name.
fn overview(command: &Command) -> StyledStr {
    let mut text = format!("{}\n\nUsage: tokpick COMMAND [INPUT] [FLAGS]\n\n", about(command));
    let often = SCREENS.iter().map(|(name, _)| *name).filter(|name| !SELDOM.contains(name));
    let shown: Vec<&Command> = often.filter_map(|name| command.find_subcommand(name)).collect();
    let width = shown.iter().map(|c| c.get_name().len()).max().unwrap_or(0);
    for one in &shown {
        let (name, about) = (one.get_name(), about(one));
        let brief = about.split([',', ';', ':']).next().unwrap_or_default();
        let _ = writeln!(text, "  {name:width$}  {brief}");
    }
    let others = command.get_subcommands().filter(|c| {
        !c.is_hide_set() && (screen_of(c.get_name()).is_none() || SELDOM.contains(&c.get_name()))
    });
    let others: Vec<&str> = others.map(Command::get_name).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "  {:width$}  {}", "also", others.join(", "));
    }
    let examples = SCREENS.iter().filter_map(|(_, screen)| screen.examples.first()).take(2);
    text.push('\n');
    for example in examples {
        let _ = writeln!(text, "  {example}");
    }
    text.push_str("\nA screen on one: tokpick COMMAND -h. Everything: --help. Version: --version.\n");
    text.into()
}

/// Where a heading stands; what is in brackets after it doesn't count.
fn place(arg: &Arg) -> usize {
    let heading = arg.get_help_heading().unwrap_or(REST);
    let heading = heading.split(" (").next().unwrap_or(heading);
    HEADINGS.iter().position(|h| *h == heading).unwrap_or(HEADINGS.len())
}

/// The program as it is shown: commands and flags that have an effect, in the order of the help.
pub fn program() -> Command {
    let mut command = Cli::command();
    command.build();
    let shown = Command::new("tokpick")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about(&command))
        .long_about(command.get_long_about().cloned().unwrap_or_default());
    let subcommands = command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    shown
        .disable_help_subcommand(true)
        .subcommands(subcommands.map(|c| sorted(c).name(c.get_name().to_string())))
}

/// Every flag, under the headings in their order, and the examples.
fn everything(command: &Command) -> StyledStr {
    sorted(command).bin_name(format!("tokpick {}", command.get_name())).render_long_help()
}

/// A command with its flags under the headings in their order, without those that have no effect, and with examples.
fn sorted(command: &Command) -> Command {
    let mut args: Vec<Arg> = command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned().collect();
    args.sort_by_key(place);
    let args = args.into_iter().map(|arg| match arg.get_help_heading() {
        None if !arg.is_positional() => arg.help_heading(REST),
        _ => arg,
    });
    let mut after = command.get_after_long_help().map(|text| format!("{text}\n\n")).unwrap_or_default();
    if let Some(screen) = screen_of(command.get_name()) {
        let _ = write!(after, "Examples:\n  {}", screen.examples.join("\n  "));
    }
    let sorted = Command::new("tokpick")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(110)
        .about(command.get_about().cloned().unwrap_or_default())
        .after_long_help(after);
    let sorted = match command.get_long_about() {
        Some(long) => sorted.long_about(format!("{}\n\n{long}", about(command))),
        None => sorted,
    };
    sorted.args(args)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn commands() -> Vec<Command> {
        let mut command = Cli::command();
        command.build();
        command.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect()
    }

    fn flag<'c>(command: &'c Command, long: &str) -> Option<&'c Arg> {
        command.get_arguments().find(|arg| arg.get_long() == Some(long))
    }

    #[test]
    fn a_screen_shows_flags_that_its_command_has() {
        for (name, screen) in SCREENS {
            let command = commands().into_iter().find(|c| c.get_name() == *name);
            let command = command.unwrap_or_else(|| panic!("no command {name}"));
            for long in screen.flags {
                let arg = flag(&command, long);
                assert!(arg.is_some_and(|arg| !arg.is_hide_set()), "{name}: --{long}");
            }
        }
        let shown: BTreeSet<&str> = SCREENS.iter().flat_map(|(_, screen)| screen.flags).copied().collect();
        let brief: BTreeSet<&str> = BRIEFS.iter().map(|(long, _)| *long).collect();
        assert_eq!(brief.len(), BRIEFS.len(), "a flag has two briefs");
        assert!(
            brief.is_subset(&shown),
            "briefs of flags that no screen shows: {:?}",
            brief.difference(&shown)
        );
    }

    #[test]
    fn every_heading_has_a_place() {
        let known = |heading: &str| HEADINGS.contains(&heading.split(" (").next().unwrap_or(heading));
        for command in commands() {
            for heading in command.get_arguments().filter_map(Arg::get_help_heading) {
                assert!(known(heading), "{}: {heading}", command.get_name());
            }
        }
    }

    #[test]
    fn flags_without_effect_are_hidden() {
        for (command, hidden) in [
            ("greedy", &["draw", "engine", "position", "mirostat", "num-beams"][..]),
            ("sample", &["num-beams", "force-ids"]),
            ("beam", &["stream", "draw", "engine", "filtered-batch", "adaptive-target", "num-samples"]),
            ("search", &["stream", "threads", "draw", "engine", "mirostat", "num-beams"]),
            ("explain", &["num-samples", "threads"]),
            ("verify", &["max-new-tokens", "threads"]),
        ] {
            let command = commands().into_iter().find(|c| c.get_name() == command).unwrap();
            for long in hidden {
                assert!(
                    flag(&command, long).is_some_and(Arg::is_hide_set),
                    "{} --{long}",
                    command.get_name()
                );
            }
        }
    }
}
