//! Everything that the fuzz targets have found worth keeping, once more: `.ci/fuzz` looks for new inputs, this for old faults.

use std::path::Path;

use crate::support::run::fixture;

#[path = "../targets/mod.rs"]
#[allow(dead_code)]
mod targets;

/// The kept inputs of a target, by name.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = fixture("../tests/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn every_kept_input_keeps_its_promises() {
    for (name, run) in targets::TARGETS {
        let inputs = inputs(name);
        assert!(inputs.len() > 20, "{name} has {}", inputs.len());
        inputs.iter().for_each(|input| run(input));
    }
}

#[test]
fn every_kept_command_line_ends_well() {
    let binary = Path::new(env!("CARGO_BIN_EXE_tokpick"));
    inputs("command").iter().for_each(|input| targets::command_of(binary, input));
}
