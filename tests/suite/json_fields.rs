//! docs/json.md names every field of every document, and none that isn't there.
//!
//! `<!-- fields: COMMAND -->` says what to run (in fixtures/tiny-lm); the table after it has the fields of what these commands print.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::run::{tokpick, words};

/// The fields of a document: names joined by dots, `[]` after a list of objects. A chain is a form of its own.
fn fields(value: &Value, path: &str, to: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) if path != "chain" && !path.ends_with(".chain") => {
            for (name, value) in object {
                // a dot inside a name would split it
                let name = name.replace('.', "_");
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                fields(value, &path, to);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) && !path.ends_with("chain") => {
            list.iter().for_each(|value| fields(value, &format!("{path}[]"), to));
        }
        _ => {
            to.insert(path.to_string());
        }
    }
}

/// Whether a field of the table stands for one that was printed; `*` is any name.
fn stands_for(named: &str, printed: &str) -> bool {
    let (named, printed): (Vec<_>, Vec<_>) = (named.split('.').collect(), printed.split('.').collect());
    named.len() == printed.len() && named.iter().zip(&printed).all(|(n, p)| *n == "*" || n == p)
}

#[test]
fn every_field_is_documented_and_every_documented_field_is_there() {
    let text = include_str!("../../docs/json.md");
    let mut wrong = Vec::new();
    let mut tables = 0;
    // a part: the commands, then the table
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("<!-- fields: ") else { continue };
        let mut commands = vec![command];
        commands.extend(std::iter::from_fn(|| lines.next_if(|l| l.starts_with("<!-- fields: "))));
        let mut printed = BTreeSet::new();
        for command in commands {
            let command = command.trim_start_matches("<!-- fields: ").trim_end_matches(" -->");
            let ran = tokpick(&words(command));
            assert!(matches!(ran.status, Some(0 | 1)), "{command}: {}", ran.err);
            let document = serde_json::from_slice(&ran.out).unwrap_or_else(|e| panic!("{command}: {e}"));
            fields(&document, "", &mut printed);
        }
        let rows = lines.by_ref().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|'));
        let cells: Vec<&str> = rows.filter_map(|row| row.split('|').nth(1)).collect();
        let named: Vec<&str> = cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        tables += 1;
        wrong.extend(
            printed
                .iter()
                .filter(|p| !named.iter().any(|n| stands_for(n, p)))
                .map(|p| format!("{command} prints `{p}`, which the table lacks")),
        );
        // a list of objects is named itself, too, where it may be empty
        let there = |n: &str| {
            printed.iter().any(|p| {
                stands_for(n, p) || p.starts_with(&format!("{n}[].")) || p.starts_with(&format!("{n}."))
            })
        };
        wrong.extend(
            named
                .iter()
                .filter(|n| !there(n.trim_end_matches("[]")))
                .map(|n| format!("the table has `{n}`, which `{command}` doesn't print")),
        );
    }
    assert!(tables > 8, "docs/json.md has tables");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
