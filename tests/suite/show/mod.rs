//! What is shown: every view on the fixtures at several widths, held to the files in tests/snapshots/.

mod columns;
mod compare;
mod explain;
mod histogram;
mod laws;
mod marked;
mod parse;
mod plain;
mod tree;

use std::path::Path;

use unicode_width::UnicodeWidthStr;

use crate::support::run::{tokpick, words};

/// The widths at which views are shown.
const WIDTHS: [usize; 3] = [60, 80, 120];

/// Holds a text to its snapshot; with `TOKPICK_SNAPSHOTS=write` in the environment the snapshot is written instead.
#[track_caller]
fn snapshot(name: &str, text: &str) {
    let text = &text.replace(concat!("tokpick ", env!("CARGO_PKG_VERSION")), "tokpick VERSION");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var("TOKPICK_SNAPSHOTS").is_ok_and(|v| v == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(*text, kept, "{name} has changed: look at it, and write it anew if it is right");
}

/// The snapshots of a command at every width, without colours, and with them at 80 columns; no line is wider than the screen.
#[track_caller]
fn at_every_width(name: &str, command: &str) {
    for width in WIDTHS {
        let text = tokpick(&words(&format!("{command} --width {width}"))).text();
        assert!(!text.contains('\x1b'), "no colours where nobody looks");
        for line in text.lines() {
            assert!(line.width() <= width, "{name}: {} columns at {width}: {line}", line.width());
            assert_eq!(line.trim_end(), line, "{name}: blanks at the end of a line");
        }
        snapshot(&format!("{name}-{width}.txt"), &text);
    }
    let colours = tokpick(&words(&format!("{command} --width 80 --color always"))).text();
    snapshot(&format!("{name}-80-colour.txt"), &colours);
    let ascii = tokpick(&words(&format!("{command} --width 80 --ascii"))).text();
    assert!(!ascii.contains(['█', '▏', '▁', '─', '×', '←', '●', '├']), "{ascii}");
}

#[test]
fn info() {
    at_every_width("info", "info steps.npy --vocab vocab.json");
}

#[test]
fn score() {
    at_every_width("score", "score steps.npy --vocab vocab.json --top-p 0.9 --ids 307,318,278,372");
}

#[test]
fn diff() {
    at_every_width("diff", "diff batch.npy batch-f16.npy");
}

#[test]
fn processors() {
    for width in WIDTHS {
        let text = tokpick(&words(&format!("processors --width {width}"))).text();
        assert!(text.lines().all(|line| line.width() <= width), "{text}");
    }
}

#[test]
fn colours_are_for_people_and_those_who_ask() {
    use crate::support::run::command;
    let run = |flags: &str, name: &str, value: &str| {
        let mut command = command(&words(&format!("explain steps.npy --seed 1 --step 0 {flags}")));
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env(name, value);
        String::from_utf8(command.output().unwrap().stdout).unwrap().contains('\x1b')
    };
    assert!(!run("", "TOKPICK_X", ""));
    assert!(run("--color always", "NO_COLOR", "1"), "a flag is the last word");
    assert!(run("", "CLICOLOR_FORCE", "1") && !run("", "CLICOLOR_FORCE", "0"));
    assert!(!run("--color never", "CLICOLOR_FORCE", "1"));
}
