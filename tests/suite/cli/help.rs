//! Help: a screen for `-h`, everything for `--help`, and what is said of flags that don't exist.

use crate::support::run::{Ran, command, fixture, shell, tokpick, with_input, words};

/// The names of all commands.
fn commands() -> Vec<String> {
    let help = tokpick(&["--help"]).text();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names = list.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("    "));
    let names: Vec<String> =
        names.filter_map(|line| line.split_whitespace().next().map(str::to_string)).collect();
    assert!(names.len() >= 13, "{names:?}");
    names.into_iter().filter(|name| name != "help").collect()
}

/// A help as it stands in a terminal of 80 columns.
fn help(args: &[&str]) -> String {
    let done = command(args).env("COLUMNS", "80").output().unwrap();
    Ran { status: done.status.code(), out: done.stdout, err: String::new() }.text()
}

/// The flags and the headings of a full help.
fn parts(help: &str) -> (Vec<String>, Vec<String>) {
    let flag = |line: &str| {
        let line = line.trim_start();
        let long =
            line.starts_with('-').then(|| line.split([' ', ',']).find(|word| word.starts_with("--")))??;
        Some(long.to_string())
    };
    let flags = help.lines().filter(|line| line.starts_with("  ")).filter_map(flag).collect();
    let heading = |line: &&str| line.ends_with(':') && !line.starts_with([' ', '`']);
    (flags, help.lines().filter(heading).map(|line| line.trim_end_matches(':').to_string()).collect())
}

/// SECURITY.md names every flag whose file or folder is written.
#[test]
fn every_place_that_is_written_is_a_promise() {
    let security = include_str!("../../../SECURITY.md");
    let mut written = std::collections::BTreeSet::new();
    for name in commands() {
        let mut heading = String::new();
        for line in help(&[&name, "--help"]).lines() {
            if line.ends_with(':') && !line.starts_with(' ') {
                heading = line.to_string();
            }
            let is_place = line.contains("<FILE>") || line.contains("<FOLDER>");
            if is_place && ["Output:", "Recording:"].contains(&heading.as_str()) {
                written.extend(parts(line).0);
            }
        }
    }
    assert!(written.len() >= 6, "{written:?}");
    let missing: Vec<_> = written.iter().filter(|flag| !security.contains(&format!("{flag}`"))).collect();
    assert!(missing.is_empty(), "SECURITY.md doesn't name {missing:?}");
}

#[test]
fn the_short_help_is_a_screen() {
    let mut all = commands();
    all.push(String::new());
    for name in all {
        let words: Vec<&str> = [name.as_str(), "-h"].into_iter().filter(|word| !word.is_empty()).collect();
        let help = help(&words);
        let (lines, widest) = (help.lines().count(), help.lines().map(|l| l.chars().count()).max().unwrap());
        assert!(lines <= 24 && widest <= 80, "{name}: {lines} lines, {widest} columns\n{help}");
        let examples = help.lines().filter(|line| line.starts_with("  tokpick ")).count();
        assert!((2..=3).contains(&examples), "{name}: give two or three examples in src/cli/help.rs\n{help}");
        assert!(
            !help.contains("  \n") && !help.lines().any(|line| line.ends_with(' ')),
            "{name}: a flag without words\n{help}"
        );
    }
}

/// What the README uses is what a newcomer looks for.
#[test]
fn the_short_help_has_the_flags_of_the_readme() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let mut found = 0;
    for line in readme.lines().filter(|line| line.starts_with("$ ")) {
        for command in line.split('|').filter_map(|part| part.split_once("tokpick ").map(|x| x.1)) {
            let mut words = command.split_whitespace();
            let name = words.next().unwrap();
            let help = help(&[name, "-h"]);
            for flag in words.filter(|word| word.starts_with("--")) {
                let shown = help.lines().skip_while(|line| !line.starts_with("  [INPUT]"));
                let is_shown = shown.flat_map(|line| line.split([' ', ','])).any(|word| word == flag);
                assert!(is_shown, "{name} -h lacks {flag}: {line}");
                found += 1;
            }
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn every_example_of_a_short_help_runs() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("tiny-lm")).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, folder.path().join(from.file_name().unwrap())).unwrap();
    }
    for name in commands() {
        for line in help(&[&name, "-h"]).lines().filter(|line| line.starts_with("  tokpick ")) {
            let ran = shell(&format!("set -o pipefail; {}", line.trim()), folder.path());
            assert_eq!((ran.status, ran.err.contains("no effect")), (Some(0), false), "{line}: {}", ran.err);
        }
    }
}

/// What the short help shows, the long one has; no flag stands in it twice, and the headings come in one order.
#[test]
fn the_long_help_has_everything_in_one_order() {
    let mut before: Vec<(String, String)> = Vec::new();
    for name in commands() {
        let (flags, headings) = parts(&help(&[&name, "--help"]));
        let (shown, _) = parts(&help(&[&name, "-h"]));
        for flag in &shown {
            assert!(flags.contains(flag), "{name} {flag}");
        }
        for (at, flag) in flags.iter().enumerate() {
            assert!(!flags[..at].contains(flag), "{name} {flag} twice");
        }
        assert!(flags.iter().any(|f| f == "--help"), "{name}");
        for (at, later) in headings.iter().enumerate() {
            for earlier in &headings[..at] {
                let (earlier, later) = (earlier.clone(), later.clone());
                assert!(
                    !before.contains(&(later.clone(), earlier.clone())),
                    "{name}: {later} after {earlier}"
                );
                before.push((earlier, later));
            }
        }
    }
}

/// A flag that a command can't use isn't in its help.
#[test]
fn no_help_shows_a_flag_without_effect() {
    for (name, useless) in [
        ("greedy", "--draw --engine --num-samples --mirostat --num-beams --length-penalty --replacement"),
        ("sample", "--num-beams --length-penalty --early-stopping --force-ids"),
        ("beam", "--draw --engine --num-samples --mirostat --stream"),
        ("search", "--draw --engine --num-samples --num-beams --stream --length-penalty --threads"),
        ("explain", "--num-samples --threads"),
        ("verify", "--threads --max-new-tokens"),
    ] {
        let (flags, _) = parts(&help(&[name, "--help"]));
        for flag in words(useless) {
            assert!(!flags.iter().any(|f| f == flag), "{name} {flag}");
        }
    }
}

#[test]
fn spellings_of_other_engines_are_understood_and_not_shown() {
    let full = help(&["sample", "--help"]);
    for (theirs, ours) in [
        ("--temp 0.7", "--temperature 0.7"),
        ("--temp=0.7 --topk 9", "--temperature 0.7 --top-k 9"),
        ("--top_p 0.9 --min_p 0.01", "--top-p 0.9 --min-p 0.01"),
        ("--repeat-penalty 1.3 --repeat-last-n 3", "--repetition-penalty 1.3 --penalty-last-n 3"),
        ("--max-tokens 2", "--max-new-tokens 2"),
        ("--typical 0.5 --tfs 0.9", "--typical-p 0.5 --tail-free 0.9"),
    ] {
        let run = |flags: &str| tokpick(&words(&format!("sample steps-small.json -s 1 {flags}"))).text();
        assert_eq!(run(theirs), run(ours), "{theirs}");
        assert!(!full.contains(&format!("{} ", words(theirs)[0])), "{theirs}");
    }
    let beam = |flag: &str| tokpick(&words(&format!("beam steps-small.json {flag} 3 -f json"))).json();
    assert_eq!(beam("--beam-width")["sequences"], beam("--num-beams")["sequences"]);
}

#[test]
fn only_what_is_near_is_proposed() {
    for (typed, meant) in
        [("--temprature", "--temperature"), ("--top-pp", "--top-p"), ("--max-new", "--max-new-tokens")]
    {
        let error = with_input(&["sample", typed, "1"], b"").err;
        assert!(error.contains(&format!("'{meant}'")), "{error}");
    }
    for typed in ["--checkpoint", "--device", "--quantize"] {
        let error = with_input(&["sample", typed, "x"], b"").err;
        assert!(
            error.contains(&format!("unexpected argument '{typed}'")) && !error.contains("similar"),
            "{error}"
        );
    }
}

/// A person at a terminal who gives nothing is shown the screen.
#[test]
fn help_is_one_text_wherever_it_is_asked_for() {
    assert_eq!(tokpick(&["sample", "steps.npy", "-h"]).text(), tokpick(&["sample", "-h"]).text());
    assert_eq!(tokpick(&["-h"]).text(), help(&["-h"]));
}
