//! The house is laid out as CONTRIBUTING.md says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The rooms in the order in which they may import, those that come later: by name, how far down.
fn rooms() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("CONTRIBUTING.md")).unwrap();
    let list = text.split("Imports go one way:").nth(1).and_then(|rest| rest.split('.').next()).unwrap();
    let levels = list.split(',').enumerate();
    levels
        .flat_map(|(at, names)| names.split(" and ").map(move |name| (name.trim().to_string(), at)))
        .collect()
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The rooms that a text names after `crate::`, unit tests and comments left out.
fn named(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{').and_then(|list| list.split(';').next()) {
            Some(list) => names.extend(list.split(',').map(|name| word(name.trim_start()))),
            None => names.push(word(after)),
        }
    }
    names
}

/// Every dependency stands in the table of CONTRIBUTING.md, with its reason, and none that isn't there.
#[test]
fn every_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let mut section = "";
    let mut needed = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]")
            && section != "[dev-dependencies]"
            && let Some((name, _)) = line.split_once(" = ")
        {
            needed.insert(name.trim());
        }
    }
    let text = std::fs::read_to_string(Path::new(ROOT).join("CONTRIBUTING.md")).unwrap();
    let table = text.split("| crate | for |\n|---|---|\n").nth(1).unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let cells: Vec<(&str, &str)> = rows
        .filter_map(|row| row.trim_matches('|').split_once('|'))
        .map(|(a, b)| (a.trim(), b.trim()))
        .collect();
    assert!(cells.iter().all(|(_, reason)| !reason.is_empty()));
    let named: BTreeSet<&str> = cells.iter().flat_map(|(names, _)| names.split(", ")).collect();
    assert!(needed.len() > 20, "{needed:?}");
    assert_eq!(needed, named);
}

#[test]
fn imports_go_one_way() {
    let (rooms, src) = (rooms(), Path::new(ROOT).join("src"));
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut upward = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let room = inside.iter().next().unwrap().to_string_lossy().replace(".rs", "");
        let is_test = inside.iter().any(|part| part == "tests" || part == "tests.rs");
        let Some(own) = rooms.get(&room).filter(|_| !is_test) else { continue };
        let up = |name: &String| rooms.get(name).is_some_and(|level| level < own);
        let text = std::fs::read_to_string(&file).unwrap();
        upward
            .extend(named(&text).into_iter().filter(up).map(|name| format!("{}: {name}", inside.display())));
    }
    assert!(rooms.len() > 15 && upward.is_empty(), "{upward:#?}");
}
