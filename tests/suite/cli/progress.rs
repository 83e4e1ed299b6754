//! How far a long run is, told on a terminal and nowhere else. The terminal is one that `script` makes.

use std::process::Command;

use crate::support::run::{fixture, shell, tokpick};

/// Half of the rows, the other half after more than a second, also on a busy machine.
const SLOW: &str = "{ head -c 24704 steps.npy; sleep 2.5; tail -c +24705 steps.npy; }";

/// What a terminal shows of a line of shell; `None` where there is no `script`.
pub fn on_terminal(line: &str) -> Option<String> {
    let version = Command::new("script").arg("--version").output();
    if !version.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: there is no `script` (util-linux) here");
        return None;
    }
    let quoted = shlex::try_quote(line).unwrap();
    let ran = shell(&format!("TERM=xterm script -qefc {quoted} /dev/null < /dev/null"), &fixture("tiny-lm"));
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    Some(String::from_utf8(ran.out).unwrap())
}

/// What is left to be seen of a line on a terminal, after carriage returns and cleared lines.
fn left(shown: &str) -> String {
    let lines = shown.lines().map(|line| line.rsplit(['\r']).next().unwrap_or_default());
    lines.map(|line| line.rsplit("\x1b[2K").next().unwrap_or_default()).collect()
}

#[test]
fn a_long_run_says_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let ids = folder.path().join("ids");
    let to = shlex::try_quote(ids.to_str().unwrap()).unwrap().into_owned();
    let Some(shown) = on_terminal(&format!("{SLOW} | tokpick greedy > {to}")) else { return };
    let whole = tokpick(&["greedy", "steps.npy"]).text();
    assert_eq!(std::fs::read_to_string(&ids).unwrap(), whole);
    assert!(!shown.contains("25 rows"), "the end is no row: {shown:?}");
    for part in [" of 24 rows, ", "/s, ", " left"] {
        assert!(shown.contains(part), "{part:?} in {shown:?}");
    }
    assert_eq!(left(&shown).trim(), "", "it is gone in the end: {shown:?}");
    // results take its place
    let shown = on_terminal(&format!("{SLOW} | tokpick greedy")).unwrap();
    assert!(shown.contains(" of 24 rows, ") && left(&shown).ends_with(whole.trim()), "{shown:?}");
    // where the end isn't known, there is none
    let lines = "{ echo '[1,2]'; sleep 2.5; echo '[2,1]'; echo '[1,2]'; }";
    let shown = on_terminal(&format!("{lines} | tokpick greedy > {to}")).unwrap();
    assert!(shown.contains(" rows, ") && !shown.contains(" of "), "{shown:?}");
    // a Ctrl-C takes it away
    let lines = "{ echo '[1,2]'; sleep 1.5; echo '[2,1]'; sleep 2.5; }";
    let interrupted = format!("{lines} | timeout --foreground -s INT 3 tokpick greedy > {to} || true");
    let shown = on_terminal(&interrupted).unwrap();
    assert!(shown.contains(" rows, ") && left(&shown).trim().is_empty(), "{shown:?}");
    // an error stands alone
    let lines = "{ echo '[1,2]'; sleep 2.5; echo '[2,1]'; sleep 0.1; echo '[1,NaN]'; }";
    let shown = on_terminal(&format!("{lines} | tokpick greedy > {to} || true")).unwrap();
    assert!(shown.contains(" rows, ") && left(&shown).starts_with("tokpick: "), "{shown:?}");
}

#[test]
fn short_runs_and_pipes_see_nothing_of_it() {
    let ran = shell(&format!("{SLOW} | tokpick greedy"), &fixture("tiny-lm"));
    assert_eq!((ran.status, &ran.err[..]), (Some(0), ""));
    let Some(shown) = on_terminal("tokpick greedy steps.npy > /dev/null") else { return };
    assert_eq!(shown, "");
}
