//! Everything that the fuzz targets have found worth keeping, once more: `.ci/fuzz` looks for new inputs, this for old faults.

use std::io::Read;
use std::path::Path;

use crate::support::run::fixture;

#[path = "../targets/mod.rs"]
#[allow(dead_code)]
mod targets;

/// The kept inputs of a target, in order of their names.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let packed = std::fs::File::open(fixture("../tests/corpus").join(format!("{target}.tar.gz"))).unwrap();
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut tar).unwrap();
    unpacked(&tar)
}

/// The files of a tar archive: a head of 512 bytes with the size in octal digits, then the file in whole blocks of 512.
fn unpacked(mut tar: &[u8]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    // it ends with blocks of zeros
    while let Some((head, rest)) = tar.split_at_checked(512).filter(|(head, _)| head[0] != 0) {
        assert_eq!(head[156], b'0', "a plain file");
        let size = std::str::from_utf8(&head[124..135]).unwrap();
        let size = usize::from_str_radix(size, 8).unwrap();
        files.push(rest[..size].to_vec());
        tar = &rest[size.next_multiple_of(512)..];
    }
    files
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
